"""A WebSocket on the transport of the HTTP connection that it was upgraded from. Imported on first use.

`websockets` reads and writes frames without I/O; this protocol moves its bytes and runs the ASGI application
(asgi.readthedocs.io, WebSocket 2.3). Bytes after the opening handshake wait until it is answered, and frames until the
application has taken the previous message, so that memory use stays low whatever the client sends.
"""

import asyncio
import logging
import os
from collections import deque
from collections.abc import MutableMapping
from http import HTTPStatus
from typing import Any, cast
from urllib.parse import unquote

from uvicorn import Config
from uvicorn.server import ServerState
from websockets.exceptions import InvalidState
from websockets.frames import Frame, Opcode
from websockets.http11 import Request, Response
from websockets.protocol import State
from websockets.server import ServerProtocol

from emulator.endpoints.asgi import CONNECTION, Scope
from emulator.engine.capacity import Bound, CapacityError
from emulator.server.connection_memory import ReceivedBytes, UnsentResponses

PING_INTERVAL = 20
"""Seconds between pings, and for the client to answer one."""
CLOSE_TIMEOUT = 10
"""Seconds for a client to end the connection after a close frame, and to read unsent data."""
_ABNORMAL = 1006  # RFC 6455, 7.1.5
_INVALID_DATA = 1007
_SERVICE_RESTART = 1012
_TRY_AGAIN_LATER = 1013
_PIECE = 4096  # bytes parsed at a time
_MESSAGE = 400  # bytes of memory overhead per message for the application, measured
# For a line length or number of headers that `websockets` does not parse; its limits are below those of HTTP requests.
_TOO_LARGE = b"HTTP/1.1 431 Request Header Fields Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_log = logging.getLogger("emulator.voice")

Message = MutableMapping[str, Any]


