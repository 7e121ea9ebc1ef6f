"""Read request bodies within a limit of size."""

from collections.abc import Mapping

from emulator.endpoints.asgi import Receive

MAX_BODY = 1024 * 1024


class ClientGoneError(Exception):
    """The client disconnected before it sent the complete request."""


def declared_size(headers: Mapping[bytes, bytes]) -> int:
    """Return Content-Length, or 0 without one. The HTTP parser accepts only digits."""
    return int(headers.get(b"content-length", b"0"))


async def read_body(receive: Receive, headers: Mapping[bytes, bytes]) -> tuple[bytes, bool]:
    """Return the body, and whether it exceeds the limit. A body that is declared too large is not read.

    Raises:
        ClientGoneError: the client disconnected.
    """
    if declared_size(headers) > MAX_BODY:
        return b"", True
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] == "http.disconnect":
            raise ClientGoneError
        body += event["body"]
        if len(body) > MAX_BODY:
            return bytes(body), True
        if not event["more_body"]:
            return bytes(body), False
