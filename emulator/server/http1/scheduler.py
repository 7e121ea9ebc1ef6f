"""Scheduling of connections in a turn of the event loop: read from all, then serve all, then send all responses.

One stage after the other takes a fifth less processor time than one connection after the other: the code of a stage
stays in the processor's cache. And each write wakes a client, which under load costs more than the response.
"""

import asyncio
import contextlib
import logging
from collections import deque
from typing import Protocol

MAX_REQUESTS = 250
"""Requests served in one turn, nearly: about 15 ms. The connections that are left are served first in the next."""
_log = logging.getLogger("emulator.server")


class Servable(Protocol):
    """A connection that has requests to serve, or responses to send."""

    def serve(self) -> int:
        """Serve requests; return how many."""

    def flush(self) -> None:
        """Send responses."""

    def abort(self) -> None:
        """Close the connection immediately."""


class ConnectionScheduler:
    """Serves and flushes connections once per turn of the event loop."""

    def __init__(self) -> None:
        self._serving: deque[Servable] = deque()
        self._sending: list[Servable] = []
        self._is_due = False

    def serve(self, connection: Servable, loop: asyncio.AbstractEventLoop) -> None:
        """Serve this connection after the others have been read from; add it only once."""
        self._serving.append(connection)
        self._begin(loop)

    def send(self, connection: Servable, loop: asyncio.AbstractEventLoop) -> None:
        """Send the responses of this connection after the others have been served; add it only once."""
        self._sending.append(connection)
        self._begin(loop)

    def run(self, loop: asyncio.AbstractEventLoop) -> None:
        """Serve, then send. A connection that fails is aborted, and does not affect the others."""
        try:
            self._serve()
            self._send()
        finally:
            self._is_due = False
            if self._serving or self._sending:
                self._begin(loop)

    def _serve(self) -> None:
        left = MAX_REQUESTS
        for _ in range(len(self._serving)):
            if left <= 0:
                break
            connection = self._serving.popleft()
            try:
                left -= connection.serve()
            except Exception:  # noqa: BLE001  see `run`
                _fail(connection)

    def _send(self) -> None:
        sending, self._sending = self._sending, []
        for connection in sending:
            try:
                connection.flush()
            except Exception:  # noqa: BLE001  see `run`
                _fail(connection)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self.run, loop)


def _fail(connection: Servable) -> None:
    _log.exception("unexpected failure of a connection")
    with contextlib.suppress(Exception):
        connection.abort()
