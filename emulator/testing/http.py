"""Where an emulator listens: what is sent there, and what the bytes that come back say. No I/O, but for the CA.

One question per connection, which ends with the answer: nothing is kept, so threads and tasks share a client freely.
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
"""Seconds that an answer may take beyond what it was asked to wait."""
_USUAL_PORTS = {"http": 80, "https": 443}


class EmulatorError(Exception):
    """The emulator did not do what it was asked; str() says why."""


class UnreachableError(EmulatorError):
    """No emulator answers at the address; str() says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What the inspection API is asked.

    Attributes:
        patience: seconds that the emulator is asked to wait before it answers.
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
    """Where an emulator listens, and the token that its inspection API asks for, if any.

    Attributes:
        tls: what certificates are verified with; None for http.
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
        """The question as HTTP."""
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
        """What an answer says; None when it has no body.

        Raises:
            EmulatorError: it says no.
            UnreachableError: it is none of an emulator.
        """
        try:
            response = http.client.HTTPResponse(cast("Any", _Received(received)), method=question.method)
            response.begin()
            body = response.read()
            said = json.loads(body) if body else None
        except (http.client.HTTPException, ValueError):
            raise self.unreachable("what answers there is something else") from None
        if response.status < HTTPStatus.BAD_REQUEST:
            for broken in _record_errors(said):
                raise EmulatorError(f"{question.method} {question.path}: {broken['error']}")
            return said
        reason = said.get("error") if isinstance(said, dict) else None
        if reason is None:
            raise self.unreachable(f"what answers there says {response.status} to {question.path}")
        raise EmulatorError(f"{question.method} {question.path}: {reason}")

    def unreachable(self, reason: str | OSError | UnicodeError) -> UnreachableError:
        """The error to raise when nothing came back."""
        if isinstance(reason, TimeoutError):
            reason = "it does not answer in time"
        elif untrusted := getattr(reason, "verify_message", None):
            reason = f"its certificate is not trusted: {untrusted}; name a file with its CA as ca="
        elif isinstance(reason, OSError):
            reason = reason.strerror or str(reason)
        return UnreachableError(
            f"no emulator answers at {self.url} ({reason}); start one with `twilio-udm-emulator`, or correct the url"
        )


def _record_errors(said: object) -> Iterator[dict[str, Any]]:
    """The entries of a page for records that the emulator could not render."""
    lists = [value for value in said.values() if isinstance(value, list)] if isinstance(said, dict) else []
    return (
        one for records in lists for one in records if isinstance(one, dict) and {"error", "seq", "sid"} == one.keys()
    )


def _parts(url: str) -> tuple[SplitResult, str, int | None]:
    with suppress(ValueError):
        parts = urlsplit(url)
        if parts.scheme in _USUAL_PORTS and parts.hostname:
            return parts, parts.hostname, parts.port
    raise ValueError(f"{url!r} is no address of an emulator; expected a url like http://127.0.0.1:2010")


def _trusting(ca: "str | os.PathLike[str] | None") -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415  most emulators are asked by http

    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"{str(ca)!r} is no file with a CA's certificate ({error.strerror})") from None


class _Received:
    """Bytes that are all there, in the shape of a socket, as http.client reads them."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def makefile(self, _mode: str) -> io.BytesIO:
        return io.BytesIO(self._data)
