"""Random bytes for identifiers, from an injected source."""

import random
from collections.abc import Callable

Entropy = Callable[[int], bytes]
"""A function that returns the given number of random bytes."""

_BATCH = 4096


class IdGenerator:
    """Random bytes, fetched in batches: a system call per identifier was an eighth of a request's cost.

    Args:
        entropy: the source when there is no seed.
        seed: initial seed of the sequence, also restored by `reset`; None = random.
    """

    def __init__(self, entropy: Entropy, seed: int | None = None) -> None:
        self._entropy = entropy
        self._first = seed
        self.seed(seed)

    def seed(self, seed: int | None) -> None:
        """Start the sequence of this seed; None = use the entropy source."""
        self.current_seed = seed
        # Not for secrets: a seed exists to repeat the sequence.
        self._source = self._entropy if seed is None else random.Random(seed).randbytes  # noqa: S311
        self._batch = b""
        self._used = 0

    def reset(self) -> None:
        """Restore the initial state."""
        self.seed(self._first)

    def random_bytes(self, count: int) -> bytes:
        """Return the next `count` bytes."""
        assert count <= _BATCH
        end = self._used + count
        if end > len(self._batch):
            self._batch, end = self._source(_BATCH), count
        self._used = end
        return self._batch[end - count : end]
