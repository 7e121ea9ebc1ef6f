"""Requests to the inspection API, and its responses and errors. No I/O, except for reading the CA file."""

import json
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from emulator.adapters.http_client import HttpClientError, HttpRequest, HttpResponse, parse_url

if TYPE_CHECKING:
    import os
    import ssl

MARGIN = 10.0
"""Seconds that a response may take in addition to the requested wait."""


class EmulatorError(Exception):
    """The emulator returned an error; str() is the reason."""


class UnreachableError(EmulatorError):
    """No emulator responds at the URL; str() contains the reason and the remedy."""


class Address:
    """The address of an emulator, and the token of its inspection API, if it requires one.

    Attributes:
        tls: context that verifies certificates; None for http.
    """

    def __init__(self, url: str, token: str | None = None, ca: "str | os.PathLike[str] | None" = None) -> None:
        self.url = url.rstrip("/")
        try:
            self.origin = parse_url(self.url)
        except ValueError:
            raise ValueError(
                f"{self.url!r} is not the address of an emulator; expected a URL like http://127.0.0.1:2010"
            ) from None
        self.token = token
        self.ca = ca
        self.tls = _trusting(ca) if self.origin.scheme == "https" else None

    def request(
        self, method: str, path: str, parameters: Mapping[str, object], body: Mapping[str, object] | None
    ) -> HttpRequest:
        """Make a request with query parameters and a JSON object."""
        target = f"{path}?{urlencode(parameters)}" if parameters else path
        return HttpRequest(method, target, body, self.token)

    def json(self, name: str, response: HttpResponse) -> Any:  # noqa: ANN401  JSON
        """Parse a response; None when it has no body.

        Args:
            name: method and path of the request, for errors.
            response: the response.

        Raises:
            EmulatorError: the response is an error.
            UnreachableError: the response is not an emulator's.
        """
        try:
            value = json.loads(response.body) if response.body else None
        except ValueError:
            raise self.unreachable(_NOT_AN_EMULATOR) from None
        if response.status < HTTPStatus.BAD_REQUEST:
            for broken in _record_errors(value):
                raise EmulatorError(f"{name}: {broken['error']}")
            return value
        reason = value.get("error") if isinstance(value, dict) else None
        if reason is None:
            raise self.unreachable(f"the server responded with {response.status} to {name.partition(' ')[2]}")
        raise EmulatorError(f"{name}: {reason}")

    def unreachable(self, reason: str | Exception | None) -> UnreachableError:
        """The error to raise for this connection failure or unexpected response."""
        if isinstance(reason, HttpClientError):
            reason = reason.__cause__ if isinstance(reason.__cause__, Exception) else _NOT_AN_EMULATOR
        if isinstance(reason, TimeoutError):
            reason = "it does not answer in time"
        elif untrusted := getattr(reason, "verify_message", None):
            reason = f"its certificate is not trusted: {untrusted}; name a file with its CA as ca="
        elif isinstance(reason, OSError):
            reason = reason.strerror or str(reason)
        return UnreachableError(
            f"cannot reach an emulator at {self.url} ({reason}); "
            "start one with `twilio-udm-emulator`, or correct the url"
        )


_NOT_AN_EMULATOR = "the server there is not an emulator"


def _record_errors(reply: object) -> Iterator[dict[str, Any]]:
    """The entries of a page that replace records that the emulator could not render."""
    lists = [value for value in reply.values() if isinstance(value, list)] if isinstance(reply, dict) else []
    return (
        record
        for records in lists
        for record in records
        if isinstance(record, dict) and {"error", "seq", "sid"} == record.keys()
    )


def _trusting(ca: "str | os.PathLike[str] | None") -> "ssl.SSLContext":
    import ssl  # noqa: PLC0415  most emulators use http

    try:
        return ssl.create_default_context(cafile=ca)
    except OSError as error:
        raise ValueError(f"{str(ca)!r} is not a file with a CA certificate ({error.strerror})") from None
