"""The certificate that clients must trust, read from a directory or asked of an emulator. Standard library only."""

import http.client
import json
from pathlib import Path
from urllib.parse import urlsplit

_FILE = "ca.pem"
_PATH = "/_emulator/ca.pem"
_PATIENCE = 5.0


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
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme != "http":
        raise NoAuthorityError(f"{url}: expected a url like http://127.0.0.1:2010")
    connection = http.client.HTTPConnection(host, port, timeout=_PATIENCE)  # no proxy: this is about how to reach it
    try:
        connection.request("GET", _PATH, headers={"Authorization": f"Bearer {token}"} if token else {})
        reply = connection.getresponse()
        status, body = reply.status, reply.read()
    except (OSError, http.client.HTTPException, UnicodeError) as error:
        raise NoAuthorityError(f"no emulator answers at {url} ({error}); start one, or name it with --url") from None
    finally:
        connection.close()
    if status != http.client.OK:
        raise NoAuthorityError(f"{url}: {_error(body) or f'{status} at {_PATH}'}")
    return _certificate(body, url)


def _error(body: bytes) -> str:
    try:
        return str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        return ""


def _certificate(data: bytes, where: str) -> str:
    text = data.decode("ascii", errors="replace")
    if not text.startswith("-----BEGIN CERTIFICATE-----") or "PRIVATE KEY" in text:
        raise NoAuthorityError(f"what is at {where} is not a certificate alone")
    return text
