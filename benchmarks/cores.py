"""CPU affinity: one core for the servers, another for the load driver and the measurement."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

_CORES = sorted(os.sched_getaffinity(0))
SERVER, DRIVER = _CORES[0], _CORES[-1]


@contextmanager
def pinned(core: int) -> Iterator[None]:
    """Pin this thread to one core; processes started inside keep the affinity."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
