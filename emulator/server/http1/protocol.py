"""The asyncio protocol around `Http1Connection`: it moves bytes, runs the application, and ends connections in time."""

import asyncio
import contextlib
import logging
import math
import socket
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, cast

from uvicorn import Config
from uvicorn.server import ServerState

from emulator.endpoints.asgi import BufferedHandler, BufferedRequest, Scope
from emulator.engine.capacity import Bound, CapacityError
from emulator.server.http1.asgi_request import AsgiRequest
from emulator.server.http1.connection import Http1Connection
from emulator.server.http1.cycle import Cycle, End
from emulator.server.http1.states import Reading, Response
from emulator.server.http1.write_batcher import WriteBatcher
from emulator.wire.errors import INTERNAL_ERROR, TOO_MANY_REQUESTS, Problem
from emulator.wire.replies import without_hsts

KEEP_ALIVE = 75
"""Seconds; longer than clients keep idle connections: a client must not lose a request to our closing."""
HEAD_TIMEOUT = 30
"""Seconds from the first byte of a head to its last, and from the connection to the first byte."""
BODY_TIMEOUT = 60
"""Seconds from the first byte of a body to its last."""
WRITE_TIMEOUT = 60
"""Seconds for a client to read the rest of what was sent, after the last response."""
LINGER = 2
"""Seconds to go on reading behind a response that ended the connection before its request was read."""

RenderError = Callable[[Problem], bytes]
"""A whole response, head and body, for a request that cannot be read."""

_ENDS_AFTER_WRITING = frozenset({End.RESET, End.HAND_OVER})  # the others leave the rest to the transport
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_log = logging.getLogger("emulator.server")


@dataclass(slots=True, kw_only=True)
class Http1Service:
    """What all connections of a server share.

    Attributes:
        render_error: answers what cannot be read.
        answer: is asked first, for whole requests.
        batcher: of the event loop that serves.
        memory: what bodies and other bytes of clients take.
    """

    render_error: RenderError
    answer: BufferedHandler
    batcher: WriteBatcher
    memory: Bound


