"""Memory accounting of connections: received bytes that are not processed, and responses that are not read."""

import asyncio
import logging
from typing import Protocol

from emulator.engine.capacity import Bound

UNCOUNTED = 4096
"""Bytes that a connection may hold uncounted, so that ordinary requests are served even at a memory limit."""
_log = logging.getLogger("emulator.server")


class ReceivedBytes:
    """Counts the received bytes that one connection holds.

    Attributes:
        counted: bytes counted in the bound.
    """

    __slots__ = ("_bound", "counted")

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self.counted = 0

    def update(self, held: int, *, must_fit: bool = True) -> None:
        """Set the number of bytes held; up to `UNCOUNTED` count as 0.

        Args:
            held: bytes held now.
            must_fit: raise when the bound is exceeded.

        Raises:
            CapacityError: the bound is exceeded; the count is unchanged.
        """
        size = held if held > UNCOUNTED else 0
        more = size - self.counted
        if more < 0:
            self._bound.release(-more, 0)
        elif more > 0 and must_fit:
            self._bound.charge(more, 0)
        elif more > 0:
            self._bound.hold(more, 0)
        self.counted = size


class Abortable(Protocol):
    """A connection that can be aborted."""

    def abort(self) -> None:
        """End the connection now."""


class UnsentResponses:
    """Connections with unsent data, because their clients read too slowly; the longest waiting first."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._sizes: dict[Abortable, int] = {}
        bound.evict = self._abort_longest

    def measure(self, connection: Abortable, transport: asyncio.Transport | None) -> None:
        """Set the unsent bytes of a connection to what its transport has buffered; a closing one is removed soon."""
        if transport is not None and not transport.is_closing():
            self.update(connection, transport.get_write_buffer_size())

    def update(self, connection: Abortable, size: int) -> None:
        """Set the unsent bytes of a connection; when the total exceeds the bound, abort the longest waiting."""
        before = self._sizes.get(connection)
        self._sizes[connection] = size
        self._bound.charge(size - (before or 0), int(before is None))

    def remove(self, connection: Abortable) -> None:
        """Remove a connection whose client has read everything, or that is closed."""
        size = self._sizes.pop(connection, None)
        if size is not None:
            self._bound.release(size)

    def _abort_longest(self) -> None:
        connection, size = next(iter(self._sizes.items()))
        self.remove(connection)
        _log.warning("aborted a connection with %d unread bytes: %s is full", size, self._bound.kind.name)
        connection.abort()
