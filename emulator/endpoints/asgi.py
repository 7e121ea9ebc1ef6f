"""Type aliases of ASGI, and the extensions of our own server."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple, Protocol

from emulator.engine.faults.fault_kind import FaultConnection

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
        fields: headers by name; the last value of a repeated header.
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
    """A complete response: status, header lines (each with CRLF, including Content-Length), and body.

    `on_lost` is called when the client did not receive all of it.
    """

    status: int
    head: bytes
    body: bytes
    on_lost: Callable[[], None] | None = None


class Connection(FaultConnection[RenderedResponse], Protocol):
    """Operations on the connection of a request that ASGI does not have."""

    def respond(self, response: RenderedResponse) -> None:
        """Send a complete response."""


BufferedHandler = Callable[[BufferedRequest], RenderedResponse | None]
"""Answers a whole request without a task; None = the request is for the ASGI application."""


async def until_gone(scope: Scope, receive: Receive) -> None:
    """Return when the client has disconnected or sent EOF."""
    while (await receive())["type"] != "http.disconnect" and HALF_CLOSED not in scope.get("extensions", {}):
        pass
