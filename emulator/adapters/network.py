"""Network access of callbacks: resolve a host once, check all its addresses, connect to one of them.

No name is resolved again between check and connection; `Host` and TLS keep the name.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpcore2

from emulator.engine.callbacks.destination_policy import refusal

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Resolves a host and a port to addresses."""
LOOK_UPS = 32
"""Maximum number of concurrent name lookups."""
_LOCALHOST = "::1", "127.0.0.1"  # in the order of RFC 6724, as systems return them
# A separate pool: a lookup without response keeps its thread even after the caller has timed out.
_threads = ThreadPoolExecutor(LOOK_UPS, "look-up")


async def resolve(host: str, port: int) -> Sequence[str]:
    """Resolve by the system; numeric addresses and localhost need no lookup and return at once."""
    if host.lower() == "localhost":
        return _LOCALHOST
    try:
        return _find(host, port, socket.AI_NUMERICHOST)
    except socket.gaierror:
        return await asyncio.get_running_loop().run_in_executor(_threads, _find, host, port)


def _find(host: str, port: int, flags: int = 0) -> list[str]:
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class NotAllowedError(Exception):
    """An address that callbacks must not connect to."""


class Network(httpcore2.AsyncNetworkBackend):
    """Connects only to addresses that passed the check."""

    def __init__(self, allowed: frozenset[str], resolve: Resolve) -> None:
        self._allowed = allowed
        self._resolve = resolve
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Resolve once, check all addresses, connect to the first that accepts."""
        assert local_address is None
        assert socket_options is None
        try:
            async with asyncio.timeout(timeout):
                return await self._first(await self._judged(host, port), port)
        except TimeoutError:
            raise httpcore2.ConnectTimeout from None

    async def _judged(self, host: str, port: int) -> Sequence[str]:
        try:
            addresses = await self._resolve(host, port)
        except (OSError, UnicodeError) as error:
            raise httpcore2.ConnectError(f"{host} cannot be resolved: {error}") from error
        if not addresses:
            raise httpcore2.ConnectError(f"{host} has no address")
        for address in addresses:
            reason = refusal(host, address, self._allowed)
            if reason is not None:
                raise NotAllowedError(reason)
        return addresses

    async def _first(self, addresses: Sequence[str], port: int) -> httpcore2.AsyncNetworkStream:
        *others, last = addresses
        for address in others:
            try:
                return await self._network.connect_tcp(address, port)
            except httpcore2.ConnectError:
                continue
        return await self._network.connect_tcp(last, port)
