"""Sockets, serving, stopping. The only room (with protocol.py) that knows uvicorn."""

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
from emulator.app import Emulator, create_app
from emulator.serving.protocol import Outbox, Protocol, Render
from emulator.settings import Settings
from emulator.wire import replies
from emulator.wire.errors import Problem
from emulator.wire.replies import Representation
from emulator.wire.signalling import MAX_FRAME

if TYPE_CHECKING:
    from emulator.serving.entrances import Entrances

Ready = Callable[[Sequence[str]], None]

_BACKLOG = 2048
_KEEP_ALIVE = 75  # longer than clients keep idle connections: a client must not lose a POST to our closing
_GRACE = 1  # seconds for what was accepted to be answered, once waits and streams were ended
_LAST_LOOKS = 10
_TICK = 0.05
_GOODBYE = 0.2  # seconds for a client to end TLS when the server stops
_SWEEP_TICKS = 10  # uvicorn ticks ten times a second
# Requests leave no cycles, and the journal is large: collect seldom, and all of it hardly ever.
_GC_THRESHOLDS = (10_000, 10, 1000)
_log = logging.getLogger("emulator.server")


class CannotStartError(Exception):
    """The server cannot start; str() says why and what to do."""


class CannotListenError(CannotStartError):
    """An address cannot be listened on."""


