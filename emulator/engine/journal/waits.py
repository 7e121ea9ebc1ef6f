"""Waits for items (messages, deliveries): one future per wait, set by the item that decides it. No polling.

A wait counts items at receipt. Deleted items no longer count; evicted items do, because they did arrive.
"""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.filters import Filter
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.scope import Owners, Scope
from emulator.engine.store import ENTRY, Store
from emulator.engine.time_slices import Slices, Steps, Wakeups

_OVERHEAD = ENTRY + 1_000  # bytes, measured: a wait and its future
MAX_VALUES = 50_000
"""Maximum JSON values in the filters of all waits: a new item may have to be compared with each of them."""


class Owned(Protocol):
    """An item to wait for, which belongs to an account and a call."""

    @property
    def owners(self) -> tuple[str | None, str | None]:
        """Account and call of the item."""


Item = TypeVar("Item", bound=Owned)
FilterT = TypeVar("FilterT", bound=Filter[Any])


class WaitEnd(StrEnum):
    """Reason for the end of a wait."""

    DECIDED = "decided"  # further items cannot change the result
    TIMED_OUT = "timed_out"
    RESET = "reset"
    STOPPED = "stopped"  # the emulator is stopping


@dataclass(slots=True, eq=False)
class Waiter(Generic[FilterT]):
    """A wait until at least `at_least` items match, or a check that at most `at_most` do.

    Attributes:
        wanted: the filter.
        count: current number of matching items.
        over: done once the wait has ended; only its owner cancels it.
        end: reason for the end; None while the wait is pending.
        counts: whether new and deleted items are counted; False until the count of earlier items starts.
    """

    wanted: FilterT
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
        """Whether further items cannot change the result: above `at_most`, or satisfied without an `at_most`."""
        if self.at_most is not None:
            return self.count > self.at_most
        return self.satisfied

    @property
    def ended(self) -> WaitEnd:
        """Reason for the end; if `end` is not set, the wait has timed out."""
        return self.end or WaitEnd.TIMED_OUT

    @property
    def fulfilled(self) -> bool:
        """Whether the wait succeeded; a wait ended by a reset or by the emulator's stop did not."""
        return self.satisfied and self.ended in (WaitEnd.DECIDED, WaitEnd.TIMED_OUT)


class WaiterRegistry(Store[Waiter[FilterT], Waiter[FilterT]], Generic[Item, FilterT]):
    """All waits, indexed by the account and call of their filters.

    Args:
        account: the memory account.
        wakeups: sets the futures' results.
    """

    kind = "waits"
    indexed = True

    def __init__(self, account: MemoryAccount, wakeups: Wakeups) -> None:
        super().__init__(account)
        self._wakeups = wakeups
        self._values = 0

    def size_of(self, key: Waiter[FilterT], value: Waiter[FilterT]) -> int:  # noqa: ARG002
        """Memory of a wait in bytes."""
        return _OVERHEAD + value.wanted.size

    def owners_of(self, key: Waiter[FilterT], value: Waiter[FilterT]) -> Owners:  # noqa: ARG002
        """Account and call of the wait's filter."""
        scope = value.wanted.scope
        return scope.account_sid, scope.call_sid

    def begin(self, wanted: FilterT, *, at_least: int | None, at_most: int | None, count: int = 0) -> Waiter[FilterT]:
        """Begin a wait; the caller must call `end_wait`.

        Raises:
            CapacityError: too many waits, or their filters are too large in total.
        """
        values = self._values + wanted.values
        if wanted.values and values > MAX_VALUES:
            raise CapacityError("wait_filters", MAX_VALUES, "let some waits end first", "JSON values")
        wait = Waiter(wanted, at_least, at_most, count, asyncio.get_running_loop().create_future())
        self.put(wait, wait)
        self._values = values
        self.add(wait, 0)
        return wait

    def end_wait(self, wait: Waiter[FilterT]) -> None:
        """Remove a wait."""
        if self.remove(wait) is not None:
            self._values -= wait.wanted.values

    def add(self, wait: Waiter[FilterT], more: int = 1) -> None:
        """Increase the count; end the wait if that decides it."""
        wait.count += more
        if wait.decided:
            self._end(wait, WaitEnd.DECIDED)

    async def add_earlier(
        self, wait: Waiter[FilterT], earlier: Callable[[], Iterable[Item]], many: int, slices: Slices
    ) -> Waiter[FilterT]:
        """Count the items that arrived before, in slices; if that fails, remove the wait.

        Args:
            wait: the wait; it counts nothing until the job starts.
            earlier: returns the earlier items; called when the job starts. Items deleted after that are subtracted
                at once and still counted here.
            many: approximate number of earlier items.
            slices: runner of the job.
        """
        wait.counts = False
        try:
            await slices.run(self._count(wait, earlier), many)
        except BaseException:
            self.end_wait(wait)
            raise
        return wait

    def _count(self, wait: Waiter[FilterT], earlier: Callable[[], Iterable[Item]]) -> Steps[None]:
        wait.counts = True
        for item in earlier():
            if wait.wanted.matches(item):
                self.add(wait)
            yield

    def item_added(self, item: Item) -> None:
        """Count a new item in the waits that it matches."""
        for wait in self.covering(*item.owners) if self._entries else ():
            if wait.counts and wait.wanted.matches(item):
                self.add(wait)

    def item_removed(self, item: Item) -> None:
        """Subtract a deleted item from the waits that it matches."""
        for wait in self.covering(*item.owners):
            if wait.counts and wait.end is None and wait.wanted.matches(item):
                wait.count -= 1

    def item_changed(self, item: Item, change: Callable[[], None]) -> None:
        """Apply a change to an existing item; update the waits that match it only before or only after the change."""
        waits = [wait for wait in self.covering(*item.owners) if wait.counts]
        matched = [wait.wanted.matches(item) for wait in waits]
        change()
        for wait, did_match in zip(waits, matched, strict=True):
            does_match = wait.wanted.matches(item)
            if does_match and not did_match:
                self.add(wait)
            elif did_match and not does_match and wait.end is None:
                wait.count -= 1

    def end(self, scope: Scope, end: WaitEnd) -> int:
        """End the waits whose scopes overlap this one; return their number."""
        ended = [wait for wait in self if wait.end is None and scope.overlaps(wait.wanted.scope)]
        for wait in ended:
            self._end(wait, end)
        return len(ended)

    def _end(self, wait: Waiter[FilterT], end: WaitEnd) -> None:
        if wait.end is None:
            wait.end = end
            if not wait.over.done():  # the owner may have cancelled it
                self._wakeups.set(wait.over, end)


MessageWaiter = Waiter[MessageFilter]
MessageWaiters = WaiterRegistry[Exchange, MessageFilter]
