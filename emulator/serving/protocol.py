"""HTTP as uvicorn's httptools protocol reads it, with what a test server must do better.

Bytes that are no HTTP get Twilio's form of an error instead of plain text; heads are bounded; a client that stops
sending is closed; an `Upgrade` that we do not speak is ignored instead of swallowing the body. One that we speak,
to a WebSocket at one path, leads to another protocol.
"""

import asyncio
import logging
import socket
import struct
from collections.abc import Callable
from enum import Enum, auto
from typing import Any

import httptools
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from emulator.endpoints.asgi import CONNECTION, SAID_ALL, Answer, AtOnce, Whole
from emulator.wire.errors import HEAD_TOO_LARGE, INTERNAL_ERROR, REQUEST_MALFORMED, Problem
from emulator.wire.replies import without_hsts

MAX_HEAD = 64 * 1024
SOCKET_PATH = b"/signal"
MAX_PIPELINED = 1000
"""Requests that may wait on one connection; uvicorn reads on while they do."""
_REPLIES_A_TURN = 100
PATIENCE = 30
"""Seconds a head may take in all, and a body may stand still."""

Render = Callable[[Problem], bytes]
"""A whole response, head and body, for a request that could not be read."""


_log = logging.getLogger("emulator.server")


def _head(answer: Answer) -> bytes:
    return STATUS_LINE[answer.status] + answer.head


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

    @property
    def full(self) -> bool:
        """Whether so much leaves this turn that others should have one: who reads events must not fall behind."""
        return len(self._replies) >= _REPLIES_A_TURN

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


_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, for no time


class Connection:
    """A request's way out past ASGI. In `scope["extensions"]`."""

    __slots__ = ("_cycle", "_protocol")

    def __init__(self, protocol: "Protocol", cycle: RequestResponseCycle) -> None:
        self._protocol = protocol
        self._cycle = cycle

    def reset(self) -> None:
        """End the connection with a reset; what was not sent yet is lost."""
        cycle = self._leave()
        if not cycle.disconnected:
            cycle.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            cycle.transport.abort()
            cycle.disconnected = True

    def say(self, data: bytes) -> None:
        """Send these bytes, whatever they are, and end the connection cleanly."""
        cycle = self._leave()
        if not cycle.disconnected:
            self._protocol.end(data)
            cycle.disconnected = True

    def cut(self, answer: Answer, length: int) -> None:
        """Send the head of a reply and so many bytes of its body, and end the connection cleanly."""
        self.say(_head(answer) + b"\r\n" + answer.body[:length])

    def reply(self, answer: Answer) -> None:
        """Send a whole reply."""
        cycle = self._leave()
        if cycle.disconnected:
            return
        cycle.response_started = cycle.response_complete = True
        cycle.message_event.set()
        self._protocol.send(answer, cycle.scope["method"], keep_alive=cycle.keep_alive)
        cycle.on_response()

    def _leave(self) -> RequestResponseCycle:
        """The request's cycle, whose scope holds us no longer.

        We hold the cycle and the cycle holds the scope: without this every request would wait for the collector.
        """
        self._cycle.scope.pop("extensions", None)
        return self._cycle


