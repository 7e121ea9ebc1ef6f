"""Request bodies, read within bounds of size and time."""

from collections.abc import Mapping

from emulator.endpoints.asgi import Receive

MAX_BODY = 1024 * 1024


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
