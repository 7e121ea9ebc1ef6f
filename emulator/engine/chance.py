"""Randomness for identifiers, from a source that the caller brings."""

from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""A function that returns so many random bytes."""

_BATCH = 4096


class Chance:
    """Random bytes, fetched in batches: a system call per identifier was an eighth of a request's cost."""

    def __init__(self, source: Entropy) -> None:
        self._source = source
        self._batch = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        """The next `count` bytes."""
        assert count <= _BATCH
        end = self._used + count
        if end > len(self._batch):
            self._batch, end = self._source(_BATCH), count
        self._used = end
        return self._batch[end - count : end]
