"""uvicorn's server with the connections of this package: start, serve, stop."""

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from types import FrameType
from typing import TYPE_CHECKING, Any

import uvicorn

from emulator import __version__
from emulator.app import EmulatorApp, create_app
from emulator.server.acceptor import Acceptor
from emulator.server.bind import CannotStartError, open_socket, url_of
from emulator.server.connection_memory import UnsentResponses
from emulator.server.http1.protocol import Http1Protocol, Http1Service, RenderError
from emulator.server.http1.scheduler import ConnectionScheduler
from emulator.server.malloc import return_large_buffers
from emulator.server.open_files import connections_within, file_limit, raise_file_limit
from emulator.settings import Settings
from emulator.wire import replies
from emulator.wire.errors import ErrorSpec
from emulator.wire.replies import Representation
from emulator.wire.signalling import MAX_FRAME

if TYPE_CHECKING:
    from emulator.server.listeners import Listeners

Ready = Callable[[Sequence[str]], None]

_GRACE = 1  # seconds to answer accepted requests, after long polls and streams have been ended
_LAST_LOOKS = 10
_TICK = 0.05
_GOODBYE = 0.2  # seconds for a client to end TLS when the server stops
_SWEEP_TICKS = 10  # uvicorn ticks ten times a second
# Requests leave no reference cycles, and the journal is large: collect often in generation 0, rarely in generation 2.
_GC_THRESHOLDS = (2_000, 4, 10_000)
_ONCE_STARTED = 0.5  # seconds after the start; for work that must not delay it
_log = logging.getLogger("emulator.server")


