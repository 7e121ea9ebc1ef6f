"""Read the CA certificate that clients must trust from a directory or an emulator. Standard library only."""

from pathlib import Path

from emulator.commands import probes
from emulator.commands.env import START

_FILE = "ca.pem"


class NoAuthorityError(Exception):
    """The certificate is not available; str() explains why and what to do."""


def from_directory(directory: str) -> str:
    """Read the CA certificate from the tls_dir of a server.

    Raises:
        NoAuthorityError: it does not exist, cannot be read, or is not a certificate.
    """
    path = Path(directory, _FILE)
    try:
        return _certificate(path.read_bytes(), str(path))
    except FileNotFoundError:
        hint = "serve creates it, with this --tls-dir and a --tls-port or --proxy-port"
        raise NoAuthorityError(f"{path} does not exist; {hint}") from None
    except OSError as error:
        raise NoAuthorityError(f"cannot read {path}: {error.strerror}") from None


def from_server(url: str, token: str | None = None) -> str:
    """Request the CA certificate from an emulator.

    Args:
        url: its http URL.
        token: its control token.

    Raises:
        NoAuthorityError: the emulator does not respond, or has no certificate.
    """
    try:
        return _certificate(probes.ca_of(url, token).encode(), url)
    except probes.SilentError as error:
        hint = f"correct --url, or start it with: {START}"
        raise NoAuthorityError(f"cannot reach an emulator at {url} ({error}); {hint}") from None
    except probes.ProbeError as error:
        raise NoAuthorityError(f"{url}: {error}") from None


def _certificate(data: bytes, where: str) -> str:
    text = data.decode("ascii", errors="replace")
    if not text.startswith("-----BEGIN CERTIFICATE-----") or "PRIVATE KEY" in text:
        raise NoAuthorityError(f"{where} is not a single certificate in PEM format")
    return text
