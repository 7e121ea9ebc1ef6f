"""HTTP as uvicorn's httptools protocol reads it, with what a test server must do better.

Bytes that are no HTTP get Twilio's form of an error instead of plain text; heads are bounded; a client that stops
sending is closed; an `Upgrade` that we do not speak is ignored instead of swallowing the body.
"""

import asyncio
import logging
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from emulator.endpoints.asgi import CONNECTION
from emulator.wire.errors import HEAD_TOO_LARGE, INTERNAL_ERROR, REQUEST_MALFORMED, Problem

MAX_HEAD = 64 * 1024
MAX_PIPELINED = 1000
"""Requests that may wait on one connection; uvicorn reads on while they do."""
PATIENCE = 30
"""Seconds a head may take in all, and a body may stand still."""

Render = Callable[[Problem], bytes]
"""A whole response, head and body, for a request that could not be read."""


_log = logging.getLogger("emulator.server")


class Phase(Enum):
    """What the connection waits for."""

    HEAD = auto()  # the rest of a head, or the very first one
    BODY = auto()  # the rest of a body
    OURS = auto()  # our answer, or the next request of an idle connection (uvicorn's own timer)


class Outbox:
    """Replies of one turn of the event loop, which leave together at its end.

    Each write wakes the client up; under load that costs more than the reply, and one waking does for many.
    """

    def __init__(self) -> None:
        self._replies: list[tuple[asyncio.Transport, bytes]] = []

    def put(self, transport: asyncio.Transport, data: bytes, loop: asyncio.AbstractEventLoop) -> None:
        """Send these bytes before the loop turns."""
        if not self._replies:
            loop.call_soon(self.flush)
        self._replies.append((transport, data))

    def flush(self) -> None:
        """Send what is there."""
        replies, self._replies = self._replies, []
        for transport, data in replies:
            transport.write(data)


class Connection:
    """A request's way out past ASGI: a reply whose head is rendered already. In `scope["extensions"]`."""

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: "Protocol", cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle

    def abort(self) -> None:
        """Close without a word."""
        self._cycle.disconnected = True
        self._cycle.transport.abort()

    def reply(self, status: int, head: bytes, body: bytes) -> None:
        """Send a whole reply.

        Args:
            status: the HTTP status.
            head: header lines, each with its line end; Content-Length among them, Connection not.
            body: the whole body.
        """
        cycle = self._cycle
        # The scope holds us and the cycle holds the scope: without this every request would wait for the collector.
        del self._cycle, cycle.scope["extensions"]
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        close = b"" if cycle.keep_alive else b"connection: close\r\n"
        shown = b"" if cycle.scope["method"] == "HEAD" else body
        outbox = self._protocol.outbox
        outbox.put(cycle.transport, b"%b%b%b\r\n%b" % (STATUS_LINE[status], head, close, shown), self._protocol.loop)
        cycle.message_event.set()
        if not cycle.keep_alive:
            outbox.flush()
            cycle.transport.close()
        cycle.on_response()


class Protocol(HttpToolsProtocol):
    """One connection. `render` is set by the server that makes the class its own."""

    render: Render
    outbox = Outbox()

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's own signature
        super().__init__(*args, **kwargs)
        self._phase = Phase.HEAD
        self._fed = 0  # bytes since the message began, at least
        self._messages = 0
        self._seen: tuple[int, int] | None = None
        self._patience = PATIENCE
        self._upgrading = False
        self._given_up = False
        self._whole: RequestResponseCycle | None = None

    def data_received(self, data: bytes) -> None:
        """Feed the parser; everything that it can stumble over ends here."""
        if self._given_up or self.transport.is_closing():
            return
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserCallbackError:  # ours, not the client's
            _log.exception("unexpected failure while reading a request")
            self._give_up(INTERNAL_ERROR)
        except httptools.HttpParserError:
            self._give_up(REQUEST_MALFORMED)
        else:
            if self._phase is Phase.HEAD and self._fed > MAX_HEAD:
                self._give_up(HEAD_TOO_LARGE)

    def on_message_begin(self) -> None:
        """A request begins."""
        self._unset_keepalive_if_required()  # not before: a stray line end is no request
        super().on_message_begin()
        self._phase = Phase.HEAD
        self._messages += 1

    def on_headers_complete(self) -> None:
        """The head is whole: start the application, unless the head is too large or asks for an upgrade."""
        if self._fed > MAX_HEAD and self._head_size() > MAX_HEAD:
            self._give_up(HEAD_TOO_LARGE)
            return
        if len(self.pipeline) >= MAX_PIPELINED:
            self._given_up = True
            self.transport.abort()
            return
        self._upgrading = self.parser.should_upgrade()
        if not self._upgrading:
            self._phase = Phase.BODY
            super().on_headers_complete()
            self.scope["extensions"] = {CONNECTION: Connection(self, self.cycle)}  # type: ignore[dict-item]

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if not self._given_up:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if not self._upgrading and not self._given_up:
            self._phase = Phase.OURS
            self._fed = 0
            self._whole = self.cycle
            super().on_message_complete()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all; True keeps the connection until a whole request is answered."""
        return self._finish_whole() and self.scheme == "http"  # TLS cannot be closed by half

    def shutdown(self) -> None:
        """The server stops: whole requests are answered, others end here."""
        if self._phase is Phase.OURS:
            super().shutdown()
        else:
            self.transport.close()

    def sweep(self) -> None:
        """Called once a second: close the connection when it has kept us waiting for too long."""
        waits = {Phase.HEAD: (self._messages, 0), Phase.BODY: (self._messages, self._fed), Phase.OURS: None}[
            self._phase
        ]
        if waits is None or waits != self._seen or self._answering():
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
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._give_up(REQUEST_MALFORMED)
            return
        head = [method, b" ", self.url, b" HTTP/%b\r\n" % self.parser.get_http_version().encode()]
        for name, value in self.headers:
            if name not in (b"upgrade", b"http2-settings"):
                head += (name, b": ", value, b"\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
        self._fed = 0
        self.data_received(b"".join([*head, b"\r\n", rest]))

    def _give_up(self, problem: Problem) -> None:
        """Answer what could not be read and close; what was whole before it is answered first, and instead."""
        if self._given_up or self.transport.is_closing():
            return
        self._given_up = True
        if self._finish_whole():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            self.transport.write(self.render(problem))
        self.transport.close()

    def _answering(self) -> bool:
        return self._whole is not None and not self._whole.response_complete

    def _finish_whole(self) -> bool:
        """Let the last whole request be answered and nothing after it; False when none is open."""
        self.outbox.flush()
        if not self._answering():
            return False
        self._given_up = True
        if self.cycle is not self._whole:  # the beginning of another one, queued behind it
            self.pipeline.popleft()
        assert self._whole is not None
        self._whole.keep_alive = False
        return True