class Http1Protocol(asyncio.Protocol):
    """One connection, as uvicorn makes it. The server sets the attribute `service` of a subclass.

    A request whose body came along with its head, as with most clients, may be answered without a task, which is half
    of what a request costs. Requests of one connection are served one after the other.
    """

    service: Http1Service

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],  # noqa: ARG002  uvicorn's signature
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.machine = Http1Connection()
        self.writable = asyncio.Event()
        self.writable.set()
        self._config = config
        self._state = server_state
        self._connections: set[Any] = server_state.connections  # uvicorn's, typed by its own protocols
        self._loop = _loop or asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._is_paused = False  # the client does not read as fast as we write
        self._is_batched = False
        self._is_reading = True
        self._has_ended = False  # our side: no more is written
        self._waits_for = ("", 0)
        self._waits_since = 0.0
        self._charged = 0  # bytes counted in the account of memory
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int] | None = None
        self.is_secure = False

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is one by its methods only
        self.is_secure = transport.get_extra_info("sslcontext") is not None
        # With any byte in the buffer the client does not read as fast as we write; back at 0 it has all. TLS transports
        # pause at the limit, others above it.
        transport.set_write_buffer_limits(high=int(self.is_secure), low=0)
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse, and serve what is there."""
        self.machine.receive_data(data)
        self.follow()

    def eof_received(self) -> bool:
        """Answer what is due. TLS cannot be closed by half, so there the client is gone."""
        self.machine.receive_eof()
        self.follow()
        if self.is_secure:
            self.flush()
        return not self.is_secure and not self._has_ended

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """Forget the connection: nothing of it may stay."""
        self._connections.discard(self)
        self._transport = None
        self._has_ended = True
        self.machine.lose()
        self._charge()
        self._report_lost()
        self.writable.set()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is sent to: do not read from it either."""
        self._is_paused = True
        self.writable.clear()
        self._read(wants_data=False)

    def resume_writing(self) -> None:
        """The client has all that was sent."""
        self.machine.confirm_sent()
        self._is_paused = False
        self.writable.set()
        self.follow()

    # --- uvicorn

    def shutdown(self) -> None:
        """Answer whole requests, and close."""
        self.machine.stop_reading()
        self.follow()

    # --- the server

    def check_timeouts(self, now: float) -> None:
        """End a connection that keeps the server waiting for too long; called once a second."""
        waits, limit = self._waits()
        if waits != self._waits_for:
            self._waits_for, self._waits_since = waits, now
        elif now - self._waits_since >= limit and self._transport is not None:
            if waits[0] == "idle":
                self._transport.close()
            else:
                self._transport.abort()

    def abort(self) -> None:
        """End the connection now."""
        if self._transport is not None:
            self._transport.abort()

    @property
    def is_closing(self) -> bool:
        """Whether all was sent, and only the client's end is missing."""
        return self._has_ended and not self._is_paused

    # --- AsgiRequest's carrier

    def follow(self) -> None:
        """Serve the requests that can be served now, send, and read on if there is room."""
        machine = self.machine
        while not self._is_paused and (cycle := machine.next_request()) is not None:
            self._serve(cycle)
        self.flush_later()
        if machine.pipeline or machine.end is not None or not self._is_reading or self._charged:
            self._charge()
            self._read(machine.wants_data and not self._is_paused)

    def flush(self) -> None:
        """Send what is there, and end the connection if it is to end."""
        self._is_batched = False
        machine, transport = self.machine, self._transport
        if transport is None or self._has_ended:
            machine.data_to_send()
        else:
            data = machine.data_to_send()
            if data:
                transport.write(data)
                if not (self._is_paused or transport.is_closing() or (machine.received_eof and _is_broken(transport))):
                    machine.confirm_sent()
            if machine.end is not None and not (self._is_paused and machine.end in _ENDS_AFTER_WRITING):
                self._end(machine.end, transport)
        if machine.lost:
            self._report_lost()

    def flush_later(self) -> None:
        """Send with the other responses of this turn of the event loop."""
        if not self._is_batched and (self.machine.output or (self.machine.end is not None and not self._has_ended)):
            self._is_batched = True
            self.service.batcher.add(self.flush, self._loop)

    def finish(self, cycle: Cycle) -> None:
        """Count a request whose application has returned; make up for a response that it left open."""
        self._state.total_requests += 1
        if not cycle.is_open:
            return
        if cycle.response is Response.BODY:
            self.machine.reset(cycle)
        else:
            self._send_error(cycle, INTERNAL_ERROR)
        self.flush()
        self.follow()

    # --- own

    def _serve(self, cycle: Cycle) -> None:
        if cycle.error is not None:
            self._send_error(cycle, cycle.error)
        elif not cycle.is_whole or self.service.batcher.is_full or not self._answered_without_task(cycle):
            request = AsgiRequest(self, cycle, self._scope())
            task = self._loop.create_task(request.run(self._config.loaded_app))
            self._state.tasks.add(task)
            task.add_done_callback(self._state.tasks.discard)

    def _answered_without_task(self, cycle: Cycle) -> bool:
        pieces = cycle.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        request = BufferedRequest(
            cycle.method, cycle.target, cycle.headers, cycle.fields, body, self._client, self.is_secure
        )
        try:
            response = self.service.answer(request)
        except Exception:  # noqa: BLE001  the server goes on
            _log.exception("unexpected failure at %s %s", cycle.method, cycle.target)
            self._send_error(cycle, INTERNAL_ERROR)
            return True
        if response is None:
            return False
        self.machine.send_response(cycle, response.status, response.head, response.body, response.on_lost)
        self._state.total_requests += 1
        return True

    def _send_error(self, cycle: Cycle, problem: Problem) -> None:
        response = self.service.render_error(problem)
        self.machine.send_raw(cycle, without_hsts(response) if self.is_secure else response)

    def _scope(self) -> Scope:
        return {
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "server": self._server,
            "client": self._client,
            "scheme": "https" if self.is_secure else "http",
            "root_path": "",
            "state": {},
        }

    def _end(self, end: End, transport: asyncio.Transport) -> None:
        self._has_ended = True
        match end:
            case _ if transport.is_closing():
                pass  # the client is gone, or the connection was idle for too long
            case End.RESET:
                try:
                    with contextlib.suppress(OSError):  # closed already
                        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                finally:
                    transport.abort()
            case End.HAND_OVER:
                self._hand_over(transport)
            case End.LINGER if transport.can_write_eof():
                transport.write_eof()
            case _:
                transport.close()

    def _hand_over(self, transport: asyncio.Transport) -> None:
        """Let the connection be a WebSocket from now on."""
        from emulator.server.websocket import WebSocketProtocol  # noqa: PLC0415  a library that few need

        self._connections.discard(self)
        self._transport = None
        if not self._is_reading:
            transport.resume_reading()
        protocol = WebSocketProtocol(self._config, self._state, self._loop, self._scope())
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.open(*self.machine.upgrade)
        if self.machine.received_eof and not protocol.eof_received():
            transport.close()

    def _charge(self) -> None:
        """Count the bytes that are held; refuse the request that is too much."""
        more = self.machine.held - self._charged
        if more < 0:
            self.service.memory.release(-more, 0)
        elif more > 0:
            try:
                self.service.memory.charge(more, 0)
            except CapacityError as error:
                _log.warning("refused a request: %s", error)
                self.machine.refuse(replace(TOO_MANY_REQUESTS, message=str(error)))
                self.follow()
                return
        self._charged += more

    def _read(self, wants_data: bool) -> None:  # noqa: FBT001  the one thing it is about
        """Read from the client only what there is room for."""
        transport = self._transport
        if wants_data is self._is_reading or transport is None or transport.is_closing() or self.machine.received_eof:
            return
        self._is_reading = wants_data
        if wants_data:
            transport.resume_reading()
        else:
            transport.pause_reading()

    def _report_lost(self) -> None:
        lost, self.machine.lost = self.machine.lost, []
        for on_lost in lost:
            assert callable(on_lost)
            on_lost()

    def _waits(self) -> tuple[tuple[str, int], float]:
        """What the connection waits for, with a number that changes when it goes on, and the seconds it may take."""
        machine = self.machine
        if machine.end is End.LINGER and not self._is_paused:
            return ("linger", 0), LINGER
        if (self._has_ended or self._is_paused) and self._transport is not None:
            return ("write", self._transport.get_write_buffer_size()), WRITE_TIMEOUT
        if machine.is_responding:
            return ("response", machine.messages), math.inf
        match machine.reading:
            case Reading.IDLE:
                return ("idle", machine.messages), KEEP_ALIVE if machine.messages else HEAD_TIMEOUT
            case Reading.HEAD:
                return ("head", machine.messages), HEAD_TIMEOUT
            case _:
                return ("body", machine.messages), BODY_TIMEOUT


def _is_broken(transport: asyncio.Transport) -> bool:
    """Whether the peer has answered with a reset: a client that has closed, and did not only send EOF."""
    try:
        return bool(transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except OSError:
        return True


def _address(name: Any) -> tuple[str, int] | None:  # noqa: ANN401  of any address family
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None  # noqa: PLR2004
