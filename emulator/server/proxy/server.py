"""An HTTP proxy for programs whose Twilio address cannot be configured."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

from emulator.server.proxy.policy import (
    HeadReader,
    ProxyRequest,
    RefusedError,
    TunnelTarget,
    allowed,
    read_authority,
    refuse_from_elsewhere,
    to_origin,
)
from emulator.server.proxy.tunnel import IdleTimeouts, Tunnel
from emulator.server.tls_accept import TlsAcceptor
from emulator.wire.hosts import is_twilio

_HTTPS = 443
_CONNECTED = b"HTTP/1.1 200 Connection established\r\n\r\n"
_log = logging.getLogger("emulator.proxy")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host name to its IP addresses."""


async def look_up(host: str, port: int) -> list[str]:
    """Resolve a host name with the system resolver."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyTimeouts:
    """Limits of the proxy: the number of connections, and timeouts in seconds."""

    connections: int = 500
    head: float = 10.0
    connect: float = 5.0  # name resolution and all connection attempts together
    linger: float = 1.0  # for a rejected client to read the response
    tunnel: IdleTimeouts = field(default_factory=IdleTimeouts)


class Proxy:
    """The proxy, with all its connections."""

    def __init__(
        self,
        joining: TlsAcceptor,
        *,
        passthrough: bool = False,
        limits: ProxyTimeouts | None = None,
        resolve: Resolve = look_up,
    ) -> None:
        """Create a proxy without connections.

        Args:
            joining: receives the connections to Twilio's hosts.
            passthrough: allow all other tunnels of programs on this machine.
            limits: the number of connections, and timeouts.
            resolve: resolves host names.
        """
        self.joining = joining
        self.limits = limits or ProxyTimeouts()
        self._passthrough = passthrough
        self._resolve = resolve
        self._open: set[Client | Tunnel] = set()
        self._leaving: set[Client] = set()
        self._joined: set[asyncio.Protocol] = set()

    def listener(self) -> "Client":
        """Protocol factory of new connections."""
        return Client(self)

    def stop(self) -> None:
        """Abort all connections except those handed over to the HTTP server, which ends them itself."""
        for connection in [*self._open, *self._leaving]:
            connection.abort()

    def enter(self, client: "Client") -> bool:
        """Add a new connection; return False when the limit is reached."""
        self._joined &= self.joining.connections
        if len(self._open) + len(self._joined) >= self.limits.connections:
            return False
        self._open.add(client)
        return True

    def leave(self, client: "Client") -> bool:
        """Let a rejected connection linger to read the response; return False when the limit is reached."""
        self._open.discard(client)
        if len(self._leaving) >= self.limits.connections:
            return False
        self._leaving.add(client)
        return True

    def forget(self, connection: "Client | Tunnel") -> None:
        """Remove an ended connection."""
        self._open.discard(connection)
        if isinstance(connection, Client):
            self._leaving.discard(connection)

    def joined(self, client: "Client", protocol: asyncio.Protocol | None) -> None:
        """Record that the HTTP server has taken a connection over, or with None, that it has ended."""
        self.forget(client)
        if protocol is not None:
            self._joined.add(protocol)

    def tunnelled(self, client: "Client", tunnel: Tunnel) -> None:
        """Replace a client connection by its tunnel."""
        self.forget(client)
        self._open.add(tunnel)

    async def tunnel(self, address: TunnelTarget) -> Tunnel:
        """Open a tunnel and connect its far end.

        Raises:
            RefusedError: the connection is not allowed, or fails.
        """
        tunnel = Tunnel(self.limits.tunnel, self.forget)
        try:
            async with asyncio.timeout(self.limits.connect):
                await self._connect(tunnel, address, await self._addresses(address))
        except TimeoutError:
            tunnel.close()
            raise RefusedError(
                HTTPStatus.GATEWAY_TIMEOUT, f"{address.host} port {address.port} does not answer the proxy"
            ) from None
        except BaseException:
            tunnel.close()
            raise
        return tunnel

    async def _addresses(self, address: TunnelTarget) -> list[str]:
        """Resolve the allowed addresses. Once only: a second resolution could give other addresses."""
        found: Sequence[str] = ()
        try:
            found = await self._resolve(address.host, address.port)
        except (OSError, UnicodeError) as error:
            _log.debug("cannot resolve %s: %s", address.host, error)
        return allowed(address.host, found, passthrough=self._passthrough)

    async def _connect(self, tunnel: Tunnel, address: TunnelTarget, addresses: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        reason: object = ""
        for ip in addresses:
            try:
                await loop.create_connection(lambda: tunnel.far, ip, address.port)
            except OSError as error:
                reason = error.strerror or error
            else:
                return
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY, f"the proxy cannot connect to {address.host} port {address.port}: {reason}"
        )


class Client(asyncio.Protocol):
    """A connection to the proxy until its request is read and handled."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._reader = HeadReader()
        self._decided = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Start the timeout of the request head; reject the connection at the limit."""
        self._transport = transport
        self._timer = self._loop.call_later(self._proxy.limits.head, transport.abort)
        if not self._proxy.enter(self):
            most = self._proxy.limits.connections
            self._refuse(RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"the proxy has {most} connections already"))

    def data_received(self, data: bytes) -> None:
        """Parse the request, and handle it once its head is complete."""
        if self._decided:
            return
        try:
            if (head := self._reader.receive(data)) is not None:
                self._decided = True
                self._timer.cancel()
                self._decide(*head)
        except RefusedError as refused:
            self._refuse(refused)
        if self._decided:
            self._reader = HeadReader()  # free the received bytes

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """Cancel pending work and remove the connection from the proxy."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._proxy.forget(self)

    def abort(self) -> None:
        """End the connection now."""
        self._transport.abort()

    def _decide(self, request: ProxyRequest, rest: bytes) -> None:
        if request.method != "CONNECT":
            received = to_origin(request) + rest
            self._proxy.joined(self, self._proxy.joining.plain(self._transport, received))
            return
        address = read_authority(request.target)
        if not is_twilio(address.host):
            refuse_from_elsewhere(address.host, self._peer())
            self._transport.pause_reading()
            self._task = self._loop.create_task(self._tunnel(address, rest))
        elif address.port == _HTTPS:
            self._transport.pause_reading()
            self._transport.write(_CONNECTED)
            self._proxy.joining.secure(self._transport, rest, self._joined)
        else:
            raise RefusedError(HTTPStatus.FORBIDDEN, f"{address.host} is Twilio's and answers on port 443 only")

    def _peer(self) -> str | None:
        """The IP address of the client; None once it has disconnected."""
        name = self._transport.get_extra_info("peername")
        return str(name[0]) if name else None

    def _joined(self, protocol: asyncio.Protocol | None) -> None:
        self._proxy.joined(self, protocol)

    async def _tunnel(self, address: TunnelTarget, rest: bytes) -> None:
        try:
            tunnel = await self._proxy.tunnel(address)
        except RefusedError as refused:
            self._transport.resume_reading()
            self._refuse(refused)
            return
        self._transport.write(_CONNECTED)
        self._proxy.tunnelled(self, tunnel)
        tunnel.begin(self._transport, rest)

    def _refuse(self, refused: RefusedError) -> None:
        """Send the rejection, then wait for the client to close: closing first could lose the response."""
        _log.info("rejected: %s", refused)
        self._decided = True
        self._timer.cancel()
        self._transport.write(refused.reply())
        self._transport.write_eof()
        linger = self._proxy.limits.linger if self._proxy.leave(self) else 0
        self._timer = self._loop.call_later(linger, self._transport.abort)