class Server(uvicorn.Server):
    """uvicorn's server with a readiness callback, its own acceptor and its own shutdown."""

    def __init__(
        self, app: EmulatorApp, listener: socket.socket, ready: Ready, listeners: "Listeners | None" = None
    ) -> None:
        """Configure uvicorn; nothing is accepted yet.

        Args:
            app: the application.
            listener: listening socket of the http port.
            ready: called with the addresses, as in the ready line.
            listeners: the https port and the proxy, if enabled.
        """
        super().__init__(_config(app))
        self._app = app
        self._listener = listener
        self._ready = ready
        self._listeners = listeners
        memory = app.services.engine.memory["connections"]
        self._acceptor = Acceptor(connections_within(file_limit(), app.services.connections_limit), memory)
        app.services.listening.connections = self._acceptor

    async def run_until_stopped(self) -> None:
        """Serve until `should_exit` is set or a signal is received, then answer accepted requests."""
        await self.serve(sockets=[self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:  # noqa: ARG002  the base's signature
        """Accept connections with `Acceptor`, because uvicorn has no limit; then report the addresses."""
        listening = self._app.services.listening
        listening.addresses = [url_of(self._listener)]
        await super().startup([])
        self._acceptor.add(self._listener, self._new_connection)
        if self._listeners is not None:
            listening.addresses += self._listeners.addresses
            listening.proxy = self._listeners.proxy
            listening.ca_pem = self._listeners.ca_pem
            self._listeners.start(self._acceptor, self._new_connection, self.server_state.connections)
        self._ready([*listening.addresses, *(["proxy", listening.proxy] if listening.proxy else [])])

    async def on_tick(self, counter: int) -> bool:
        """Check the timeouts of all connections once a second; uvicorn calls this ten times a second."""
        if counter % _SWEEP_TICKS == 0:
            now = asyncio.get_running_loop().time()
            for connection in self._connections():
                connection.check_timeouts(now)
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer received requests, and close."""
        for _ in range(_LAST_LOOKS):  # bytes sent before the signal may still be unread
            await asyncio.sleep(0)
        ending = asyncio.create_task(self._end_who_waits())
        self._acceptor.close()
        if self._listeners is not None:
            self._listeners.stop()
        self._end_closing()
        aborting = asyncio.get_running_loop().call_later(_GRACE, self._abort_all)
        await super().shutdown(sockets)
        aborting.cancel()
        ending.cancel()
        await self._app.services.callbacks.aclose()

    async def _end_who_waits(self) -> None:
        """End long polls and streams, repeatedly: a request that was being read may begin another."""
        while True:
            self._app.services.engine.stop()
            await asyncio.sleep(_TICK)

    def _new_connection(self) -> asyncio.Protocol:
        """Protocol factory of all listeners, the same as uvicorn's."""
        protocol = self.config.http_protocol_class
        assert not isinstance(protocol, str)
        return protocol(config=self.config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

    def _connections(self) -> list[Http1Protocol]:
        """All connections; a WebSocket has the same methods."""
        return list(self.server_state.connections)  # type: ignore[arg-type]

    def _end_closing(self, before: frozenset[Http1Protocol] = frozenset()) -> None:
        """During shutdown, abort connections that only wait for the client's close."""
        closing = frozenset(connection for connection in self._connections() if connection.is_closing)
        for connection in closing & before:
            connection.abort()
        asyncio.get_running_loop().call_later(_GOODBYE, self._end_closing, closing)

    def _abort_all(self) -> None:
        """Abort connections whose clients do not read; uvicorn would log an error."""
        for connection in self._connections():
            connection.abort()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  a signal handler's signature
        """Stop on SIGTERM or SIGINT with exit code 0, where uvicorn would raise the signal again.

        A second signal forces an immediate exit.
        """
        self.force_exit = self.should_exit
        self.should_exit = True


class LoggedServer(Server):
    """The command's server: logs its start and stop. `Server` does not, because it also runs inside users' tests."""

    _stop_reason = "unknown"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and log the addresses and the connection limit."""
        await super().startup(sockets)
        asyncio.get_running_loop().call_later(_ONCE_STARTED, return_large_buffers)
        services = self._app.services
        listening = services.listening
        wanted, limit = services.connections_limit, self._acceptor.limit
        fields = {
            "event": "start",
            "version": __version__,
            "addresses": list(listening.addresses),
            "proxy": listening.proxy,
            "connections_limit": limit,
        }
        where = [*listening.addresses, *([f"proxy {listening.proxy}"] if listening.proxy else [])]
        memory = services.engine.memory["connections"].max_bytes
        why = f"RLIMIT_NOFILE is {file_limit()}, and memory_limit allows {memory} bytes for connections"
        less = f"; connections_limit is {limit}: {why}" if limit < wanted else ""
        _log.info("serving on %s (version %s)%s", ", ".join(where), __version__, less, extra={"fields": fields})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Log the number of requests, then stop."""
        answered, pending = self.server_state.total_requests, len(self.server_state.tasks)
        fields = {"event": "stop", "reason": self._stop_reason, "answered": answered, "in_progress": pending}
        text = "stopping on %s; requests: %d answered, %d in progress"
        _log.info(text, self._stop_reason, answered, pending, extra={"fields": fields})
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Keep the signal's name for the log, then stop."""
        self._stop_reason = signal.Signals(sig).name
        super().handle_exit(sig, frame)


def _config(app: EmulatorApp) -> uvicorn.Config:
    memory = app.services.engine.memory

    class ServedConnection(Http1Protocol):
        service = Http1Service(
            render_error=_error_renderer(app),
            answer=app.at_once,
            turn=ConnectionScheduler(),
            memory=memory["request_bodies"],
            in_progress=memory["requests_in_progress"],
            unsent=UnsentResponses(memory["unsent_responses"]),
        )

    return uvicorn.Config(
        app,
        http=ServedConnection,
        ws="none",  # Http1Protocol upgrades to WebSocketProtocol itself
        ws_max_size=MAX_FRAME,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_GRACE + 1,  # for the tasks of aborted connections
    )


def _error_renderer(app: EmulatorApp) -> RenderError:
    engine = app.services.engine

    def render(problem: ErrorSpec) -> bytes:
        _log.info("rejected an invalid request: %s. Advice: %s", problem.rule.summary, problem.advice)
        reply = replies.refusal(problem, "", Representation.JSON)
        head = replies.head(
            reply,
            now=engine.clock.now(),
            request_id=engine.new_request_id(),
            duration=0.0,
            concurrent=1,
            charset=False,
        )
        return b"HTTP/1.1 %d %b\r\n%bconnection: close\r\n\r\n%b" % (
            reply.status,
            HTTPStatus(problem.status).phrase.encode(),
            head,
            reply.body,
        )

    return render


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """Event loop factory: uvloop's, or asyncio's loop that supports `add_reader` on every platform."""
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  not on every platform

        return uvloop.new_event_loop
    return asyncio.SelectorEventLoop


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    sock = open_socket(settings.host, settings.port)
    try:
        yield sock
    finally:
        sock.close()


@contextlib.contextmanager
def entering(settings: Settings) -> Iterator["Listeners | None"]:
    """Open the https port and the proxy that the settings enable; None when both are off."""
    if settings.tls_port is None and settings.proxy_port is None:
        yield None
        return
    try:
        from emulator.server.listeners import opened  # noqa: PLC0415  needs the extra, and is slow
    except ImportError as error:
        raise CannotStartError(
            f"tls_port and proxy_port require the extra tls ({error}): pip install cryptography"
        ) from None
    with opened(settings) as listeners:
        yield listeners


def run(settings: Settings, ready: Ready, **world: Any) -> None:  # noqa: ANN401  create_app's now and entropy
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: the options.
        ready: called once with the addresses, as in the ready line.
        world: `now` and `entropy` as for `create_app`.

    Raises:
        CannotStartError: an address is in use or not local, or the certificates cannot be made.
    """
    raise_file_limit()
    with _listening(settings) as listener, entering(settings) as listeners:
        server = LoggedServer(create_app(settings, **world), listener, ready, listeners)
        gc.freeze()  # exclude the permanent objects from later collections
        gc.set_threshold(*_GC_THRESHOLDS)
        gc.enable()  # disabled at the start of the program
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            runner.run(server.run_until_stopped())
