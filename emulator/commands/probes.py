"""Probes of a running emulator, as a client would connect: plain http, TLS and the proxy.

The only module of `env` and `doctor` that opens connections. Few imports, standard library only, to start fast.
"""

import base64
import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from emulator.adapters.http_client import (
    HttpClientError,
    HttpRequest,
    NotConnectedError,
    Origin,
    connect,
    parse_status,
    parse_url,
    send,
)
from emulator.commands.proxy_variables import LOOPBACK

TWILIO = "api.twilio.com"
_TIMEOUT = 5.0
_OK = 200
_UNAUTHORIZED = 401
_LONGEST_HEAD = 8192
_MESSAGES = "/2010-04-01/Accounts/{account}/Calls/CA" + "0" * 32 + "/UserDefinedMessages.json"


class ProbeError(Exception):
    """A probe failed; str() describes what happened."""


class SilentError(ProbeError):
    """Nothing listens at the address, or it is unreachable."""


class ProbeRejectedError(ProbeError):
    """The emulator rejects the request for this information; str() describes what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorInfo:
    """An emulator's description of itself.

    Attributes:
        url: URL of the request.
        version: its version.
        tls: its https URL, if any.
        proxy: its proxy's URL, if any.
        ca: its CA certificate as PEM; empty without TLS.
    """

    url: str
    version: str = ""
    tls: str | None = None
    proxy: str | None = None
    ca: str = ""


def describe(url: str, control_token: str | None = None) -> EmulatorInfo:
    """Request an emulator's description of itself.

    Raises:
        ProbeError: nothing responds, or it is not an emulator.
    """
    status, body = _http(url, "GET", "/readyz")
    try:
        info = json.loads(body)
        addresses = [_reachable(address, url) for address in info["addresses"]]
        version, proxy = info["version"], info.get("proxy")
    except (ValueError, TypeError, KeyError, AttributeError):
        raise ProbeError(f"the server there is not an emulator (GET /readyz: {status})") from None
    tls = next((address for address in addresses if address.startswith("https:")), None)
    if proxy is not None:
        proxy = _reachable(proxy, url)
    ca = ca_of(url, control_token) if tls or proxy else ""
    return EmulatorInfo(url=url, version=version, tls=tls, proxy=proxy, ca=ca)


def ca_of(url: str, control_token: str | None = None) -> str:
    """Request the CA certificate that an emulator's clients must trust.

    Raises:
        ProbeError: nothing responds, or the emulator does not serve a certificate.
    """
    status, body = _http(url, "GET", "/_emulator/ca.pem", bearer=control_token)
    if status != _OK:
        raise ProbeRejectedError(_why(status, body) or f"it does not serve its CA (GET /_emulator/ca.pem: {status})")
    return body.decode("ascii", "replace")


def _why(status: int, body: bytes) -> str:
    """Why the inspection API rejected a request; empty if unknown."""
    if status == _UNAUTHORIZED:
        return "it requires a control token; set EMULATOR_CONTROL_TOKEN"
    try:
        return str(json.loads(body)["error"])
    except (ValueError, TypeError, KeyError):
        return ""


def _reachable(address: str, url: str) -> str:
    """An address usable from here: a loopback host of a remote emulator is replaced by the host of its URL."""
    parts, host = urlsplit(address), urlsplit(url).hostname or ""
    if parts.hostname not in LOOPBACK or host in LOOPBACK:
        return address
    return f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{parts.port}"


def refusal(emulator: EmulatorInfo, account_sid: str, auth_token: str, control_token: str | None = None) -> str | None:
    """The Twilio API's error for these credentials, or None if it accepts them. A dry run: no message is created.

    Raises:
        ProbeError: the emulator does not respond, or rejects the dry run.
    """
    basic = base64.b64encode(f"{account_sid}:{auth_token}".encode()).decode()
    request = {
        "path": _MESSAGES.format(account=account_sid),
        "headers": {"Authorization": f"Basic {basic}"},
        "form": {"Content": "{}"},
    }
    status, body = _http(emulator.url, "POST", "/_emulator/check", bearer=control_token, value=request)
    if status != _OK:
        raise ProbeRejectedError(_why(status, body) or f"it rejects the dry run (POST /_emulator/check: {status})")
    verdict: dict[str, Any] = json.loads(body)
    reply = verdict["reply"]
    return f"{reply['status']} {json.loads(reply['body'])['message']}" if reply["status"] == _UNAUTHORIZED else None


def tls_failure(emulator: EmulatorInfo) -> str | None:
    """Why TLS to the listener failed for a client that trusts the CA, or None."""
    assert emulator.tls is not None
    try:
        with _connection(emulator.tls) as connection:
            _shake_hands(connection, emulator.ca)
    except ProbeError as error:
        return str(error)
    return None


def proxy_failure(emulator: EmulatorInfo) -> str | None:
    """Why a client that trusts the CA cannot reach api.twilio.com through the proxy, or None."""
    assert emulator.proxy is not None
    try:
        with _connection(emulator.proxy) as connection:
            status, head = _tunnel(connection)
            if status != _OK:
                return head
            _shake_hands(connection, emulator.ca)
    except ProbeError as error:
        return str(error)
    except OSError as error:
        return str(error) or type(error).__name__
    return None


def _tunnel(connection: socket.socket) -> tuple[int, str]:
    connection.sendall(f"CONNECT {TWILIO}:443 HTTP/1.1\r\nHost: {TWILIO}:443\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head and len(head) < _LONGEST_HEAD:
        piece = connection.recv(1)  # byte by byte, because TLS follows the head
        if not piece:
            raise ProbeError("the connection was closed without a response")
        head += piece
    line = head.partition(b"\r\n")[0].decode("latin-1")
    return parse_status(line), line


def _shake_hands(connection: socket.socket, ca: str) -> None:
    try:
        context = ssl.create_default_context(cadata=ca)
        context.wrap_socket(connection, server_hostname=TWILIO).close()
    except ssl.SSLCertVerificationError as error:
        raise ProbeError(f"its certificate for {TWILIO} is invalid: {error.verify_message}") from None
    except (OSError, ValueError) as error:
        raise ProbeError(f"TLS failed: {error}") from None


@contextlib.contextmanager
def _connection(url: str) -> Iterator[socket.socket]:
    with _probe_errors(), connect(_origin(url), _TIMEOUT) as connection:
        yield connection


def _http(url: str, method: str, target: str, *, bearer: str | None = None, value: object = None) -> tuple[int, bytes]:
    origin = _origin(url)
    if origin.scheme != "http":
        raise ProbeError("expected its HTTP URL, for example http://127.0.0.1:2010")
    with _probe_errors():
        response = send(origin, HttpRequest(method, target, value, bearer), _TIMEOUT)
    return response.status, response.body


def _origin(url: str) -> Origin:
    try:
        return parse_url(url)
    except ValueError:
        raise ProbeError("expected a URL like http://127.0.0.1:2010") from None


@contextlib.contextmanager
def _probe_errors() -> Iterator[None]:
    try:
        yield
    except NotConnectedError as error:
        raise SilentError(str(error)) from None
    except HttpClientError as error:
        raise ProbeError(str(error)) from None
