"""The certificate that clients must trust, read from a directory or asked of an emulator. Standard library only."""

from pathlib import Path

from emulator.commands import probes
from emulator.commands.attach import START

_FILE = "ca.pem"


class NoAuthorityError(Exception):
    """There is no certificate to be had; str() says why and what to do."""


def from_directory(directory: str) -> str:
    """What a server with this tls_dir made.

    Raises:
        NoAuthorityError: nothing.
    """
    path = Path(directory, _FILE)
    try:
        return _certificate(path.read_bytes(), str(path))
    except FileNotFoundError:
        hint = "a server with this --tls-dir and a --tls-port or --proxy-port makes it"
        raise NoAuthorityError(f"there is no {path} yet; {hint}") from None
    except OSError as error:
        raise NoAuthorityError(f"cannot read {path}: {error.strerror}") from None


def from_server(url: str, token: str | None = None) -> str:
    """What the emulator at this address says.

    Args:
        url: its http address.
        token: its control token.

    Raises:
        NoAuthorityError: it does not answer, or has none.
    """
    try:
        return _certificate(probes.ca_of(url, token).encode(), url)
    except probes.SilentError as error:
        hint = f"correct --url, or start it with: {START}"
        raise NoAuthorityError(f"no emulator answers at {url} ({error}); {hint}") from None
    except probes.ProbeError as error:
        raise NoAuthorityError(f"{url}: {error}") from None


def _certificate(data: bytes, where: str) -> str:
    text = data.decode("ascii", errors="replace")
    if not text.startswith("-----BEGIN CERTIFICATE-----") or "PRIVATE KEY" in text:
        raise NoAuthorityError(f"what is at {where} is not a certificate alone")
    return text
