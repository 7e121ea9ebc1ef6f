"""The emulator's time. Everything that shows or compares a date asks here; waits and time-outs do not."""

from collections.abc import Callable

Now = Callable[[], float]


class Clock:
    """Seconds since 1970, from a source that the caller brings."""

    def __init__(self, now: Now) -> None:
        self._source = now

    def now(self) -> float:
        """The time."""
        return self._source()