def open_socket(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A listening socket.

    Args:
        host: name or address.
        port: 0 = any free one.
        flag: the option that the port is from.

    Raises:
        CannotListenError: the port is taken, or the address is not ours.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # The protocol must be named: asyncio sets TCP_NODELAY only then, and without it each reply waits 40 ms.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise CannotListenError(f"cannot listen on {host}: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        hint = f"; {flag} 0 takes any free one" if port else ""
        raise CannotListenError(f"cannot listen on {host} port {port}: {error.strerror}{hint}") from None
    sock.setblocking(False)  # noqa: FBT003  the standard library's signature
    return sock


def url_of(sock: socket.socket, scheme: str = "http") -> str:
    """The address that a client on this machine uses for a listening socket."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


class Server(uvicorn.Server):
    """uvicorn, told when to be ready and how to stop."""

    def __init__(
        self, app: Emulator, listener: socket.socket, ready: Ready, entrances: "Entrances | None" = None
    ) -> None:
        """Make one.

        Args:
            app: what is served.
            listener: where it is served by http.
            ready: called with the addresses, as they stand in the ready line.
            entrances: the https port and the proxy, if there are any.
        """
        super().__init__(_config(app))
        self._app = app
        self._listener = listener
        self._ready = ready
        self._entrances = entrances

    async def run_until_stopped(self) -> None:
        """Serve until `should_exit` is set or a signal comes, then answer what was accepted."""
        await self.serve(sockets=[self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then tell."""
        state = self._app.state
        state.addresses = [url_of(self._listener)]
        await super().startup(sockets)
        if self._entrances is not None:
            state.addresses += self._entrances.addresses
            state.proxy = self._entrances.proxy
            state.ca_pem = self._entrances.ca_pem
            self.servers += await self._entrances.start(self._new_connection, self.server_state.connections)
        self._ready([*state.addresses, *(["proxy", state.proxy] if state.proxy else [])])

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once a second look for connections that keep us waiting."""
        if counter % _SWEEP_TICKS == 0:
            for connection in list(self.server_state.connections):
                if isinstance(connection, Protocol):
                    connection.sweep()
        return await super().on_tick(counter)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop accepting, answer what came in, close."""
        for _ in range(_LAST_LOOKS):  # what a client sent before the signal may still be unread
            await asyncio.sleep(0)
        ending = asyncio.create_task(self._end_who_waits())
        if self._entrances is not None:
            self._entrances.stop()
            self._leave_tls()
        await super().shutdown(sockets)
        ending.cancel()
        await self._app.state.callbacks.aclose()

    async def _end_who_waits(self) -> None:
        """End waits and streams; again, because a request that was being read may begin another."""
        while True:
            self._app.state.emulation.stop()
            await asyncio.sleep(_TICK)

    def _new_connection(self) -> asyncio.Protocol:
        """What uvicorn makes for each connection, for those that come in by another entrance."""
        protocol = self.config.http_protocol_class
        assert not isinstance(protocol, str)
        return protocol(config=self.config, server_state=self.server_state, app_state={})  # type: ignore[call-arg]

    def _leave_tls(self, ended: frozenset[object] = frozenset()) -> None:
        """End TLS without the client's consent, now and then: one that is idle does not even read that we want to."""
        for connection in ended & self.server_state.connections:
            assert isinstance(connection, Protocol)
            connection.transport.abort()
        closing = frozenset(one for one in self.server_state.connections if _has_ended_tls(one))
        asyncio.get_running_loop().call_later(_GOODBYE, self._leave_tls, closing)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  a signal handler's signature
        """SIGTERM or SIGINT: stop with exit code 0; uvicorn itself would raise the signal again. Twice: at once."""
        self.force_exit = self.should_exit
        self.should_exit = True


class LoggedServer(Server):
    """The command's server: its start and stop are records of the log. In a user's process they would only disturb."""

    _stop_reason = "unknown"

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start."""
        await super().startup(sockets)
        state = self._app.state
        fields = {"event": "start", "version": __version__, "addresses": list(state.addresses), "proxy": state.proxy}
        where = [*state.addresses, *([f"proxy {state.proxy}"] if state.proxy else [])]
        _log.info("serving on %s (version %s)", ", ".join(where), __version__, extra={"fields": fields})

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop."""
        answered, pending = self.server_state.total_requests, len(self.server_state.tasks)
        fields = {"event": "stop", "reason": self._stop_reason, "answered": answered, "in_progress": pending}
        text = "stopping on %s; requests: %d answered, %d in progress"
        _log.info(text, self._stop_reason, answered, pending, extra={"fields": fields})
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Remember the signal."""
        self._stop_reason = signal.Signals(sig).name
        super().handle_exit(sig, frame)


def _has_ended_tls(connection: object) -> bool:
    """Whether all that is left of a connection is that the client agrees to end it."""
    if not isinstance(connection, Protocol) or connection.scheme != "https":
        return False
    return connection.transport.is_closing() and not connection.transport.get_write_buffer_size()


def _config(app: Emulator) -> uvicorn.Config:
    class OurProtocol(Protocol):
        render = staticmethod(_renderer(app))
        at_once = staticmethod(app.at_once)
        outbox = Outbox()

    return uvicorn.Config(
        app,
        http=OurProtocol,
        ws="none",  # the protocol makes its own, when one is asked for
        ws_max_size=MAX_FRAME,
        ws_per_message_deflate=False,  # memory for every idle user, to save bytes within one machine
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        backlog=_BACKLOG,
        timeout_keep_alive=_KEEP_ALIVE,
        timeout_graceful_shutdown=_GRACE,
    )


def _renderer(app: Emulator) -> Render:
    emulation = app.state.emulation

    def render(problem: Problem) -> bytes:
        _log.info("refused what is no request: %s", problem.rule.says)
        reply = replies.refusal(problem, "", Representation.JSON)
        head = replies.head(
            reply,
            now=emulation.clock.now(),
            request_id=emulation.new_request_id(),
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


def _raise_file_limit() -> None:
    """Every connection is a file; the soft limit is for programs that use select()."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    with contextlib.suppress(ImportError):
        import uvloop  # noqa: PLC0415  not on every platform

        return uvloop.new_event_loop
    return None


@contextlib.contextmanager
def _listening(settings: Settings) -> Iterator[socket.socket]:
    sock = open_socket(settings.host, settings.port)
    try:
        yield sock
    finally:
        sock.close()


@contextlib.contextmanager
def entering(settings: Settings) -> Iterator["Entrances | None"]:
    """The entrances beside the http port that the settings ask for, if any."""
    if settings.tls_port is None and settings.proxy_port is None:
        yield None
        return
    try:
        from emulator.serving.entrances import opened  # noqa: PLC0415  needs the extra, and time
    except ImportError as error:
        raise CannotStartError(
            f"tls_port and proxy_port need the extra tls ({error}): pip install cryptography"
        ) from None
    with opened(settings) as entrances:
        yield entrances


def run(settings: Settings, ready: Ready, **world: Any) -> None:  # noqa: ANN401  create_app's now and entropy
    """Serve until SIGTERM or SIGINT.

    Args:
        settings: the options.
        ready: called once with the addresses that answer, as they stand in the ready line.
        world: `now` and `entropy` as for `create_app`.

    Raises:
        CannotStartError: an address is taken or not ours, or there can be no certificates.
    """
    _raise_file_limit()
    with _listening(settings) as listener, entering(settings) as entrances:
        server = LoggedServer(create_app(settings, **world), listener, ready, entrances)
        gc.freeze()  # what is here now stays: later collections need not look at it
        gc.set_threshold(*_GC_THRESHOLDS)
        gc.enable()  # off since the program's first line
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            runner.run(server.run_until_stopped())
