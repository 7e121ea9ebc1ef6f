"""Long work in slices: other callbacks of the event loop run after every 100 items, whatever else is under way.

Work is a generator that yields after each item. All work of an emulator shares one budget of items per loop iteration
and takes turns, so that a thousand clients that ask at once do not block the loop either.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from typing import TypeVar

SLICE = 100
"""Items per iteration of the event loop, at most."""
MAX_JOBS = 10
"""Pieces of work of more than a slice that are under way at once: each holds a list of what it looks at."""

T = TypeVar("T")
R = TypeVar("R")
Steps = Generator[None, None, R]
"""Work that yields after each item and returns its result."""


class Budget:
    """What may be done in one iteration of the event loop."""

    def __init__(self, size: int = SLICE) -> None:
        self._size = self._left = size
        self._loop: asyncio.AbstractEventLoop | None = None  # the one that will refill it

    def take(self) -> bool:
        """Take one item; False when nothing is left in this iteration."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
            self._loop.call_soon(self._refill)
        if not self._left:
            return False
        self._left -= 1
        return True

    def _refill(self) -> None:
        self._left, self._loop = self._size, None


class Slices:
    """All long work of an emulator."""

    def __init__(self) -> None:
        self._budget = Budget()
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

    async def filter(self, matches: Callable[[T], bool], items: Sequence[T]) -> list[T]:
        """The items that match."""
        return await self.run(_filtered(matches, items), len(items))

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

    def __init__(self) -> None:
        self._budget = Budget()
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


def _filtered(matches: Callable[[T], bool], items: Iterable[T]) -> Steps[list[T]]:
    found = []
    for item in items:
        if matches(item):
            found.append(item)
        yield
    return found
