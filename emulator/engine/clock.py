"""The emulator's time. Everything that shows or compares a date asks here; waits and time-outs do not."""

from collections.abc import Callable

Now = Callable[[], float]
"""Seconds since 1970."""


class Clock:
    """The time of a source that the caller brings, which can be stopped and moved forward.

    Args:
        now: the source.
        frozen_at: where it stands still from the start, and after `reset`.
    """

    def __init__(self, now: Now, frozen_at: float | None = None) -> None:
        self._source = now
        self._first = frozen_at
        self._frozen_at = frozen_at
        self._ahead = 0.0

    @property
    def frozen(self) -> bool:
        """Whether it stands still."""
        return self._frozen_at is not None

    def now(self) -> float:
        """The time."""
        return self._source() + self._ahead if self._frozen_at is None else self._frozen_at

    def freeze(self, at: float) -> None:
        """Stand still at this time."""
        self._frozen_at = at

    def advance(self, seconds: float) -> None:
        """Go forward, standing still or not."""
        if self._frozen_at is None:
            self._ahead += seconds
        else:
            self._frozen_at += seconds

    def reset(self) -> None:
        """Be as at the start."""
        self._frozen_at = self._first
        self._ahead = 0.0
