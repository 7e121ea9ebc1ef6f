"""The asyncio protocol around `Http1Connection`: moves bytes, runs the application, and enforces timeouts."""

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
from emulator.server.connection_memory import UNCOUNTED, ReceivedBytes, UnsentResponses
from emulator.server.http1.asgi_request import AsgiRequest
from emulator.server.http1.connection import Http1Connection
from emulator.server.http1.request_cycle import End, RequestCycle
from emulator.server.http1.scheduler import ConnectionScheduler
from emulator.server.http1.states import Reading, Response
from emulator.wire.errors import INTERNAL_ERROR, TOO_MANY_REQUESTS, ErrorSpec
from emulator.wire.masking import mask_text
from emulator.wire.replies import without_hsts

KEEP_ALIVE = 75
"""Seconds; longer than clients keep idle connections, so that no request is lost to a close by the server."""
HEAD_TIMEOUT = 30
"""Seconds from the first byte of a head to its last, and from the connection to the first byte."""
BODY_TIMEOUT = 60
"""Seconds from the first byte of a body to its last."""
WRITE_TIMEOUT = 60
"""Seconds for a client to read all unsent data, or `MIN_READ` bytes of it."""
MIN_READ = 256 * 1024
"""Bytes."""
TASK_SIZE = 28 * 1024
"""Bytes of memory per request that runs as a task; measured with long polls and event streams."""
PROBES = frozenset({"/livez", "/readyz"})
"""Targets that are served even at a capacity limit: an orchestrator would otherwise restart the emulator."""
LINGER = 2
"""Seconds to continue reading after a response that ended the connection before its request was read."""

RenderError = Callable[[ErrorSpec], bytes]
"""Renders a complete response, head and body, for a malformed request."""

_MAX_REQUESTS = 32  # requests served per connection before other callbacks of the event loop run
_TLS_WRITE = 64 * 1024  # bytes encrypted at a time: the TLS transport does not count encrypted bytes as unsent
_IDLE = Reading.IDLE
_ENDS_AFTER_WRITING = frozenset({End.RESET, End.HAND_OVER})  # for the others, the transport flushes its buffer
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: on, 0 seconds
_log = logging.getLogger("emulator.server")


@dataclass(slots=True, kw_only=True)
class Http1Service:
    """Dependencies shared by all connections of a server.

    Attributes:
        render_error: renders the response to a malformed request.
        answer: handler tried first, for complete requests.
        turn: schedules the connections within a loop iteration.
        memory: bound of the memory of requests and other received bytes.
        in_progress: bound of the memory of request tasks.
        unsent: connections whose clients do not read their responses.
    """

    render_error: RenderError
    answer: BufferedHandler
    turn: ConnectionScheduler
    memory: Bound
    in_progress: Bound
    unsent: UnsentResponses


