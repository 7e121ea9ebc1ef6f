"""Hands TCP connections over to the HTTP server, with or without TLS.

Used by the https port and by the proxy's CONNECT. The connection itself is handed over; no bytes are copied between
sockets.
"""

import asyncio
import logging
import ssl
from collections.abc import Callable
from collections.abc import Set as AbstractSet
from typing import cast

from emulator.engine.capacity import CapacityError
from emulator.server import client_hello

HANDSHAKE = 10.0
"""Seconds a client may take for its handshake."""
_GOODBYE = 5.0  # seconds to wait for the client's close_notify after the server's
_TLS = b"\x16"  # a handshake record, RFC 8446, 5.1
_WORDS = b"this port speaks TLS: write https:// in its address\n"
_SPEAKS_TLS = (
    b"HTTP/1.1 400 Bad Request\r\ncontent-type: text/plain\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b"
    % (len(_WORDS), _WORDS)
)
_log = logging.getLogger("emulator.server")

HttpProtocol = Callable[[], asyncio.Protocol]


class _Meanwhile(asyncio.Protocol):
    """Buffers data that a client sends together with the end of its handshake."""

    def __init__(self) -> None:
        self.received: list[bytes] = []

    def data_received(self, data: bytes) -> None:
        self.received.append(data)


class TlsAcceptor:
    """Hands connections over to the HTTP server.

    Attributes:
        connections: connections of the HTTP server.
        handshake: seconds that a handshake may take.
        begin_tls: counts the memory of TLS.
    """

    def __init__(
        self,
        http: HttpProtocol,
        connections: AbstractSet[asyncio.Protocol],
        context: ssl.SSLContext,
        handshake: float = HANDSHAKE,
        *,
        begin_tls: Callable[[asyncio.Transport], None] = lambda _: None,
    ) -> None:
        """Create an acceptor without connections.

        Args:
            http: protocol factory of the HTTP server.
            connections: connections of the HTTP server.
            context: TLS context.
            handshake: seconds that a handshake may take.
            begin_tls: counts the memory of TLS; raises CapacityError when the bound is reached.
        """
        self.connections = connections
        self._http = http
        self._context = context
        self.handshake = handshake
        self.begin_tls = begin_tls
        self._arriving: set[_Arriving] = set()
        self._shaking: dict[asyncio.Task[None], asyncio.Transport] = {}

    def plain(self, transport: asyncio.Transport, received: bytes) -> asyncio.Protocol:
        """Hand the connection over as plain HTTP; return its new protocol."""
        return self._hand_over(transport, [received])

    def secure(
        self, transport: asyncio.Transport, early: bytes, then: Callable[[asyncio.Protocol | None], None]
    ) -> None:
        """Wait for the client's handshake and hand the connection over as https.

        Args:
            transport: a connection whose reading is paused.
            early: data received already.
            then: called with the new protocol of the connection; with None when the handshake failed.
        """
        arriving = _Arriving(self, then)
        transport.set_protocol(arriving)
        arriving.connection_made(transport)
        transport.resume_reading()
        if early:
            arriving.data_received(early)

    def shake_hands(
        self, transport: asyncio.Transport, early: bytes, then: Callable[[asyncio.Protocol | None], None]
    ) -> None:
        """Begin a handshake whose first record is complete."""
        task = asyncio.get_running_loop().create_task(self._secure(transport, early, then))
        self._shaking[task] = transport
        task.add_done_callback(self._shaking.pop)

    def listener(self) -> asyncio.Protocol:
        """Protocol factory of the https port."""
        return _Arriving(self)

    def arrived(self, connection: "_Arriving") -> None:
        """Add a connection that waits for its first record."""
        self._arriving.add(connection)

    def begun(self, connection: "_Arriving") -> None:
        """Remove a connection that has begun its handshake or disconnected."""
        self._arriving.discard(connection)

    def stop(self) -> None:
        """Abort unfinished handshakes."""
        for connection in list(self._arriving):
            connection.abort()
        for task, transport in list(self._shaking.items()):
            task.cancel()
            transport.abort()

    async def _secure(
        self, transport: asyncio.Transport, early: bytes, then: Callable[[asyncio.Protocol | None], None]
    ) -> None:
        meanwhile = _Meanwhile()
        shaking = asyncio.ensure_future(
            asyncio.get_running_loop().start_tls(
                transport,
                meanwhile,
                self._context,
                server_side=True,
                ssl_handshake_timeout=self.handshake,
                ssl_shutdown_timeout=_GOODBYE,
            )
        )
        protocol = None
        try:
            await _feed(transport, early)
            secure = await shaking
            if secure is not None and not secure.is_closing():
                protocol = self._hand_over(secure, meanwhile.received)
        except ssl.SSLError as error:
            _log.info("TLS handshake failed: %s", error)
            transport.abort()
        except OSError as error:  # a disconnect or a timeout
            _log.debug("TLS handshake failed: %s", error)
            transport.abort()
        finally:
            shaking.cancel()
            then(protocol)

    def _hand_over(self, transport: asyncio.Transport, received: list[bytes]) -> asyncio.Protocol:
        protocol = self._http()
        transport.set_protocol(protocol)
        protocol.connection_made(transport)
        for data in received:
            protocol.data_received(data)
        return protocol


async def _feed(transport: asyncio.Transport, early: bytes) -> None:
    """Pass data to TLS that was read before it started: after its scheduled start, before reading resumes."""
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    tls = cast("asyncio.BufferedProtocol", transport.get_protocol())  # uvloop's only duck-types it
    left = memoryview(early)
    while left:
        room = memoryview(tls.get_buffer(len(left)))
        size = min(len(room), len(left))
        room[:size] = left[:size]
        tls.buffer_updated(size)
        left = left[size:]


class _Arriving(asyncio.Protocol):
    """A connection before its handshake: waits for the first record, which contains the server name."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, joining: TlsAcceptor, then: Callable[[asyncio.Protocol | None], None] = lambda _: None) -> None:
        self._joining = joining
        self._then = then
        self._received = b""
        self._is_decided = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout."""
        self._transport = transport
        self._joining.arrived(self)
        self._timer = asyncio.get_running_loop().call_later(self._joining.handshake, self.abort)

    def data_received(self, data: bytes) -> None:
        """Begin the handshake once the first record is complete, or reject it."""
        if self._is_decided or self._transport.is_closing():
            return
        self._received += data
        if not self._received.startswith(_TLS):
            self._refuse(_SPEAKS_TLS)
        elif client_hello.is_whole(self._received):
            name = client_hello.server_name(self._received)
            if name is None or client_hello.is_valid_name(name):
                self._begin()
            else:
                _log.info("TLS handshake failed: the server name %.200r is not a host name", name)
                self._refuse(client_hello.UNRECOGNIZED_NAME)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        self._stop()
        self._then(None)

    def abort(self) -> None:
        self._transport.abort()

    def _begin(self) -> None:
        try:
            self._joining.begin_tls(self._transport)
        except CapacityError as error:
            _log.warning("TLS handshake failed: %s", error)
            self._refuse(b"")
            return
        self._stop()
        self._transport.pause_reading()
        self._joining.shake_hands(self._transport, self._received, self._then)

    def _refuse(self, reply: bytes) -> None:
        self._stop()
        self._transport.write(reply)
        self._transport.close()

    def _stop(self) -> None:
        self._is_decided = True
        self._timer.cancel()
        self._joining.begun(self)
