"""A queue for schemas to compile, because each may need a process of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from emulator.engine.capacity import CapacityError

MAX_QUEUED = 16
"""Schemas that may be queued, the one being compiled included."""


class SchemaQueue:
    """Lets one schema at a time be compiled."""

    def __init__(self) -> None:
        self._semaphore = asyncio.Semaphore()
        self._count = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait until no other schema is being compiled.

        Raises:
            CapacityError: too many schemas are queued.
        """
        if self._count >= MAX_QUEUED:
            raise CapacityError("schemas being compiled", MAX_QUEUED, "try again")
        self._count += 1
        try:
            async with self._semaphore:
                yield
        finally:
            self._count -= 1