class Http1Protocol(asyncio.Protocol):
    """One connection, instantiated by uvicorn. The server sets the attribute `service` of a subclass.

    A request whose body arrived together with its head (most clients) may be answered without a task, which saves half
    the cost of a request. Requests of one connection are served sequentially.
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
        self._is_paused = False  # the client reads more slowly than the server writes
        self._is_batched = False
        self._is_reading = True
        self._will_follow = False
        self._has_ended = False  # the server writes no more
        self._waits_for = ("", 0)
        self._waits_since = 0.0
        self._received = ReceivedBytes(self.service.memory)
        self._is_over = False  # received bytes exceed the memory bound
        self._client: tuple[str, int] | None = None
        self._server: tuple[str, int] | None = None
        self.is_secure = False

    # --- asyncio

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Set the write limits and add the connection to uvicorn's set."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's only duck-types it
        self.is_secure = transport.get_extra_info("sslcontext") is not None
        # Any byte in the buffer means that the client reads more slowly than the server writes; at 0 it has everything.
        # TLS transports pause at the limit, others above it.
        transport.set_write_buffer_limits(high=int(self.is_secure), low=0)
        self._client = _address(transport.get_extra_info("peername"))
        self._server = _address(transport.get_extra_info("sockname"))
        self._connections.add(self)

    def data_received(self, data: bytes) -> None:
        """Parse the data; serve it with the other connections read in this loop iteration."""
        self.machine.receive_data(data)
        try:
            if len(data) > UNCOUNTED:
                self._received.update(self.machine.held)
                self._read(wants_data=self._has_room)
        except CapacityError:
            self.follow()  # refuses what does not fit, before more is read
        else:
            self._serve_later()

    def eof_received(self) -> bool:
        """Send the responses that are due. TLS cannot be half-closed: there, EOF means a disconnect."""
        self.machine.receive_eof()
        self.follow()
        if self.is_secure:
            self.flush()
        return not self.is_secure and not self._has_ended

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """Release everything that the connection holds."""
        self._connections.discard(self)
        self._transport = None
        self._has_ended = True
        self.machine.lose()
        self._received.update(0)
        self.service.unsent.remove(self)
        self._report_lost()
        self.writable.set()

    def pause_writing(self) -> None:
        """Pause reading too: the client reads more slowly than the server writes."""
        self._is_paused = True
        self.writable.clear()
        self.service.unsent.measure(self, self._transport)
        self._read(wants_data=False)

    def resume_writing(self) -> None:
        """Continue serving: the transport has sent all its data."""
        self.machine.confirm_sent()
        self.service.unsent.remove(self)
        self._is_paused = False
        self.writable.set()
        self.follow()

    # --- uvicorn

    def shutdown(self) -> None:
        """Answer complete requests, then close."""
        self.machine.stop_reading()
        self.follow()

    # --- the server

    def check_timeouts(self, now: float) -> None:
        """End the connection if a timeout has expired; called once a second."""
        if self._is_paused:
            self.service.unsent.measure(self, self._transport)
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
        """Whether everything was sent and only the client's close is outstanding."""
        return self._has_ended and not self._is_paused

    # --- Carrier of AsgiRequest

    def serve(self) -> int:
        """Serve requests when `ConnectionScheduler` reaches this connection; return how many."""
        self._will_follow = False
        return self.follow()

    def follow(self) -> int:
        """Serve the requests that are ready, send, and continue reading if the limits allow it; return how many."""
        machine, served = self.machine, 0
        while served < _MAX_REQUESTS:
            if self._is_paused or (cycle := machine.next_request()) is None:
                break
            served += 1
            if cycle.error is not None:
                self._send_error(cycle, cycle.error)
            elif not (cycle.is_whole and self._answered_without_task(cycle)):
                self._start(cycle)
        else:
            self._serve_later()
        self.flush_later()
        if machine.pipeline or machine.reading is not _IDLE or not self._is_reading or self._received.counted:
            self._count_received()
            self._read(wants_data=self._has_room)
        return served

    def flush(self) -> None:
        """Send pending output, and end the connection if the state machine requires it."""
        self._is_batched = False
        machine, transport = self.machine, self._transport
        if transport is None or self._has_ended:
            machine.data_to_send()
        else:
            data = machine.data_to_send()
            if data:
                if self.is_secure:
                    for at in range(0, len(data), _TLS_WRITE):
                        transport.write(data[at : at + _TLS_WRITE])
                else:
                    transport.write(data)
                if self._is_paused:
                    self.service.unsent.measure(self, transport)
                elif not (transport.is_closing() or (machine.received_eof and _is_broken(transport))):
                    machine.confirm_sent()
            if machine.end is not None and not (self._is_paused and machine.end in _ENDS_AFTER_WRITING):
                self._end(machine.end, transport)
        if machine.lost:
            self._report_lost()

    def flush_later(self) -> None:
        """Send with the other responses of this loop iteration."""
        if not self._is_batched and (self.machine.output or (self.machine.end is not None and not self._has_ended)):
            self._is_batched = True
            self.service.turn.send(self, self._loop)

    def finish(self, cycle: RequestCycle) -> None:
        """Count a request whose application has returned; complete or reset a response that it left open."""
        self._state.total_requests += 1
        if not cycle.is_open:
            return
        if cycle.response is Response.BODY:
            self.machine.reset(cycle)
        else:
            self._send_error(cycle, INTERNAL_ERROR)
        self.flush()
        self.follow()

    # --- private

    def _start(self, cycle: RequestCycle) -> None:
        """Run the application as a task, if the memory bounds allow it."""
        try:
            self._received.update(cycle.size)
            if cycle.target in PROBES:
                self.service.in_progress.hold(TASK_SIZE)
            else:
                self.service.in_progress.charge(TASK_SIZE)
        except CapacityError as error:
            self._send_error(cycle, _too_many(error))
            return
        request = AsgiRequest(self, cycle, self._scope())
        task = self._loop.create_task(request.run(self._config.loaded_app))
        self._state.tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._state.tasks.discard(task)
        self.service.in_progress.release(TASK_SIZE)

    def _answered_without_task(self, cycle: RequestCycle) -> bool:
        pieces = cycle.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        request = BufferedRequest(
            cycle.method, cycle.target, cycle.headers, cycle.fields, body, self._client, self.is_secure
        )
        try:
            response = self.service.answer(request)
        except Exception:  # noqa: BLE001  the server continues
            _log.exception("unexpected failure at %s %s", cycle.method, mask_text(cycle.target))
            self._send_error(cycle, INTERNAL_ERROR)
            return True
        if response is None:
            return False
        self.machine.send_response(cycle, response.status, response.head, response.body, response.on_lost)
        self._state.total_requests += 1
        return True

    def _send_error(self, cycle: RequestCycle, problem: ErrorSpec) -> None:
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
                pass  # the client disconnected, or an idle timeout expired
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
        """Turn the connection into a WebSocket."""
        from emulator.server.websocket import WebSocketProtocol  # noqa: PLC0415  rarely needed

        self._connections.discard(self)
        self._transport = None
        if not self._is_reading:
            transport.resume_reading()
        self._received.update(0)
        service = self.service
        protocol = WebSocketProtocol(
            self._config, self._state, self._loop, self._scope(), memory=service.memory, unsent=service.unsent
        )
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        protocol.open(*self.machine.upgrade)
        if self.machine.received_eof and not protocol.eof_received():
            transport.close()

    def _serve_later(self) -> None:
        """Continue after the other callbacks of the event loop."""
        if not self._will_follow:
            self._will_follow = True
            self.service.turn.serve(self, self._loop)

    def _count_received(self) -> None:
        """Count the client's data that is held. Reject data beyond the bound, except complete requests.

        Complete requests are answered; reading pauses until the first of them is.
        """
        held, before = self.machine.held, self._received.counted
        try:
            self._received.update(held)
        except CapacityError as error:
            if self.machine.refuse(_too_many(error)):
                self.follow()
                return
            self._received.update(held, must_fit=False)
            self._is_over = True
        if self._received.counted < before:
            self._is_over = False

    @property
    def _has_room(self) -> bool:
        return self.machine.wants_data and not self._is_paused and not self._is_over

    def _read(self, *, wants_data: bool) -> None:
        """Pause or resume reading from the client."""
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
        """What the connection waits for, with a number that changes on progress, and its timeout in seconds."""
        machine = self.machine
        if machine.end is End.LINGER and not self._is_paused:
            return ("linger", 0), LINGER
        if (self._has_ended or self._is_paused) and self._transport is not None:
            return ("write", self._transport.get_write_buffer_size() // MIN_READ), WRITE_TIMEOUT
        if machine.is_responding:
            return ("response", machine.messages), math.inf
        match machine.reading:
            case Reading.IDLE:
                return ("idle", machine.messages), KEEP_ALIVE if machine.messages else HEAD_TIMEOUT
            case Reading.HEAD:
                return ("head", machine.messages), HEAD_TIMEOUT
            case _:
                return ("body", machine.messages), BODY_TIMEOUT


def _too_many(error: CapacityError) -> ErrorSpec:
    _log.warning("rejected a request: %s", error)
    return replace(TOO_MANY_REQUESTS, message=str(error))


def _is_broken(transport: asyncio.Transport) -> bool:
    """Whether the peer sent a reset, as a client does that has closed and not only half-closed."""
    try:
        return bool(transport.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))
    except OSError:
        return True


def _address(name: Any) -> tuple[str, int] | None:  # noqa: ANN401  of any address family
    return (str(name[0]), int(name[1])) if isinstance(name, tuple) and len(name) >= 2 else None  # noqa: PLR2004
