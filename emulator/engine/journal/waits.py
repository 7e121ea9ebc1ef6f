"""Waiting for things (messages, deliveries): one future per wait, settled by the thing that decides it. No polling.

A wait counts at receipt. Deleted things no longer count; evicted ones do, for they did arrive.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import Filter
from emulator.engine.scope import Owners, Scope
from emulator.engine.slices import Slices, Steps, Wakeups
from emulator.engine.store import ENTRY, Store

_OVERHEAD = ENTRY + 1_000  # measured: a wait and its future
MAX_VALUES = 50_000
"""JSON values in the filters of all waits: one thing that comes may have to be compared with each of them."""


class Owned(Protocol):
    """What can be waited for: something of an account and a call."""

    @property
    def owners(self) -> tuple[str | None, str | None]:
        """The account and call that it belongs to."""


class WaitFilter(Protocol):
    """Which things are meant: a filter."""

    @property
    def scope(self) -> Scope:
        """The account and call that they belong to."""

    @property
    def size(self) -> int:
        """Its memory in bytes."""

    @property
    def values(self) -> int:
        """How many JSON values it takes to look at a thing's content."""

    def matches(self, thing: Any, /) -> bool:  # noqa: ANN401  the things that it is a filter of
        """Whether a thing is meant."""


Thing = TypeVar("Thing", bound=Owned)
Wish = TypeVar("Wish", bound=WaitFilter)


class WaitEnd(StrEnum):
    """Why a wait is over."""

    DECIDED = "decided"  # the count cannot change the verdict any more
    TIMED_OUT = "timed_out"
    RESET = "reset"
    STOPPED = "stopped"  # the emulator is stopping


@dataclass(slots=True, eq=False)
class Waiter(Generic[Wish]):
    """Somebody who waits until at least, or watches that at most, so many things match.

    Attributes:
        count: how many match now.
        over: done once the wait is over; cancelled by nobody but its owner.
        end: why it is over; None while it is not.
        counts: what comes and goes is counted; not before the turn of those that came earlier.
    """

    wanted: Wish
    at_least: int | None
    at_most: int | None
    count: int
    over: asyncio.Future[WaitEnd]
    end: WaitEnd | None = None
    counts: bool = True

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
    def ended(self) -> WaitEnd:
        """Why it is over; when nothing has ended it, because its time is."""
        return self.end or WaitEnd.TIMED_OUT

    @property
    def fulfilled(self) -> bool:
        """Whether it got what it waited for; one that was broken off did not."""
        return self.satisfied and self.ended in (WaitEnd.DECIDED, WaitEnd.TIMED_OUT)


class WaiterRegistry(Store[Waiter[Wish], Waiter[Wish]], Generic[Thing, Wish]):
    """All waits, found by the account and call that they wait for.

    Args:
        account: of memory.
        wakeups: sets their results.
    """

    kind = "waits"
    indexed = True

    def __init__(self, account: MemoryAccount, wakeups: Wakeups) -> None:
        super().__init__(account)
        self._wakeups = wakeups
        self._values = 0

    def size_of(self, key: Waiter[Wish], value: Waiter[Wish]) -> int:  # noqa: ARG002
        """The memory of a wait."""
        return _OVERHEAD + value.wanted.size

    def owners_of(self, key: Waiter[Wish], value: Waiter[Wish]) -> Owners:  # noqa: ARG002
        """The account and call of its filter."""
        scope = value.wanted.scope
        return scope.account_sid, scope.call_sid

    def begin(self, wanted: Wish, *, at_least: int | None, at_most: int | None, count: int = 0) -> Waiter[Wish]:
        """Start to wait; the owner must `leave`.

        Raises:
            CapacityError: there are too many, or their filters are too large in all.
        """
        values = self._values + wanted.values
        if wanted.values and values > MAX_VALUES:
            raise CapacityError("wait_filters", MAX_VALUES, "let some waits end first", "JSON values")
        wait = Waiter(wanted, at_least, at_most, count, asyncio.get_running_loop().create_future())
        self.put(wait, wait)
        self._values = values
        self.add(wait, 0)
        return wait

    def leave(self, wait: Waiter[Wish]) -> None:
        """The owner no longer waits."""
        if self.remove(wait) is not None:
            self._values -= wait.wanted.values

    def add(self, wait: Waiter[Wish], more: int = 1) -> None:
        """More things match."""
        wait.count += more
        if wait.decided:
            self._end(wait, WaitEnd.DECIDED)

    async def add_earlier(
        self, wait: Waiter[Wish], earlier: Callable[[], Iterable[Thing]], many: int, slices: Slices
    ) -> Waiter[Wish]:
        """Count the things that came before, in slices; where that fails, the wait is left.

        Args:
            wait: it counts nothing until its turn comes.
            earlier: called then; what is deleted afterwards is subtracted at once and counted here all the same.
            many: how many they are, roughly.
            slices: in which the things are looked at.
        """
        wait.counts = False
        try:
            await slices.run(self._count(wait, earlier), many)
        except BaseException:
            self.leave(wait)
            raise
        return wait

    def _count(self, wait: Waiter[Wish], earlier: Callable[[], Iterable[Thing]]) -> Steps[None]:
        wait.counts = True
        for thing in earlier():
            if wait.wanted.matches(thing):
                self.add(wait)
            yield

    def saw(self, thing: Thing) -> None:
        """A thing came."""
        for wait in self.covering(*thing.owners) if self._entries else ():
            if wait.counts and wait.wanted.matches(thing):
                self.add(wait)

    def forgot(self, thing: Thing) -> None:
        """A thing was deleted."""
        for wait in self.covering(*thing.owners):
            if wait.counts and wait.end is None and wait.wanted.matches(thing):
                wait.count -= 1

    def saw_change(self, thing: Thing, change: Callable[[], None]) -> None:
        """A thing that came before is changed: it counts where it is meant now and was not, and the other way round."""
        waits = [wait for wait in self.covering(*thing.owners) if wait.counts]
        were_meant = [wait.wanted.matches(thing) for wait in waits]
        change()
        for wait, was_meant in zip(waits, were_meant, strict=True):
            is_meant = wait.wanted.matches(thing)
            if is_meant and not was_meant:
                self.add(wait)
            elif was_meant and not is_meant and wait.end is None:
                wait.count -= 1

    def end(self, scope: Scope, end: WaitEnd) -> int:
        """End the waits for something in the scope; returns how many."""
        ended = [wait for wait in self if wait.end is None and scope.overlaps(wait.wanted.scope)]
        for wait in ended:
            self._end(wait, end)
        return len(ended)

    def _end(self, wait: Waiter[Wish], end: WaitEnd) -> None:
        if wait.end is None:
            wait.end = end
            if not wait.over.done():  # its owner may have gone
                self._wakeups.set(wait.over, end)


MessageWaiter = Waiter[Filter]
MessageWaiters = WaiterRegistry[Exchange, Filter]
