"""Request bodies: reading them within bounds, and reading parameters out of them."""

import asyncio
from collections.abc import Mapping

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import Field, FormParser, parse_options_header

from emulator.endpoints.twilio.asgi import Receive
from emulator.wire import forms
from emulator.wire.errors import FORM_BROKEN, TwilioError

MAX_BODY = 1024 * 1024
MULTIPART = b"multipart/form-data"
# What is still taken from a client that sends too much, so that it gets to read the answer.
_DRAIN_BYTES = 4 * 1024 * 1024
_DRAIN_SECONDS = 1.0


class ClientGoneError(Exception):
    """The client went away before its request was whole."""


def declared_size(headers: Mapping[bytes, bytes]) -> int:
    """The Content-Length, 0 when there is none (the HTTP parser lets only digits through)."""
    return int(headers.get(b"content-length", b"0"))


async def read_body(receive: Receive, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
    """The body and whether it is over the limit; of a declared oversize nothing is read at all.

    Raises:
        ClientGoneError: the connection ended first.
    """
    if declared_size(headers) > MAX_BODY:
        return b"", True
    body = b""
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGoneError
        body += event["body"]
        if len(body) > MAX_BODY:
            return body, True
        if not event["more_body"]:
            return body, False


async def drain(receive: Receive) -> None:
    """Read and throw away what still comes, within bounds of size and time."""
    left = _DRAIN_BYTES
    try:
        async with asyncio.timeout(_DRAIN_SECONDS):
            while left > 0:
                event = await receive()
                if event["type"] == "http.disconnect" or not event["more_body"]:
                    return
                left -= len(event["body"])
    except TimeoutError:
        return


def read_parameters(content_type: bytes, body: bytes) -> dict[str, str]:
    """The parameters of a body; any media type but the two of forms has none (as seen on chat v2, 2020).

    Raises:
        TwilioError: form-broken.
    """
    media_type = content_type.partition(b";")[0].strip().lower()
    if media_type == forms.MEDIA_TYPE:
        return forms.read_form(body)
    return _read_multipart(content_type, body) if media_type == MULTIPART else {}


def _read_multipart(content_type: bytes, body: bytes) -> dict[str, str]:
    boundary = parse_options_header(content_type)[1].get(b"boundary")
    if not boundary:
        raise TwilioError(FORM_BROKEN, "multipart/form-data without a boundary")
    if b"--" + boundary + b"--" not in body:
        raise TwilioError(FORM_BROKEN, "the last multipart boundary is missing")
    fields: list[tuple[bytes, bytes]] = []

    def on_field(field: Field) -> None:
        if len(fields) >= forms.MAX_PARAMETERS:
            raise FormParserError(f"more than {forms.MAX_PARAMETERS} parameters")
        fields.append((field.field_name or b"", field.value or b""))

    try:
        parser = FormParser(
            MULTIPART.decode(),
            on_field,
            lambda _file: None,  # a file is no parameter
            boundary=boundary,
        )
        parser.write(body)
        parser.finalize()
        parameters: dict[str, str] = {}
        for name, value in fields:
            parameters.setdefault(name.decode(), value.decode())
    except (FormParserError, UnicodeDecodeError) as error:
        raise TwilioError(FORM_BROKEN, f"multipart/form-data: {error}") from None
    return parameters
