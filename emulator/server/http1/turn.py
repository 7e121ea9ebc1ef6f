"""What connections do in one turn of the event loop: all are read from, then all are served, then all send.

One stage after the other takes a fifth less processor time than one connection after the other: the code of a stage
stays in the processor's cache. And each write wakes a client; under load that costs more than the response, and the
clients are woken once for many.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable

MAX_SENDING = 100
"""Connections; with so many the event loop should turn before more requests are served."""
_log = logging.getLogger("emulator.server")

Step = Callable[[], None]


class Turn:
    """The connections that have something to do before the event loop turns.

    Attributes:
        sending: how each sends that has something to send.
    """

    def __init__(self) -> None:
        self.sending: list[Step] = []
        self._serving: list[Step] = []
        self._is_due = False

    def serve(self, step: Step, loop: asyncio.AbstractEventLoop) -> None:
        """Call `step` once the other connections are read from."""
        self._serving.append(step)
        self._begin(loop)

    def send(self, step: Step, loop: asyncio.AbstractEventLoop) -> None:
        """Call `step` once the other connections are served."""
        self.sending.append(step)
        self._begin(loop)

    def run(self) -> None:
        """Serve, then send."""
        serving, self._serving = self._serving, []
        _run(serving)
        sending, self.sending = self.sending, []
        self._is_due = False
        _run(sending)

    def _begin(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._is_due:
            self._is_due = True
            loop.call_soon(self.run)


def _run(steps: Iterable[Step]) -> None:
    for step in steps:
        try:
            step()
        except Exception:  # noqa: BLE001  a connection that fails must not affect the others
            _log.exception("unexpected failure of a connection")
