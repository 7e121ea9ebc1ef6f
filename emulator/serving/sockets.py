"""WebSockets as uvicorn and `websockets` read them. Imported when the first one is asked for, not before."""

import logging

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from emulator.endpoints.asgi import CONNECTION

_log = logging.getLogger("emulator.voice")


class SocketProtocol(WebSocketsSansIOProtocol):
    """One WebSocket, which its application can reset."""

    def handle_connect(self, event: Request) -> None:
        """The request is whole; the application is told how to end the connection without the client's help."""
        super().handle_connect(event)
        if not self.close_sent:  # it was a proper request
            self.scope["extensions"][CONNECTION] = self  # type: ignore[assignment]

    def pause_writing(self) -> None:
        """Let senders wait until the client reads; uvicorn before 0.53 does not."""
        self.writable.clear()

    def resume_writing(self) -> None:
        """Let senders continue."""
        self.writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let senders continue: asyncio resumes no lost connection."""
        super().connection_lost(exc)
        self.writable.set()

    def keepalive_timeout(self) -> None:
        """No answer to a ping: cut off, because a close would wait for what the client does not read."""
        _log.info("cutting a WebSocket off: no answer to a ping for %g s", self.ping_timeout)
        self.reset()

    def reset(self) -> None:
        """End the connection without a word."""
        self.transport.abort()
