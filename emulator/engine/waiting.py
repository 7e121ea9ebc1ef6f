"""Waiting for messages: one future per wait, settled by the message that decides it. No polling, no clock of its own.

A wait counts at receipt. Deleted messages no longer count; evicted ones do, for they did arrive.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.exchanges import Exchange
from emulator.engine.filters import Filter
from emulator.engine.limits import LimitReachedError
from emulator.engine.scopes import Registry, Scope

MAX_WAITS = 10_000


class End(StrEnum):
    """Why a wait is over."""

    DECIDED = "decided"  # the count cannot change the verdict any more
    TIMED_OUT = "timed_out"
    RESET = "reset"
    STOPPED = "stopped"  # the emulator is stopping


@dataclass(slots=True, eq=False)
class Wait:
    """Somebody who waits until at least, or watches that at most, so many messages match.

    Attributes:
        count: how many match now.
        over: settled with the reason once the wait is decided; cancelled by nobody but its owner.
    """

    wanted: Filter
    at_least: int | None
    at_most: int | None
    count: int
    over: asyncio.Future[End]

    @property
    def satisfied(self) -> bool:
        """Whether the count is within the bounds now."""
        enough = self.at_least is None or self.count >= self.at_least
        return enough and (self.at_most is None or self.count <= self.at_most)

    @property
    def decided(self) -> bool:
        """Whether waiting on changes nothing: too many stays too many, enough is enough where nothing is too many."""
        if self.at_most is not None:
            return self.count > self.at_most
        return self.satisfied

    def end(self, end: End) -> None:
        """Settle the wait, unless it is settled."""
        if not self.over.done():
            self.over.set_result(end)


class Waits:
    """All who wait, found by the account and call that they wait for."""

    def __init__(self) -> None:
        self._waits: Registry[Wait] = Registry()

    def __len__(self) -> int:
        return len(self._waits)

    def begin(self, wanted: Filter, *, at_least: int | None, at_most: int | None, count: int) -> Wait:
        """Start to wait; the owner must `leave`.

        Raises:
            LimitReachedError: 10,000 wait already.
        """
        if len(self._waits) >= MAX_WAITS:
            raise LimitReachedError("waits", MAX_WAITS, "let some end first")
        wait = Wait(wanted, at_least, at_most, count, asyncio.get_running_loop().create_future())
        self._waits.add(wanted.scope, wait)
        if wait.decided:
            wait.end(End.DECIDED)
        return wait

    def leave(self, wait: Wait) -> None:
        """The owner no longer waits."""
        self._waits.remove(wait.wanted.scope, wait)

    def saw(self, exchange: Exchange) -> None:
        """A message was created."""
        for wait in self._waits.of(*exchange.owners):
            if wait.wanted.matches(exchange):
                wait.count += 1
                if wait.decided:
                    wait.end(End.DECIDED)

    def forgot(self, exchanges: Iterable[Exchange]) -> None:
        """Messages were deleted."""
        for exchange in exchanges:
            for wait in self._waits.of(*exchange.owners):
                if not wait.over.done() and wait.wanted.matches(exchange):
                    wait.count -= 1

    def end(self, scope: Scope, end: End) -> int:
        """End the waits for something in the scope; returns how many."""
        ended = [wait for wait in self._waits if not wait.over.done() and scope.overlaps(wait.wanted.scope)]
        for wait in ended:
            wait.end(end)
        return len(ended)
