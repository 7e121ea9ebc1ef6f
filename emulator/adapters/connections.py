"""HTTP connections to the receivers of callbacks: one pool, no redirects, no proxies, failures as return values.

httpcore2 implements HTTP. Its own pool closes expired connections only when it is used again, and scans all connections
for each request (requests per second with 50 at once: 2,100, here 2,700; with 200 at once: 630, here 1,770), so idle
connections are kept here, most recently used first.
"""

import asyncio
import os
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import NamedTuple

import httpcore2

from emulator.adapters.network import Network, NotAllowedError, Resolve, resolve
from emulator.wire.callbacks import Callback
from emulator.wire.connection_overrides import CallbackFailure, CallbackTimeouts

MAX_REPLY = 64 * 1024
# Shorter than the keep-alive of common servers (5 s, gunicorn 2 s), to rarely use a connection that is being closed.
KEEP_IDLE = 1.5

_Key = tuple[bytes, bytes, int]
_Trace = Callable[[str, object], Awaitable[None]]  # https://www.encode.io/httpcore2/extensions/#trace
_WRITTEN = "http11.send_request_headers.complete"


class Answer(NamedTuple):
    """Result of a request. Without `error`, the callback was delivered; a retry policy depends on `failure`."""

    status: int | None = None
    error: str | None = None
    failure: CallbackFailure | None = None


class Connections:
    """All connections, in use and idle.

    Args:
        allowed: host names and addresses that may be called in addition to loopback and private addresses.
        resolve: called once for each new connection.
        tls: context with the trusted CAs; None = the system's CAs.
    """

    def __init__(
        self, *, allowed: frozenset[str] = frozenset(), resolve: Resolve = resolve, tls: ssl.SSLContext | None = None
    ) -> None:
        self._network = Network(allowed, resolve)
        self._tls = tls
        self._idle: dict[_Key, list[httpcore2.AsyncHTTPConnection]] = {}
        self._sweeping: asyncio.Task[None] | None = None

    async def ask(self, callback: Callback, limits: CallbackTimeouts, deadline: float) -> Answer:
        """Send a request and return the response or the failure.

        Args:
            callback: the request.
            limits: timeouts of its phases.
            deadline: time limit of the whole request, by the event loop's clock.
        """
        try:
            async with asyncio.timeout_at(deadline):
                return await self._ask(callback, limits)
        except TimeoutError:
            return Answer(error=f"no reply within {limits.total:g} s in all", failure=CallbackFailure.READ)

    async def aclose(self) -> None:
        """Close all idle connections; those in use are closed by their requests."""
        if self._sweeping is not None:
            self._sweeping.cancel()
        idle, self._idle = self._idle, {}
        for connections in idle.values():
            for connection in connections:
                await connection.aclose()

    async def _ask(self, callback: Callback, limits: CallbackTimeouts) -> Answer:
        url = httpcore2.URL(callback.url)
        try:
            connection = await self._take(url)
            if connection is not None:
                answer = await self._ask_used(connection, url, callback, limits)
                if answer is not None:
                    return answer
            return await self._ask_on(self._connection(url), url, callback, limits)
        except NotAllowedError as error:
            return Answer(error=str(error))
        except (httpcore2.ConnectTimeout, httpcore2.ConnectError) as error:
            return Answer(
                error=_reason(error, f"no connection within {limits.connect:g} s"), failure=CallbackFailure.CONNECT
            )
        except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
            return Answer(error=_reason(error, f"no reply within {limits.read:g} s"), failure=CallbackFailure.READ)

    async def _ask_used(
        self,
        connection: httpcore2.AsyncHTTPConnection,
        url: httpcore2.URL,
        callback: Callback,
        limits: CallbackTimeouts,
    ) -> Answer | None:
        """As `_ask_on`, but None if the connection was closed before the request was sent, which is not an attempt."""
        written = False

        async def trace(event: str, _: object) -> None:
            nonlocal written
            written = written or event == _WRITTEN

        try:
            return await self._ask_on(connection, url, callback, limits, trace)
        except (httpcore2.NetworkError, httpcore2.RemoteProtocolError):
            if written:  # the receiver may have processed it: the retry policy decides
                raise
            return None

    async def _ask_on(
        self,
        connection: httpcore2.AsyncHTTPConnection,
        url: httpcore2.URL,
        callback: Callback,
        limits: CallbackTimeouts,
        trace: _Trace | None = None,
    ) -> Answer:
        times = {"connect": limits.connect, "read": limits.read, "write": limits.read}
        authority = callback.url.split("/", 3)[2]  # httpcore2's own Host omits the brackets of an IPv6 address
        headers = [("Host", authority), *callback.headers]
        try:
            async with connection.stream(
                callback.method,
                url,
                headers=headers,
                content=callback.body,
                extensions={"timeout": times, "trace": trace},
            ) as response:
                status = response.status
                try:
                    await _read(response.aiter_stream())
                except (httpcore2.TimeoutException, httpcore2.NetworkError, httpcore2.ProtocolError) as error:
                    return Answer(
                        status, _reason(error, f"the reply stopped for {limits.read:g} s"), CallbackFailure.READ
                    )
        finally:
            await self._put(url, connection)
        return _judge(status)

    def _connection(self, url: httpcore2.URL) -> httpcore2.AsyncHTTPConnection:
        if url.scheme == b"https" and self._tls is None:
            self._tls = ssl.create_default_context()
        return httpcore2.AsyncHTTPConnection(
            url.origin, ssl_context=self._tls, keepalive_expiry=KEEP_IDLE, network_backend=self._network
        )

    async def _take(self, url: httpcore2.URL) -> httpcore2.AsyncHTTPConnection | None:
        idle = self._idle.get(_key(url), [])
        while idle:
            connection = idle.pop()
            if not connection.has_expired():
                return connection
            await connection.aclose()
        return None

    async def _put(self, url: httpcore2.URL, connection: httpcore2.AsyncHTTPConnection) -> None:
        if connection.is_closed() or not connection.is_idle():
            await connection.aclose()
            return
        self._idle.setdefault(_key(url), []).append(connection)
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())

    async def _sweep(self) -> None:
        """Close expired idle connections until none are left."""
        while self._idle:
            await asyncio.sleep(KEEP_IDLE)
            for key, connections in list(self._idle.items()):
                old = [connection for connection in connections if connection.has_expired()]
                connections[:] = [connection for connection in connections if connection not in old]
                if not connections:
                    del self._idle[key]
                for connection in old:
                    await connection.aclose()


