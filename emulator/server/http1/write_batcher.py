"""Responses of one turn of the event loop leave together at its end.

Each write wakes a client; under load that costs more than the response, and the clients are woken once for many.
"""

import asyncio
import logging
from collections.abc import Callable

_MAX_BATCH = 100
_log = logging.getLogger("emulator.server")

Flush = Callable[[], None]


class WriteBatcher:
    """Connections that have something to send."""

    def __init__(self) -> None:
        self._flushes: list[Flush] = []

    @property
    def is_full(self) -> bool:
        """Whether the event loop should turn before more requests are served."""
        return len(self._flushes) >= _MAX_BATCH

    def add(self, flush: Flush, loop: asyncio.AbstractEventLoop) -> None:
        """Call `flush` before the loop turns."""
        if not self._flushes:
            loop.call_soon(self.flush)
        self._flushes.append(flush)

    def flush(self) -> None:
        """Let every connection send; one that fails does not affect the others."""
        flushes, self._flushes = self._flushes, []
        for flush in flushes:
            try:
                flush()
            except Exception:  # noqa: BLE001  the others must send
                _log.exception("unexpected failure while sending")
