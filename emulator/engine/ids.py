"""Randomness for identifiers, from a source that the caller brings."""

import random
from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""A function that returns so many random bytes."""

_BATCH = 4096


class IdGenerator:
    """Random bytes, fetched in batches: a system call per identifier was an eighth of a request's cost.

    Args:
        entropy: the source while there is no seed.
        seed: where the sequence starts, and again after `reset`; None = at random.
    """

    def __init__(self, entropy: Entropy, seed: int | None = None) -> None:
        self._entropy = entropy
        self._first = seed
        self.seed(seed)

    def seed(self, seed: int | None) -> None:
        """Start the sequence of this seed; None = go on at random."""
        self.current_seed = seed
        # Not for secrets: a sequence that repeats is what a seed is for.
        self._source = self._entropy if seed is None else random.Random(seed).randbytes  # noqa: S311
        self._batch = b""
        self._used = 0

    def reset(self) -> None:
        """Be as at the start."""
        self.seed(self._first)

    def random_bytes(self, count: int) -> bytes:
        """The next `count` bytes."""
        assert count <= _BATCH
        end = self._used + count
        if end > len(self._batch):
            self._batch, end = self._source(_BATCH), count
        self._used = end
        return self._batch[end - count : end]
