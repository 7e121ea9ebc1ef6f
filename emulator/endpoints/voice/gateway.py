"""The signalling gateway as a plain ASGI application: one WebSocket per session."""

import asyncio
import contextlib
import logging
from collections.abc import Mapping

from emulator.endpoints.access_guard import Guard
from emulator.endpoints.asgi import CONNECTION, Receive, Scope, Send
from emulator.endpoints.voice.session import Session
from emulator.endpoints.voice.token_auth import TokenAuthenticator
from emulator.endpoints.voice.vendor_stubs import INSIGHTS
from emulator.engine.voice.call_control import CallController
from emulator.wire.hosts import parse_authority
from emulator.wire.signalling import KEEPALIVE, error_codes, server_frames

PATH = "/signal"
KEEPALIVE_INTERVAL = 10.0
"""Seconds of silence before a keepalive; a Voice SDK gives the socket up after 15 (wstransport.ts)."""
_LISTEN_INTERVALS = 3
"""Keepalive intervals after which a client that has not sent a valid `listen` is disconnected."""
_GOING_AWAY = 1001  # RFC 6455 §7.4.1
_log = logging.getLogger("emulator.voice")


class Gateway:
    """`/signal`.

    Args:
        call_controller: the calls.
        authenticator: authenticates clients by token.
        guard: checks the origin of pages.
        keepalive: seconds without a frame before a keepalive is sent.
    """

    def __init__(
        self,
        call_controller: CallController,
        authenticator: TokenAuthenticator,
        guard: Guard,
        *,
        keepalive: float = KEEPALIVE_INTERVAL,
    ) -> None:
        self._call_controller = call_controller
        self._authenticator = authenticator
        self._guard = guard
        self._keepalive = keepalive

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one WebSocket."""
        await receive()  # websocket.connect
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        refusal = self._guard.socket_refusal(headers)
        if refusal is not None:
            _log.warning("rejected a WebSocket: %s", refusal.error)
            await send({"type": "websocket.close"})  # before it is accepted: 403
            return
        await send({"type": "websocket.accept"})
        connection = scope.get("extensions", {}).pop(CONNECTION, None)
        session = Session(
            self._call_controller,
            self._authenticator,
            home=_home(scope, headers),
            edge=_edge(scope, headers),
            abort=None if connection is None else connection.reset,
        )
        writing = asyncio.create_task(self._write(session, send))
        late = asyncio.get_running_loop().call_later(_LISTEN_INTERVALS * self._keepalive, session.require_listen)
        try:
            await _read(session, receive)
        finally:
            late.cancel()
            session.disconnect()
            writing.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await writing

    async def _write(self, session: Session, send: Send) -> None:
        """Send queued frames, and a keepalive after `keepalive` seconds without one."""
        connection = session.connection
        # The client may disconnect at any time, and uvicorn may close (RuntimeError); the reading side notices.
        with contextlib.suppress(OSError, RuntimeError):
            while connection.closed is None:
                try:
                    async with asyncio.timeout(self._keepalive):
                        await connection.wait()
                except TimeoutError:
                    await send({"type": "websocket.send", "text": KEEPALIVE})
                for text in session.take():
                    await send({"type": "websocket.send", "text": text})
                session.frames_written()
            _log.info("closing the WebSocket of %r: %s", connection.identity, connection.closed)
            await send({"type": "websocket.close", "code": _GOING_AWAY, "reason": connection.closed})


async def _read(session: Session, receive: Receive) -> None:
    """Pass frames to the session until the client disconnects."""
    while (event := await receive())["type"] == "websocket.receive":
        try:
            session.receive(event.get("text"))
        except Exception:  # noqa: BLE001  an unexpected error must not end the calls of the client
            _log.exception("unexpected failure at a frame of %r", session.connection.identity)
            session.connection.put(server_frames.ErrorFrame(error=error_codes.UNKNOWN))


def _home(scope: Scope, headers: Mapping[str, str]) -> str:
    """Return the `home` from which the SDK builds `https://eventgw.<home>.twilio.com/v4/…` for insights.

    It is a loopback name: its prefix must resolve, and the suffix must become a query.
    """
    authority = parse_authority(headers.get("host", ""))
    port = authority and authority.port
    if port is None:
        port = (scope.get("server") or ("", 443))[1]
    return f"localhost:{port}{INSIGHTS}?"


def _edge(scope: Scope, headers: Mapping[str, str]) -> str:
    """Return the `edge` from which the SDK builds `wss://voice-js.<edge>.twilio.com/signal` to reconnect.

    A client that used an edge ending in `?`, which turns the suffix into a query, needs the same edge again.
    """
    if not scope["query_string"].startswith(b".twilio.com/"):
        return "roaming"
    return headers.get("host", "").removeprefix("voice-js.") + PATH + "?"
