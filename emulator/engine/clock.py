"""The emulator's clock, the source of all dates that are shown or compared. Waits and timeouts do not use it."""

from collections.abc import Callable

Now = Callable[[], float]
"""Seconds since 1970."""


class Clock:
    """A clock that can be frozen and advanced.

    Args:
        now: the underlying time source.
        frozen_at: initial frozen time, also restored by `reset`; None = running.
    """

    def __init__(self, now: Now, frozen_at: float | None = None) -> None:
        self._source = now
        self._first = frozen_at
        self._frozen_at = frozen_at
        self._ahead = 0.0

    @property
    def frozen(self) -> bool:
        """Whether the clock is frozen."""
        return self._frozen_at is not None

    def now(self) -> float:
        """Return the current time in seconds since 1970."""
        return self._source() + self._ahead if self._frozen_at is None else self._frozen_at

    def freeze(self, at: float) -> None:
        """Freeze the clock at this time."""
        self._frozen_at = at

    def advance(self, seconds: float) -> None:
        """Move the clock forward, frozen or not."""
        if self._frozen_at is None:
            self._ahead += seconds
        else:
            self._frozen_at += seconds

    def reset(self) -> None:
        """Restore the initial state."""
        self._frozen_at = self._first
        self._ahead = 0.0
