import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.ids import IdGenerator


class Source:
    """Repeatable bytes, with the number of calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.given = b""
        self._random = random.Random(0)

    def __call__(self, count: int) -> bytes:
        self.calls += 1
        fresh = self._random.randbytes(count)
        self.given += fresh
        return fresh


@given(st.lists(st.integers(1, 64), min_size=1, max_size=200))
def test_each_random_byte_is_used_once(counts: list[int]) -> None:
    source = Source()
    ids = IdGenerator(source)
    taken = [ids.random_bytes(count) for count in counts]

    assert [len(piece) for piece in taken] == counts
    rest = source.given
    for piece in taken:
        place = rest.index(piece)
        rest = rest[place + len(piece) :]


@pytest.mark.parametrize(("identifiers", "calls"), [(0, 0), (1, 1), (256, 1), (257, 2)])
def test_source_is_read_in_batches(identifiers: int, calls: int) -> None:
    source = Source()
    ids = IdGenerator(source)
    for _ in range(identifiers):
        ids.random_bytes(16)

    assert source.calls == calls


def taken(ids: IdGenerator) -> list[bytes]:
    return [ids.random_bytes(16) for _ in range(300)]


@given(st.integers(0))
def test_seed_restarts_the_same_sequence(seed: int) -> None:
    early, late = IdGenerator(Source(), seed), IdGenerator(Source())
    late.random_bytes(5)
    late.seed(seed)

    assert taken(early) == taken(late)
    assert early.current_seed == late.current_seed == seed


def test_seeds_start_different_sequences() -> None:
    firsts = {IdGenerator(Source(), seed).random_bytes(16) for seed in range(100)}

    assert len(firsts) == 100


def test_without_a_seed_ids_are_random() -> None:
    source = Source()
    ids = IdGenerator(source, 1)
    ids.seed(None)
    piece = ids.random_bytes(16)

    assert source.given.startswith(piece)
    assert ids.current_seed is None


def test_reset_restores_the_first_seed() -> None:
    ids = IdGenerator(Source(), 1)
    first = taken(ids)
    ids.seed(2)
    ids.random_bytes(16)
    ids.reset()

    assert taken(ids) == first
    assert ids.current_seed == 1
