"""Waiting for things (messages, deliveries): one future per wait, settled by the thing that decides it. No polling.

A wait counts at receipt. Deleted things no longer count; evicted ones do, for they did arrive.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from emulator.engine.exchanges import Exchange
from emulator.engine.filters import Filter
from emulator.engine.limits import LimitReachedError
from emulator.engine.scopes import Registry, Scope

MAX_WAITS = 10_000


class Owned(Protocol):
    """What can be waited for: something of an account and a call."""

    @property
    def owners(self) -> tuple[str | None, str | None]:
        """The account and call that it belongs to."""


class Wanted(Protocol):
    """Which things are meant: a filter."""

    @property
    def scope(self) -> Scope:
        """The account and call that they belong to."""

    def matches(self, thing: Any, /) -> bool:  # noqa: ANN401  the things that it is a filter of
        """Whether a thing is meant."""


Thing = TypeVar("Thing", bound=Owned)
Wish = TypeVar("Wish", bound=Wanted)


class End(StrEnum):
    """Why a wait is over."""

    DECIDED = "decided"  # the count cannot change the verdict any more
    TIMED_OUT = "timed_out"
    RESET = "reset"
    STOPPED = "stopped"  # the emulator is stopping


@dataclass(slots=True, eq=False)
class WaitFor(Generic[Wish]):
    """Somebody who waits until at least, or watches that at most, so many things match.

    Attributes:
        count: how many match now.
        over: settled with the reason once the wait is decided; cancelled by nobody but its owner.
    """

    wanted: Wish
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

    @property
    def ended(self) -> End:
        """Why it is over; when nothing has settled it, because its time is."""
        return self.over.result() if self.over.done() else End.TIMED_OUT

    @property
    def fulfilled(self) -> bool:
        """Whether it got what it waited for; one that was broken off did not."""
        return self.satisfied and self.ended in (End.DECIDED, End.TIMED_OUT)

    def add(self) -> None:
        """One more matches."""
        self.count += 1
        if self.decided:
            self.end(End.DECIDED)

    def end(self, end: End) -> None:
        """Settle the wait, unless it is settled."""
        if not self.over.done():
            self.over.set_result(end)


class WaitsFor(Generic[Thing, Wish]):
    """All who wait, found by the account and call that they wait for."""

    def __init__(self) -> None:
        self._waits: Registry[WaitFor[Wish]] = Registry()

    def __len__(self) -> int:
        return len(self._waits)

    def begin(self, wanted: Wish, *, at_least: int | None, at_most: int | None, count: int) -> WaitFor[Wish]:
        """Start to wait; the owner must `leave`.

        Raises:
            LimitReachedError: 10,000 wait already.
        """
        if len(self._waits) >= MAX_WAITS:
            raise LimitReachedError("waits", MAX_WAITS, "let some end first")
        wait = WaitFor(wanted, at_least, at_most, count, asyncio.get_running_loop().create_future())
        self._waits.add(wanted.scope, wait)
        if wait.decided:
            wait.end(End.DECIDED)
        return wait

    def leave(self, wait: WaitFor[Wish]) -> None:
        """The owner no longer waits."""
        self._waits.remove(wait.wanted.scope, wait)

    def saw(self, thing: Thing) -> None:
        """A thing came."""
        for wait in self._waits.of(*thing.owners):
            if wait.wanted.matches(thing):
                wait.add()

    def forgot(self, things: Iterable[Thing]) -> None:
        """Things were deleted."""
        for thing in things:
            for wait in self._waits.of(*thing.owners):
                if not wait.over.done() and wait.wanted.matches(thing):
                    wait.count -= 1

    def saw_change(self, thing: Thing, change: Callable[[], None]) -> None:
        """A thing that came before is changed: it counts where it is meant now and was not, and the other way round."""
        waits = self._waits.of(*thing.owners)
        were_meant = [wait.wanted.matches(thing) for wait in waits]
        change()
        for wait, was_meant in zip(waits, were_meant, strict=True):
            is_meant = wait.wanted.matches(thing)
            if is_meant and not was_meant:
                wait.add()
            elif was_meant and not is_meant and not wait.over.done():
                wait.count -= 1

    def end(self, scope: Scope, end: End) -> int:
        """End the waits for something in the scope; returns how many."""
        ended = [wait for wait in self._waits if not wait.over.done() and scope.overlaps(wait.wanted.scope)]
        for wait in ended:
            wait.end(end)
        return len(ended)


Wait = WaitFor[Filter]
Waits = WaitsFor[Exchange, Filter]
