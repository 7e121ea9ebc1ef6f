"""Long work in slices: other callbacks of the event loop run after every 100 items or 5 ms, whatever is under way.

Work is a generator that yields after each item. All work of an emulator shares one budget per loop iteration and takes
turns, so that a thousand clients that ask at once do not block the loop either.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple, TypeVar

SLICE = 100
"""Items per iteration of the event loop, at most."""
SECONDS = 0.005
"""Time per iteration of the event loop, at most, and one item more."""
MAX_JOBS = 10
"""Pieces of work of more than a slice that are under way at once: each holds a list of what it looks at."""

T = TypeVar("T")
R = TypeVar("R")
Steps = Generator[None, None, R]
"""Work that yields after each item and returns its result."""


class Window(NamedTuple):
    """Which part of a list is wanted: at most `limit` items from one end, after the first `skip`."""

    limit: int
    newest_first: bool = False
    skip: int = 0

    def of(self, items: Sequence[T]) -> list[T]:
        """This part of a list that has the oldest first."""
        stop = self.skip + self.limit
        if not self.newest_first:
            return list(items[self.skip : stop])
        return list(items[max(0, len(items) - stop) : max(0, len(items) - self.skip)])[::-1]


class Budget:
    """The work of one iteration of the event loop: a maximum of items and of time.

    Args:
        monotonic: seconds that only go forward.
        size: how many items.
        seconds: how much time, all users of the budget together; the item under way is finished.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, size: int = SLICE, seconds: float = SECONDS
    ) -> None:
        self._monotonic = monotonic
        self._size = self._left = size
        self._seconds = seconds
        self._ends_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that will refill it

    def take(self) -> bool:
        """Take one item; False when nothing is left in this iteration."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._refill)
            self._ends_at = self._monotonic() + self._seconds
        elif not self._left or self._monotonic() >= self._ends_at:
            return False
        self._left -= 1
        return True

    def _refill(self) -> None:
        self._left, self._loop = self._size, None


class Slices:
    """All long work of an emulator."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = Budget(monotonic)
        self._turn = asyncio.Lock()
        self._jobs = asyncio.Semaphore(MAX_JOBS)

    async def run(self, steps: Steps[R], items: int) -> R:
        """Do work in slices.

        Args:
            steps: the work.
            items: how many items it has, roughly.
        """
        if items <= SLICE:
            return await self._run(steps)
        async with self._jobs:
            return await self._run(steps)

    async def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """The result of a function for each item."""
        return await self.run(_mapped(function, items), len(items))

    async def page(
        self, matches: Callable[[T], bool], items: Callable[[], Sequence[T]], many: int, window: Window
    ) -> tuple[int, list[T]]:
        """How many items match, and a part of them.

        Args:
            matches: whether an item is meant.
            items: called when it is their turn: until then, and afterwards, no list of them is held.
            many: how many there are, roughly.
            window: the part.
        """
        return await self.run(_page(matches, items, window), many)

    async def _run(self, steps: Steps[R]) -> R:
        while True:
            async with self._turn:
                try:
                    while self._budget.take():
                        next(steps)
                except StopIteration as end:
                    result: R = end.value
                    return result
                await asyncio.sleep(0)


class Wakeups:
    """Results of futures that others wait for: what is set at once wakes its waiters in several loop iterations."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = Budget(monotonic)
        self._waiting: deque[tuple[asyncio.Future[object], object]] = deque()

    def set(self, future: "asyncio.Future[R]", result: R) -> None:
        """Set a result now, or in a later iteration when too many were set in this one."""
        if self._waiting or not self._budget.take():
            if not self._waiting:
                future.get_loop().call_soon(self._resume)
            self._waiting.append((future, result))  # type: ignore[arg-type]
        else:
            future.set_result(result)

    def _resume(self) -> None:
        while self._waiting and self._budget.take():
            future, result = self._waiting.popleft()
            if not future.done():  # its owner may have given up
                future.set_result(result)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._resume)


def finish(steps: Steps[R]) -> R:
    """Do all of the work now."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: R = end.value
            return result


def _mapped(function: Callable[[T], R], items: Iterable[T]) -> Steps[list[R]]:
    results = []
    for item in items:
        results.append(function(item))
        yield
    return results


def _page(matches: Callable[[T], bool], items: Callable[[], Sequence[T]], window: Window) -> Steps[tuple[int, list[T]]]:
    count, page = 0, list[T]()
    found = items()
    for item in reversed(found) if window.newest_first else found:
        if matches(item):
            count += 1
            if window.skip < count <= window.skip + window.limit:
                page.append(item)
        yield
    return count, page