class Protocol(HttpToolsProtocol):
    """One connection. The server that makes the class its own sets the attributes of the class.

    A request is held back while the read lasts that its head came with: when its body came along, as with most
    clients, `at_once` may answer it without a task, which is half of what a request costs.

    Attributes:
        render: what is no request gets this.
        at_once: asked first; what it leaves goes to the ASGI application.
        outbox: of the event loop that serves.
    """

    render: Render
    at_once: AtOnce
    outbox: Outbox

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  uvicorn's own signature
        super().__init__(*args, **kwargs)
        self._phase = Phase.HEAD
        self._fed = 0  # bytes since the message began, at least
        self._messages = 0
        self._idle_since = 0  # so many messages had come when the keep-alive timer began
        self._seen: tuple[int, int] | None = None
        self._patience = PATIENCE
        self._upgrading = False
        self._given_up = False
        self._whole: RequestResponseCycle | None = None
        self._held: list[bytes] | None = None  # the body of the request that is held back

    def data_received(self, data: bytes) -> None:
        """Feed the parser; everything that it can stumble over ends here."""
        if self._given_up or self.transport.is_closing():
            return
        self._fed += len(data)
        try:
            self.parser.feed_data(data)
            if self._held is not None:
                self._hand_on()
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
        """A request begins; what the ASGI application alone needs is made when it gets the request."""
        self.url = b""
        self.headers = []
        self.expect_100_continue = False
        self._phase = Phase.HEAD
        self._messages += 1

    def on_headers_complete(self) -> None:
        """The head is whole: it is taken, unless it is too large or asks for an upgrade."""
        if self._given_up:
            return
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
            self._held = []
            if self.cycle is not None and not self.cycle.response_complete:  # its turn comes later
                self._hand_on()

    def on_body(self, body: bytes) -> None:
        """A piece of the body."""
        if self._held is not None:
            self._held.append(body)
        elif not self._given_up:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole."""
        if self._upgrading or self._given_up:
            return
        self._phase = Phase.OURS
        self._fed = 0
        if self._held is not None:
            if not self.outbox.full and self._answered_at_once(b"".join(self._held)):
                self._held = None
                return
            self._hand_on()
        self._whole = self.cycle
        super().on_message_complete()

    def send(self, answer: Answer, method: str, *, keep_alive: bool) -> None:
        """Send a whole reply with this turn of the loop; close when the connection is not kept."""
        close = b"" if keep_alive else b"connection: close\r\n"
        shown = b"" if method == "HEAD" else answer.body
        data = b"%b%b\r\n%b" % (_head(answer), close, shown)
        self.outbox.put(self.transport, data, self.loop)
        if not keep_alive:
            self.end(b"")

    def end(self, data: bytes) -> None:
        """Send these bytes after all others and close; nothing more is read."""
        self._given_up = True
        self.outbox.flush()
        if data:
            self.transport.write(data)
        self.transport.close()

    def eof_received(self) -> bool:  # type: ignore[override]
        """The client has said all; True keeps the connection until a whole request is answered."""
        keep = self._finish_whole() and self.scheme == "http"  # TLS cannot be closed by half
        if keep and self._whole is not None:
            # Whoever only waits for the client to leave need wait no longer.
            self._whole.scope["extensions"][SAID_ALL] = {}
            self._whole.message_event.set()
        return keep

    def pause_writing(self) -> None:
        """The client does not read: what it sends waits too, or its answers would pile up here."""
        super().pause_writing()
        self.flow.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        super().resume_writing()
        self.flow.resume_reading()

    def shutdown(self) -> None:
        """The server stops: whole requests are answered, others end here."""
        self.outbox.flush()
        if self._phase is Phase.OURS:
            super().shutdown()
        else:
            self.transport.close()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if nothing came since this timer began; it is not set anew for each request."""
        if self.transport.is_closing():
            return
        if self._idle_since == self._messages and self._phase is Phase.OURS and not self._answering():
            super().timeout_keep_alive_handler()
        else:
            self._await_next()

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

    def _answered_at_once(self, body: bytes) -> bool:
        method = self.parser.get_method().decode()
        target = self.url.decode("latin-1")
        answer = self.at_once(Whole(method, target, self.headers, body, self.client, self.scheme == "https"))
        if answer is None:
            return False
        keep_alive = self._keeps_alive()
        self.server_state.total_requests += 1
        self.send(answer, method, keep_alive=keep_alive)
        if keep_alive and self.timeout_keep_alive_task is None:
            self._await_next()
        return True

    def _keeps_alive(self) -> bool:
        return self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()

    def _await_next(self) -> None:
        self._idle_since = self._messages
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)

    def _hand_on(self) -> None:
        """Start the application; the rest of the body, if any, comes to it as it comes in."""
        assert self._held is not None
        held, self._held = self._held, None
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()
        self.url, self.expect_100_continue = url, expect
        self.headers += headers
        super().on_headers_complete()
        self.cycle.keep_alive = self._keeps_alive()  # uvicorn before 0.54 looks at the version only
        self.scope["extensions"] = {CONNECTION: Connection(self, self.cycle)}  # type: ignore[dict-item]
        for piece in held:
            super().on_body(piece)

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
        if method == b"GET" and self._asks_for_a_socket():
            self._hand_over(self._head(method) + rest)
            return
        head = self._head(method, without=(b"upgrade", b"http2-settings"))
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn sets it
        self._fed = 0
        self.data_received(head + rest)

    def _head(self, method: bytes, without: tuple[bytes, ...] = ()) -> bytes:
        """The head of the request, written again."""
        lines = [method, b" ", self.url, b" HTTP/%b\r\n" % self.parser.get_http_version().encode()]
        for name, value in self.headers:
            if name not in without:
                lines += (name, b": ", value, b"\r\n")
        return b"".join([*lines, b"\r\n"])

    def _asks_for_a_socket(self) -> bool:
        """Whether it is for a WebSocket where there is one, and everything before it is answered."""
        answered = self.cycle is None or self.cycle.response_complete
        return answered and self.url.partition(b"?")[0] == SOCKET_PATH and self._get_upgrade() == b"websocket"

    def _hand_over(self, data: bytes) -> None:
        """Let the connection be a WebSocket from this request on."""
        from emulator.serving.sockets import SocketProtocol  # noqa: PLC0415  a library that few need

        self.outbox.flush()
        self._unset_keepalive_if_required()
        self._given_up = True  # nothing that comes here is HTTP any more
        self.connections.discard(self)
        protocol = SocketProtocol(self.config, self.server_state, self.app_state, _loop=self.loop)
        protocol.connection_made(self.transport)
        self.transport.set_protocol(protocol)
        protocol.data_received(data)

    def _give_up(self, problem: Problem) -> None:
        """Answer what could not be read and close; what was whole before it is answered first, and instead."""
        if self._given_up or self.transport.is_closing():
            return
        self._given_up = True
        if self._finish_whole():
            return
        if self.cycle is None or self.cycle.response_complete or not self.cycle.response_started:
            reply = self.render(problem)
            self.transport.write(without_hsts(reply) if self.scheme == "https" else reply)
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
