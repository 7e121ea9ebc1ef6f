"""The memory of connections: what clients sent that is not processed, and what they do not read."""

import logging
from typing import Protocol

from emulator.engine.capacity import Bound

UNCOUNTED = 4096
"""Bytes that a connection may hold without being counted, so that ordinary requests are served whatever is full."""
_log = logging.getLogger("emulator.server")


class ReceivedBytes:
    """What one connection holds of its client's data, in the account of memory.

    Attributes:
        counted: bytes in the account.
    """

    __slots__ = ("_bound", "counted")

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self.counted = 0

    def update(self, held: int, *, must_fit: bool = True) -> None:
        """Count what is held now.

        Raises:
            CapacityError: there is no room for it; the count is as before.
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
    """A connection."""

    def abort(self) -> None:
        """End the connection now."""


class UnsentResponses:
    """Connections whose clients read more slowly than they are sent to, the one that waits longest first."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound
        self._sizes: dict[Abortable, int] = {}
        bound.evict = self._abort_longest

    def update(self, connection: Abortable, size: int) -> None:
        """Count what a connection has to send; when all that is too much, abort those that wait longest."""
        before = self._sizes.get(connection)
        self._sizes[connection] = size
        self._bound.charge(size - (before or 0), int(before is None))

    def remove(self, connection: Abortable) -> None:
        """Its client has read everything, or the connection is gone."""
        size = self._sizes.pop(connection, None)
        if size is not None:
            self._bound.release(size)

    def _abort_longest(self) -> None:
        connection, size = next(iter(self._sizes.items()))
        self.remove(connection)
        _log.warning("aborted a connection with %d unread bytes: %s is full", size, self._bound.kind.name)
        connection.abort()
