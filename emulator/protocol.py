"""HTTP as uvicorn's httptools protocol reads it, with what a test server must do better.

Bytes that are no HTTP get Twilio's form of an error instead of plain text; heads are bounded; a client that stops
sending is closed; an `Upgrade` that we do not speak is ignored instead of swallowing the body.
"""

from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from emulator.endpoints.twilio.surface import CONNECTION
from emulator.wire.errors import HEAD_TOO_LARGE, REQUEST_MALFORMED, Problem

MAX_HEAD = 64 * 1024
PATIENCE = 30
"""Seconds a head may take in all, and a body may stand still."""

Render = Callable[[Problem], bytes]
"""A whole response, head and body, for a request that could not be read."""


class Phase(Enum):
    """What the connection waits for."""

    HEAD = auto()  # the rest of a head, or the very first one
    BODY = auto()  # the rest of a body
    OURS = auto()  # our answer, or the next request of an idle connection (uvicorn's own timer)


class Connection:
    """A request's way out past ASGI: a reply whose head is rendered already. In `scope["extensions"]`."""

    __slots__ = ("_cycle",)

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle

    def reply(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole reply.

        Args:
            status: the HTTP status.
            head: header lines, each with its line end; Content-Length among them, Connection not.
            body: the whole body.
        """
        cycle = self._cycle
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        shown = b"" if cycle.scope["method"] == "HEAD" else body
        cycle.transport.write(b"%b%b%b\r\n%b" % (STATUS_LINE[status], head, close, shown))
        cycle.message_event.set()
        if not cycle.keep_alive:
            cycle.transport.close()
        cycle.on_response()


class Protocol(HttpToolsProtocol):
    """One connection. `render` is set by the server that makes the class its own."""

    render: Render

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's own signature
        super().__init__(*args, **kwargs)
        self._phase = Phase.HEAD
        self._fed = 0  # bytes since the message began, at least
        self._messages = 0
        self._seen: tuple[int, int] | None = None
        self._patience = PATIENCE
        self._upgrading = False
        self._given_up = False

    def data_received(self, data: bytes) -> None:
        """Feed the parser; everything that it can stumble over ends here."""
        self._unset_keepalive_if_required()
        self._fed += len(data)
        if self.parser is None or self.transport.is_closing():
            return
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._give_up(REQUEST_MALFORMED)
        else:
            if self._phase is Phase.HEAD and self._fed > MAX_HEAD:
                self._give_up(HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._messages += 1

    def on_headers_complete(self) -> None:
        """The head is whole: start the application, unless the head is too large or asks for an upgrade."""
        if self._fed > MAX_HEAD and self._head_size() > MAX_HEAD:
            self._give_up(HEAD_TOO_LARGE)
            return
        self._upgrading = self.parser.should_upgrade()
        if not self._upgrading:
            self._phase = Phase.BODY
            super().on_headers_complete()
            self.scope["extensions"] = {CONNECTION: Connection(self.cycle)}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._given_up:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._upgrading and not self._given_up:
            self._phase = Phase.OURS
            self._fed = 0
            super().on_message_complete()

    def sweep(self) -> None:
        """Called once a second: close the connection when it has kept us waiting for too long."""
        waits = {Phase.HEAD: (self._messages, 0), Phase.BODY: (self._messages, self._fed), Phase.OURS: None}[
            self._phase
        ]
        if waits is None or waits != self._seen:
            self._seen, self._patience = waits, PATIENCE
            return
        self._patience -= 1
        if self._patience <= 0:
            self.transport.abort()

    def _head_size(self) -> int:
        return len(self.url) + sum(len(name) + len(value) + 4 for name, value in self.headers)

    def _upgrade(self, rest: bytes) -> None:
        """Read the request again without the `Upgrade`: Java's HttpClient offers h2c on every plain-http request.

        httptools drops the body of such a request; here nothing of it was passed on yet, and the head is known.
        """
        head = [self.parser.get_method(), b" ", self.url, b" HTTP/1.1\r\n"]
        for name, value in self.headers:
            if name not in (b"upgrade", b"http2-settings"):
                head += (name, b": ", value, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self._fed = 0
        self.data_received(b"".join([*head, b"\r\n", rest]))

    def _give_up(self, problem: Problem) -> None:
        """Answer what could not be read, unless an answer is on its way already, and close."""
        if self._given_up or self.transport.is_closing():
            return
        self._given_up = True
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(self.render(problem))
        self.transport.close()