class WebSocketProtocol(asyncio.Protocol):
    """One WebSocket; also the `reset` of its scope's extension."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        loop: asyncio.AbstractEventLoop,
        connection: Scope,
        *,
        memory: Bound,
        unsent: UnsentResponses,
    ) -> None:
        self._config = config
        self._state = server_state
        self._connections: set[Any] = server_state.connections  # uvicorn's, typed by its own protocols
        self._loop = loop
        self._connection = connection
        self._frames = ServerProtocol(max_size=config.ws_max_size, logger=_log)
        self._transport: asyncio.Transport | None = None
        self._response: Response | None = None  # to the opening handshake, until it is sent
        self._unparsed = b""
        self._message = b""  # fragments of the current message
        self._is_text = True
        self._received = ReceivedBytes(memory)
        self._unsent = unsent
        self._inbox: deque[Message] = deque()
        self._arrived = asyncio.Event()
        self._writable = asyncio.Event()
        self._writable.set()
        self._is_reading = True
        self._has_eof = False
        self._has_disconnected = False  # the disconnect was queued for the application
        self._ping = b""  # payload of an unanswered ping
        self._timer: tuple[object, float] = (None, 0.0)

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Add the connection to uvicorn's set."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's only duck-types it
        self._connections.add(self)

    def open(self, handshake: bytes, rest: bytes) -> None:
        """Process the opening handshake; keep the bytes received after it."""
        self._unparsed = rest
        self._frames.receive_data(handshake)
        events = self._frames.events_received()
        if not events:
            assert self._transport is not None
            self._transport.write(_TOO_LARGE)
            self._transport.close()
            return
        assert isinstance(events[0], Request)
        self._begin(events[0])
        self._send()

    def data_received(self, data: bytes) -> None:
        """Parse frames until a message waits for the application."""
        self._unparsed += data
        self._parse()

    def eof_received(self) -> bool:
        """Receive EOF. The handshake is still answered, except over TLS, which cannot be half-closed."""
        self._has_eof = True
        self._parse()
        return self._connection["scheme"] == "http" and self._response is not None

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """Release everything that the connection holds, and notify the application."""
        self._connections.discard(self)
        self._transport = self._response = None
        self._unparsed = self._message = b""
        self._received.update(0)
        self._unsent.remove(self)
        self._break_cycles()
        self._disconnect(_ABNORMAL)
        self._writable.set()

    def pause_writing(self) -> None:
        """Pause reading too: the client does not read, and its frames could require answers."""
        self._writable.clear()
        self._unsent.measure(self, self._transport)
        self._adjust_reading()

    def resume_writing(self) -> None:
        """Continue parsing: the client reads again."""
        self._unsent.remove(self)
        self._writable.set()
        self._parse()

    # --- the server

    def shutdown(self) -> None:
        """Close with code 1012 (service restart)."""
        self._close(_SERVICE_RESTART)
        if self._transport is not None:
            self._transport.close()

    def check_timeouts(self, now: float) -> None:
        """End the connection if a timeout has expired, and send pings; called once a second."""
        waits, limit = self._waits()
        if waits != self._timer[0]:
            self._timer = waits, now
        elif now - self._timer[1] < limit:
            return
        elif waits == "ping":
            self._timer = "no answer to a ping", now
            self._ping = os.urandom(4)
            self._frames.send_ping(self._ping)
            self._send()
        else:
            _log.info("resetting a WebSocket: %s for %g s", waits, limit)
            self.reset()

    @property
    def is_closing(self) -> bool:
        """Whether only the client's close is outstanding."""
        return self._frames.close_expected() and self._writable.is_set()

    def abort(self) -> None:
        """End the connection now."""
        self.reset()

    # --- ASGI

    def reset(self) -> None:
        """End the connection without a close frame."""
        if self._transport is not None:
            self._transport.abort()

    async def receive(self) -> Message:
        """Receive a message, or the disconnect."""
        while not self._inbox:
            self._arrived.clear()
            await self._arrived.wait()
        message = self._inbox.popleft()
        if not self._inbox:
            self._loop.call_soon(self._parse)
        return message

    async def send(self, message: Message) -> None:
        """Send a message.

        Raises:
            OSError: the client is disconnected.
            RuntimeError: unknown message type.
        """
        await self._writable.wait()
        match message["type"]:
            case "websocket.accept":
                self._answer(self._response)
            case "websocket.close" if self._response is not None:
                self._answer(self._frames.reject(HTTPStatus.FORBIDDEN, ""))
                self._disconnect(_ABNORMAL)
            case "websocket.close":
                self._close(message.get("code", 1000), message.get("reason") or "")
            case "websocket.send":
                self._send_message(message)
            case other:
                raise RuntimeError(f"unexpected {other}")

    async def _run(self, scope: Scope) -> None:
        try:
            await self._config.loaded_app(scope, self.receive, self.send)
        except OSError:
            pass  # the client disconnected
        except Exception:  # noqa: BLE001  the server continues
            _log.exception("unexpected failure of a WebSocket")
        finally:
            scope["extensions"].clear()
            if self._response is not None:
                self._answer(self._frames.reject(HTTPStatus.INTERNAL_SERVER_ERROR, ""))
            elif self._frames.state is State.OPEN:
                self._close(1011)

    # --- private

    def _begin(self, request: Request) -> None:
        """Answer an invalid opening handshake; pass a valid one to the application."""
        response = self._frames.accept(request)
        if response.status_code != HTTPStatus.SWITCHING_PROTOCOLS:
            self._answer(response)
            return
        self._response = response
        path, _, query = request.path.partition("?")
        scope = {
            **self._connection,
            "type": "websocket",
            "http_version": "1.1",
            "scheme": "wss" if self._connection["scheme"] == "https" else "ws",
            "path": unquote(path),
            "raw_path": _encode(path),
            "query_string": _encode(query),
            "headers": [(_encode(name).lower(), _encode(value)) for name, value in request.headers.raw_items()],
            "subprotocols": [],
            "extensions": {CONNECTION: self},
        }
        self._inbox.append({"type": "websocket.connect"})
        task = self._loop.create_task(self._run(scope))
        self._state.tasks.add(task)
        task.add_done_callback(self._state.tasks.discard)

    def _answer(self, response: Response | None) -> None:
        """Answer the opening handshake."""
        if response is None:
            raise ConnectionError("the client left")
        self._response = None
        response.headers.pop("Date", None)
        self._frames.send_response(response)
        self._send()
        self._parse()

    def _parse(self) -> None:
        """Parse waiting bytes, piece by piece, until a message waits for the application."""
        while self._unparsed and self._may_parse():
            piece, self._unparsed = self._unparsed[:_PIECE], self._unparsed[_PIECE:]
            self._frames.receive_data(piece)
            for event in self._frames.events_received():
                if isinstance(event, Frame):
                    self._take(event)
            self._send()
        self._count_received()
        if self._has_eof and not self._unparsed and self._response is None and self._transport is not None:
            self._transport.close()
        self._adjust_reading()

    def _count_received(self) -> None:
        """Count the client's data that is held; close when it exceeds the bound."""
        if self._transport is None:
            return
        try:
            self._received.update(self._held)
        except CapacityError as error:
            _log.warning("closed a WebSocket: %s", error)
            self._unparsed = self._message = b""
            if self._response is not None:
                self._close(_TRY_AGAIN_LATER)
            else:
                self._frames.fail(_TRY_AGAIN_LATER, str(error))
                self._disconnect(_TRY_AGAIN_LATER)
                self._send()
            self._received.update(self._held, must_fit=False)

    @property
    def _held(self) -> int:
        unfinished = len(self._unparsed) + len(self._message) + len(self._frames.reader.buffer)
        return unfinished + _MESSAGE * len(self._inbox)

    def _may_parse(self) -> bool:
        has_room = not self._inbox or self._has_disconnected
        return has_room and self._writable.is_set() and self._response is None and self._transport is not None

    def _take(self, frame: Frame) -> None:
        match frame.opcode:
            case Opcode.PONG if bytes(frame.data) == self._ping:
                self._ping = b""
            case Opcode.CLOSE:
                received = self._frames.close_rcvd
                self._disconnect(_ABNORMAL if received is None else received.code)
            case Opcode.TEXT | Opcode.BINARY:
                self._is_text, self._message = frame.opcode is Opcode.TEXT, bytes(frame.data)
                self._take_whole(frame)
            case Opcode.CONT:
                self._message += frame.data
                self._take_whole(frame)

    def _take_whole(self, frame: Frame) -> None:
        if not frame.fin or self._has_disconnected:
            return
        data, self._message = self._message, b""
        if not self._is_text:
            self._deliver({"type": "websocket.receive", "bytes": data})
            return
        try:
            self._deliver({"type": "websocket.receive", "text": data.decode()})
        except UnicodeDecodeError as error:
            self._frames.fail(_INVALID_DATA, f"{error.reason} at position {error.start}")
            self._disconnect(_INVALID_DATA)

    def _send_message(self, message: Message) -> None:
        try:
            if message.get("text") is not None:
                self._frames.send_text(message["text"].encode())
            else:
                self._frames.send_binary(message["bytes"])
        except InvalidState:
            raise ConnectionError("the WebSocket is closed") from None
        self._send()

    def _close(self, code: int, reason: str = "") -> None:
        if self._response is not None:
            self._answer(self._frames.reject(HTTPStatus.SERVICE_UNAVAILABLE, ""))
        elif self._frames.state is State.OPEN:
            self._frames.send_close(code, reason)
            self._send()
        self._disconnect(code)

    def _send(self) -> None:
        """Send the output of `websockets`; an empty piece means EOF."""
        for data in self._frames.data_to_send():
            transport = self._transport
            if transport is None or transport.is_closing():
                continue
            if data:
                transport.write(data)
            elif transport.can_write_eof():
                transport.write_eof()
            else:
                transport.close()
        if not self._writable.is_set():
            self._unsent.measure(self, self._transport)
        if self._frames.parser_exc is not None:
            sent = self._frames.close_sent
            self._disconnect(_ABNORMAL if sent is None else sent.code)

    def _break_cycles(self) -> None:
        """Break the reference cycles of the parser and its exceptions, so that their memory is freed now."""
        self._frames.parser.close()
        for error in (self._frames.parser_exc, self._frames.handshake_exc):
            if error is not None:
                error.__traceback__ = error.__cause__ = error.__context__ = None

    def _disconnect(self, code: int) -> None:
        if not self._has_disconnected:
            self._has_disconnected = True
            self._deliver({"type": "websocket.disconnect", "code": code, "reason": ""})

    def _deliver(self, message: Message) -> None:
        self._inbox.append(message)
        self._arrived.set()

    def _adjust_reading(self) -> None:
        transport = self._transport
        wants = not self._unparsed
        if transport is None or transport.is_closing() or wants == self._is_reading:
            return
        self._is_reading = wants
        if wants:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _waits(self) -> tuple[str, float]:
        """What the connection waits for, and its timeout in seconds."""
        if not self._writable.is_set():
            return "the client does not read", CLOSE_TIMEOUT
        if self._frames.close_expected():
            return "the client does not close", CLOSE_TIMEOUT
        if self._frames.state is not State.OPEN:
            return "no answer to the opening handshake", 3 * CLOSE_TIMEOUT
        return ("no answer to a ping" if self._ping else "ping"), PING_INTERVAL


def _encode(text: str) -> bytes:
    """Original bytes of a handshake string; older versions of `websockets` decode bytes over 127 as surrogates."""
    return text.encode("latin-1", "surrogateescape")
