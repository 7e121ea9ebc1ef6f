"""An HTTP proxy for programs that cannot be told another address than Twilio's."""

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
"""The IP addresses of a host."""


async def look_up(host: str, port: int) -> list[str]:
    """Look a host up, as this machine does."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [str(address[0]) for *_, address in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyTimeouts:
    """How many connections, and how long in seconds."""

    connections: int = 500
    head: float = 10.0
    connect: float = 5.0  # look-up and all attempts together
    linger: float = 1.0  # for a refused client to read why
    tunnel: IdleTimeouts = field(default_factory=IdleTimeouts)


class Proxy:
    """The connections of a proxy."""

    def __init__(
        self,
        joining: TlsAcceptor,
        *,
        passthrough: bool = False,
        limits: ProxyTimeouts | None = None,
        resolve: Resolve = look_up,
    ) -> None:
        """Make one.

        Args:
            joining: takes the connections that are for Twilio.
            passthrough: let all other tunnels of programs on this machine pass.
            limits: how many and how long.
            resolve: looks hosts up.
        """
        self.joining = joining
        self.limits = limits or ProxyTimeouts()
        self._passthrough = passthrough
        self._resolve = resolve
        self._open: set[Client | Tunnel] = set()
        self._leaving: set[Client] = set()
        self._joined: set[asyncio.Protocol] = set()

    def listener(self) -> "Client":
        """The protocol of a new connection."""
        return Client(self)

    def stop(self) -> None:
        """End all that is not Twilio's: those connections the HTTP server ends."""
        for one in [*self._open, *self._leaving]:
            one.abort()

    def enter(self, client: "Client") -> bool:
        """Take a new connection in, if there is room."""
        self._joined &= self.joining.connections
        if len(self._open) + len(self._joined) >= self.limits.connections:
            return False
        self._open.add(client)
        return True

    def leave(self, client: "Client") -> bool:
        """Let a refused connection read why, if those are not too many."""
        self._open.discard(client)
        if len(self._leaving) >= self.limits.connections:
            return False
        self._leaving.add(client)
        return True

    def forget(self, one: "Client | Tunnel") -> None:
        """It has ended."""
        self._open.discard(one)
        if isinstance(one, Client):
            self._leaving.discard(one)

    def joined(self, client: "Client", protocol: asyncio.Protocol | None) -> None:
        """The HTTP server has it now, or it has ended."""
        self.forget(client)
        if protocol is not None:
            self._joined.add(protocol)

    def tunnelled(self, client: "Client", tunnel: Tunnel) -> None:
        """It is a tunnel's near end now."""
        self.forget(client)
        self._open.add(tunnel)

    async def tunnel(self, address: TunnelTarget) -> Tunnel:
        """A tunnel whose far end is connected.

        Raises:
            RefusedError: it may not or cannot be.
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
        """Where it may lead. Looked up once: a second answer could be another one."""
        found: Sequence[str] = ()
        try:
            found = await self._resolve(address.host, address.port)
        except (OSError, UnicodeError) as error:
            _log.debug("no address of %s: %s", address.host, error)
        return allowed(address.host, found, passthrough=self._passthrough)

    async def _connect(self, tunnel: Tunnel, address: TunnelTarget, addresses: Sequence[str]) -> None:
        loop = asyncio.get_running_loop()
        reason: object = ""
        for one in addresses:
            try:
                await loop.create_connection(lambda: tunnel.far, one, address.port)
            except OSError as error:
                reason = error.strerror or error
            else:
                return
        raise RefusedError(
            HTTPStatus.BAD_GATEWAY, f"the proxy cannot connect to {address.host} port {address.port}: {reason}"
        )


class Client(asyncio.Protocol):
    """A connection to the proxy until it is known what for."""

    _transport: asyncio.Transport
    _timer: asyncio.TimerHandle

    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._loop = asyncio.get_running_loop()
        self._reader = HeadReader()
        self._decided = False
        self._task: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for a request, but not for long."""
        self._transport = transport
        self._timer = self._loop.call_later(self._proxy.limits.head, transport.abort)
        if not self._proxy.enter(self):
            most = self._proxy.limits.connections
            self._refuse(RefusedError(HTTPStatus.SERVICE_UNAVAILABLE, f"the proxy has {most} connections already"))

    def data_received(self, data: bytes) -> None:
        """Read the request."""
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
            self._reader = HeadReader()  # what was received is not needed any more

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """The client is gone."""
        self._timer.cancel()
        if self._task is not None:
            self._task.cancel()
        self._proxy.forget(self)

    def abort(self) -> None:
        """End it now."""
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
        """The IP address of the client; None once it is gone."""
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
        """Say why; then wait for the client to close, because closing first could lose what was said."""
        _log.info("refused: %s", refused)
        self._decided = True
        self._timer.cancel()
        self._transport.write(refused.reply())
        self._transport.write_eof()
        linger = self._proxy.limits.linger if self._proxy.leave(self) else 0
        self._timer = self._loop.call_later(linger, self._transport.abort)
