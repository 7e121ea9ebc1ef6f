"""ASGI in three names, and what our own server adds to it."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONNECTION = "emulator.connection"
"""The extension that holds a `Connection`; servers other than ours do not have it."""

HALF_CLOSED = "emulator.half_closed"
"""The extension that is there once the client has sent EOF; our server wakes the receiving task when it adds it."""


class BufferedRequest(NamedTuple):
    """A request whose body is complete.

    Attributes:
        method: as sent.
        target: path and query.
        headers: names in lower case.
        fields: the same by name; of a repeated header the last value.
        body: all of it.
        client: address and port, None when not known.
        secure: it came over TLS.
    """

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    fields: Mapping[bytes, bytes]
    body: bytes
    client: tuple[str, int] | None
    secure: bool


class RenderedResponse(NamedTuple):
    """A whole response: the status, header lines (each with its end, Content-Length among them), the body.

    `on_lost` is called when the client did not get all of it.
    """

    status: int
    head: bytes
    body: bytes
    on_lost: Callable[[], None] | None = None


class Connection(Protocol):
    """What a request may do with its connection beyond ASGI."""

    def respond(self, response: RenderedResponse) -> None:
        """Send a whole response."""

    def write_raw(self, data: bytes) -> None:
        """Send these bytes, whatever they are, in place of the response, and close the connection."""

    def truncate(self, response: RenderedResponse, length: int) -> None:
        """Send the head of a response and `length` bytes of its body, and close the connection."""

    def reset(self) -> None:
        """Reset the connection."""


BufferedHandler = Callable[[BufferedRequest], RenderedResponse | None]
"""Answers a whole request without a task; None = the request is for the ASGI application."""


async def until_gone(scope: Scope, receive: Receive) -> None:
    """Return once the client is gone, or has sent EOF."""
    while (await receive())["type"] != "http.disconnect" and HALF_CLOSED not in scope.get("extensions", {}):
        pass
