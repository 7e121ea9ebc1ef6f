"""Long work in slices: the event loop runs other callbacks after every 100 items or 5 ms.

Work is a generator that yields after each item. All work of an emulator shares one budget per loop iteration and takes
turns, so a thousand simultaneous requests do not block the loop either.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import NamedTuple, TypeVar

SLICE = 100
"""Maximum number of items per iteration of the event loop."""
SECONDS = 0.005
"""Maximum time per iteration of the event loop; the current item may exceed it."""
MAX_JOBS = 10
"""Maximum number of concurrent jobs longer than a slice: each holds a list of its items."""

T = TypeVar("T")
R = TypeVar("R")
Steps = Generator[None, None, R]
"""A generator that yields after each item and returns its result."""


class Window(NamedTuple):
    """A part of a list: at most `limit` items from one end, after the first `skip`."""

    limit: int
    newest_first: bool = False
    skip: int = 0

    def of(self, items: Sequence[T]) -> list[T]:
        """Return this part of a list that is sorted oldest first."""
        stop = self.skip + self.limit
        if not self.newest_first:
            return list(items[self.skip : stop])
        return list(items[max(0, len(items) - stop) : max(0, len(items) - self.skip)])[::-1]


class Budget:
    """Limits on the work of one iteration of the event loop, in items and in time.

    Args:
        monotonic: returns monotonic seconds.
        size: maximum number of items.
        seconds: maximum time of all users of the budget together; the current item is completed.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, size: int = SLICE, seconds: float = SECONDS
    ) -> None:
        self._monotonic = monotonic
        self._size = self._left = size
        self._seconds = seconds
        self._ends_at = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None  # the loop that will refill the budget

    def take(self) -> bool:
        """Take one item; return False when nothing is left in this iteration."""
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
    """Runner of all long work of an emulator."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = Budget(monotonic)
        self._turn = asyncio.Lock()
        self._jobs = asyncio.Semaphore(MAX_JOBS)

    async def run(self, steps: Steps[R], items: int) -> R:
        """Run work in slices.

        Args:
            steps: the work.
            items: approximate number of items.
        """
        if items <= SLICE:
            return await self._run(steps)
        async with self._jobs:
            return await self._run(steps)

    async def map(self, function: Callable[[T], R], items: Sequence[T]) -> list[R]:
        """Apply a function to each item in slices; return the results."""
        return await self.run(_mapped(function, items), len(items))

    async def page(
        self, matches: Callable[[T], bool], items: Callable[[], Sequence[T]], many: int, window: Window
    ) -> tuple[int, list[T]]:
        """Count the matching items and return a part of them.

        Args:
            matches: the predicate.
            items: returns the items; called when the job starts, so that a waiting job holds no list.
            many: approximate number of items.
            window: the part of the matching items to return.
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
    """Sets results of futures, spread over several loop iterations when many are set at the same time."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._budget = Budget(monotonic)
        self._waiting: deque[tuple[asyncio.Future[object], object]] = deque()

    def set(self, future: "asyncio.Future[R]", result: R) -> None:
        """Set a result now, or in a later iteration when the budget of this iteration is spent."""
        if self._waiting or not self._budget.take():
            if not self._waiting:
                future.get_loop().call_soon(self._resume)
            self._waiting.append((future, result))  # type: ignore[arg-type]
        else:
            future.set_result(result)

    def _resume(self) -> None:
        while self._waiting and self._budget.take():
            future, result = self._waiting.popleft()
            if not future.done():  # the waiting task may have cancelled it
                future.set_result(result)
        if self._waiting:
            asyncio.get_running_loop().call_soon(self._resume)


def finish(steps: Steps[R]) -> R:
    """Run all of the work now, without slices; return its result."""
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