def _key(url: httpcore2.URL) -> _Key:
    return url.scheme, url.host, url.origin.port


async def _read(parts: AsyncIterator[bytes]) -> None:
    """Read and discard a response body, up to 64 KiB."""
    size = 0
    async with aclosing(parts) as chunks:  # type: ignore[type-var]  # it is a generator
        async for chunk in chunks:
            size += len(chunk)
            if size > MAX_REPLY:
                return


_BAD_REQUEST, _SERVER_ERROR, _REDIRECT, _OK = 400, 500, 300, 200


def _judge(status: int) -> Answer:
    if status >= _SERVER_ERROR:
        return Answer(status, f"the receiver answered {status}", CallbackFailure.SERVER)
    if status >= _BAD_REQUEST:
        return Answer(status, f"the receiver answered {status}", CallbackFailure.CLIENT)
    if status >= _REDIRECT:
        return Answer(status, f"the receiver answered {status}; redirects are not followed")
    return Answer(status)


def _reason(error: BaseException, when_late: str) -> str:
    """Describe an error for a person, by its innermost cause, which is the most specific."""
    if isinstance(error, httpcore2.TimeoutException):
        return when_late
    cause = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    if isinstance(cause, OSError) and not isinstance(cause, ssl.SSLError | socket.gaierror) and cause.errno:
        return os.strerror(cause.errno)
    return str(error) or str(cause) or type(error).__name__
