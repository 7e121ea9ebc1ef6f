import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import exchange, message, request

from emulator.engine.capacity import Capacity, MemoryAccount
from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.index import Selection
from emulator.engine.journal.journal import Journal

EVERYTHING = RequestFilter()
ROOM = 10**9


def journal(*exchanges: Exchange, limit: int = 1000, max_bytes: int = ROOM) -> Journal:
    made = Journal(MemoryAccount(10 * ROOM, {"journal": Capacity(limit, max_bytes)}))
    for each in exchanges:
        made.append(each)
    return made


def refused(seq: int) -> Exchange:
    return exchange(seq, outcome=Outcome.REFUSED)


def weighing(seq: int, size: int) -> Exchange:
    """Return an exchange with a body of `size` bytes."""
    return exchange(seq, request=request(body=bytes(size), body_size=size))


def places(selection: Selection) -> list[int]:
    return [each.seq for each in selection]


def test_empty_journal_starts_at_seq_1() -> None:
    empty = journal()

    assert (empty.last_seq, empty.oldest_seq, empty.evicted) == (0, 1, 0)
    assert places(empty.requests(EVERYTHING)) == []


def test_requests_and_messages() -> None:
    """Requests are all exchanges, messages those that created one."""
    filled = journal(exchange(1), refused(2), exchange(3, outcome=Outcome.REPLAYED, made=message()), exchange(4))

    assert places(filled.requests(EVERYTHING)) == [1, 2, 3, 4]
    assert places(filled.messages(EVERYTHING)) == [1, 4]


@pytest.mark.parametrize("seq", [0, 1, 3])
def test_seqs_are_given_in_order(seq: int) -> None:
    filled = journal(exchange(1))

    with pytest.raises(AssertionError, match="places are given in order"):
        filled.append(exchange(seq))


def test_newest_come_first() -> None:
    filled = journal(exchange(1), refused(2), exchange(3))

    assert [each.seq for each in filled.newest(2)] == [3, 2]


def test_an_exchange_is_found_by_its_id() -> None:
    first, second = exchange(1), refused(2)
    filled = journal(first, second)

    assert filled.get(first.id) is first
    assert filled.get(second.id) is second
    assert filled.get("0" * 32) is None


def test_oldest_are_evicted_by_count() -> None:
    filled = journal(exchange(1), refused(2), exchange(3), refused(4), exchange(5), limit=3)

    assert places(filled.requests(EVERYTHING)) == [3, 4, 5]
    assert places(filled.messages(EVERYTHING)) == [3, 5]
    assert (filled.oldest_seq, filled.last_seq, filled.evicted) == (3, 5, 2)
    assert filled.evicted_through == 2
    assert filled.get(exchange(1).id) is None


def test_clear_keeps_the_sequence() -> None:
    account = MemoryAccount(capacities={"journal": Capacity(2)})
    filled = Journal(account)
    for each in (exchange(1), refused(2), exchange(3)):
        filled.append(each)

    assert [each.seq for each in filled.clear()] == [2, 3]
    assert (account.bytes, account["journal"].entries, filled.evicted, filled.evicted_through) == (0, 0, 0, 0)
    assert filled.get(exchange(3).id) is None
    filled.append(exchange(4))
    assert (places(filled.requests(EVERYTHING)), filled.oldest_seq) == ([4], 4)


@pytest.mark.parametrize(("missing", "kept"), [(0, [1, 2]), (1, [2])], ids=["just enough", "a byte too few"])
def test_oldest_are_evicted_by_bytes(missing: int, kept: list[int]) -> None:
    room = weighing(1, 100).size + weighing(2, 50).size
    filled = journal(weighing(1, 100), weighing(2, 50), max_bytes=room - missing)

    assert places(filled.requests(EVERYTHING)) == kept


@given(
    st.lists(st.integers(0, 5000), max_size=40),
    st.integers(1, 20),
    st.integers(1, 40_000),
)
def test_both_limits_keep_the_newest(sizes: list[int], limit: int, max_bytes: int) -> None:
    exchanges = [weighing(seq, size) for seq, size in enumerate(sizes, start=1)]
    filled = journal(*exchanges, limit=limit, max_bytes=max_bytes)

    kept = list(filled.requests(EVERYTHING))
    assert kept == exchanges[len(exchanges) - len(kept) :]
    assert len(kept) == 1 or (len(kept) <= limit and sum(each.size for each in kept) <= max_bytes) or not exchanges
    one_more = exchanges[-len(kept) - 1 :]
    assert len(one_more) == len(kept) or len(one_more) > limit or sum(each.size for each in one_more) > max_bytes
    assert filled.evicted == len(exchanges) - len(kept)


def test_removed_exchanges_are_gone() -> None:
    first, second, third = exchange(1), refused(2), exchange(3)
    filled = journal(first, second, third)

    filled.remove([first, second])

    assert places(filled.requests(EVERYTHING)) == places(filled.messages(EVERYTHING)) == [3]
    assert filled.get(first.id) is filled.get(second.id) is None
    assert filled.evicted == 0


def test_seq_is_never_reused() -> None:
    only = exchange(1)
    filled = journal(only)
    filled.remove([only])

    assert (filled.last_seq, filled.oldest_seq) == (1, 2)
    filled.append(exchange(2))
    assert places(filled.requests(EVERYTHING)) == [2]


def test_what_was_removed_makes_room() -> None:
    size = exchange(1).size
    heavy = weighing(2, 10_000)
    filled = journal(exchange(1), heavy, max_bytes=10_000 + 2 * size)
    filled.remove([heavy])
    for seq in range(3, 5):
        filled.append(exchange(seq))

    assert places(filled.requests(EVERYTHING)) == [1, 3, 4]


def test_equal_heads_are_one_object() -> None:
    filled = journal()
    first = filled.share(bytes([1, 2, 3]))

    assert filled.share(bytes([1, 2, 3])) is first
    assert filled.share(bytes([1, 2])) is not first


def test_long_head_is_not_shared() -> None:
    filled = journal()
    first, again = bytes(4097), bytes(4097)
    filled.share(first)

    assert filled.share(again) is again


def test_unused_heads_are_released() -> None:
    filled = journal()
    first = filled.share(bytes([0, 0]))
    for number in range(1, 1025):
        filled.share(number.to_bytes(2, "big"))

    assert filled.share(bytes([0, 0])) is not first
