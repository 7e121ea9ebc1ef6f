"""ASGI in three names, and what our own server adds to it."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple, Protocol

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

CONNECTION = "emulator.connection"
"""The extension that holds a `Connection`; other servers than ours do not have it."""

SAID_ALL = "emulator.said_all"
"""The extension that says that the client has closed its side; our own server wakes who receives when it adds it."""


class Whole(NamedTuple):
    """A request that is there to its last byte.

    Attributes:
        method: as sent.
        target: as sent, the query included.
        headers: names in lower case.
        body: all of it.
        client: address and port, None when not known.
        secure: it came over TLS.
    """

    method: str
    target: str
    headers: list[tuple[bytes, bytes]]
    body: bytes
    client: tuple[str, int] | None
    secure: bool


class Answer(NamedTuple):
    """A whole reply: the status, header lines (each with its end, Content-Length among them), the body."""

    status: int
    head: bytes
    body: bytes


class Connection(Protocol):
    """A request's way out past ASGI."""

    def reply(self, answer: Answer) -> None:
        """Send a whole reply, its head rendered already."""

    def say(self, data: bytes) -> None:
        """Send these bytes, whatever they are, and end the connection cleanly."""

    def cut(self, answer: Answer, length: int) -> None:
        """Send the head of a reply and so many bytes of its body, and end the connection cleanly."""

    def reset(self) -> None:
        """End the connection with a reset."""


AtOnce = Callable[[Whole], Answer | None]
"""Answers a whole request in one step, without a task of its own; None = it is for the ASGI application."""


async def until_gone(scope: Scope, receive: Receive) -> None:
    """Return once the client has gone away, or has closed its side."""
    while (await receive())["type"] != "http.disconnect" and SAID_ALL not in scope.get("extensions", {}):
        pass
