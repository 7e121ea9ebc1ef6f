"""Requests to the inspection API, and parsing of its responses. No I/O, except for reading the CA file.

Each request uses its own connection and no state is kept, so threads and tasks can share a client.
"""

import http.client
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import SplitResult, urlencode, urlsplit

if TYPE_CHECKING:
    import os
    import ssl

MARGIN = 10.0
"""Seconds that a response may take in addition to the requested wait."""
_USUAL_PORTS = {"http": 80, "https": 443}


class EmulatorError(Exception):
    """The emulator returned an error; str() is the reason."""


class UnreachableError(EmulatorError):
    """No emulator responds at the URL; str() contains the reason and the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """A request to the inspection API.

    Attributes:
        parameters: query parameters.
        body: JSON object.
        patience: seconds that the emulator may wait before it responds (long poll).
    """

    path: str
    method: str = "GET"
    parameters: Mapping[str, object] = field(default_factory=dict)
    body: Mapping[str, object] | None = None
    patience: float = 0.0

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.parameters)}" if self.parameters else self.path


class Address:
    """The address of an emulator, and the token of its inspection API, if it requires one.

    Attributes:
        tls: context that verifies certificates; None for http.
    """

    def __init__(self, url: str, token: str | None = None, ca: "str | os.PathLike[str] | None" = None) -> None:
        self.url = url.rstrip("/")
        parts, host, port = _parts(self.url)
        self.host = host
        self.port = port or _USUAL_PORTS[parts.scheme]
        self.ca = ca
        self.tls = _trusting(ca) if parts.scheme == "https" else None
        self._name = parts.netloc.rpartition("@")[2]
        self._prefix = parts.path
        self.token = token

    def request(self, question: Question) -> bytes:
        """Serialize a request as HTTP/1.1."""
        body = b"" if question.body is None else json.dumps(question.body).encode()
        headers = {"Host": self._name, "Connection": "close", "Content-Length": str(len(body))}
        if body:
            headers["Content-Type"] = "application/json"
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        lines = [f"{question.method} {self._prefix}{question.target} HTTP/1.1"]
        lines += [f"{name}: {value}" for name, value in headers.items()]
        return "\r\n".join([*lines, "", ""]).encode() + body

    def answer(self, question: Question, received: bytes) -> Any:  # noqa: ANN401  JSON
        """Parse a response; None when it has no body.

        Raises:
            EmulatorError: the response is an error.
            UnreachableError: the response is not an emulator's.
        """
        try:
            response = http.client.HTTPResponse(cast("Any", _Received(received)), method=question.method)
            response.begin()
            body = response.read()
            reply = json.loads(body) if body else None
        except (http.client.HTTPException, ValueError):
            raise self.unreachable("what answers there is something else") from None
        if response.status < HTTPStatus.BAD_REQUEST:
            for broken in _record_errors(reply):
                raise EmulatorError(f"{question.method} {question.path}: {broken['error']}")
            return reply
        reason = reply.get("error") if isinstance(reply, dict) else None
        if reason is None:
            raise self.unreachable(f"what answers there says {response.status} to {question.path}")
        raise EmulatorError(f"{question.method} {question.path}: {reason}")

    def unreachable(self, reason: str | OSError | UnicodeError) -> UnreachableError:
        """The error to raise for this connection failure or unexpected response."""
        if isinstance(reason, TimeoutError):
            reason = "it does not answer in time"
        elif untrusted := getattr(reason, "verify_message", None):
            reason = f"its certificate is not trusted: {untrusted}; name a file with its CA as ca="
        elif isinstance(reason, OSError):
            reason = reason.strerror or str(reason)
        return UnreachableError(
            f"no emulator answers at {self.url} ({reason}); start one with `twilio-udm-emulator`, or correct the url"
        )


def _record_errors(reply: object) -> Iterator[dict[str, Any]]:
    """The entries of a page that replace records that the emulator could not render."""
    lists = [value for value in reply.values() if isinstance(value, list)] if isinstance(reply, dict) else []
    return (
        record
        for records in lists
        for record in records
        if isinstance(record, dict) and {"error", "seq", "sid"} == record.keys()
    )


def _parts(url: str) -> tuple[SplitResult, str, int | None]:
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in _USUAL_PORTS and parts.hostname:
            return parts, parts.hostname, parts.port
    raise ValueError(f"{url!r} is not the address of an emulator; expected a URL like http://127.0.0.1:2010")


def _trusting(ca: "str | os.PathLike[str] | None") -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415  most emulators use http

    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"{str(ca)!r} is not a file with a CA certificate ({error.strerror})") from None


class _Received:
    """Received bytes with the socket interface that http.client reads from."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
