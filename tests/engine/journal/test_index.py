"""The index against a model, a plain list: after any additions, evictions and removals both give the same result."""

import weakref
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import arrival, exchange, message

from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.index import Index
from emulator.engine.time_slices import finish

# Few values, so that tracks grow, share exchanges and become empty.
VALUES = st.sampled_from([None, "x", "y"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), VALUES, VALUES, VALUES, st.integers(1, 3)),
        st.tuples(st.just("evict"), st.integers(1, 8)),
        st.tuples(st.just("remove"), st.sets(st.integers(0, 20), max_size=8)),
    ),
    max_size=80,
)
FILTERS = st.builds(
    RequestFilter, account_sid=VALUES, call_sid=VALUES, idempotency_key=VALUES, after=st.integers(0, 120) | st.just(0)
)


def an_exchange(
    seq: int, account_sid: str | None = "x", call_sid: str | None = "x", key: str | None = None
) -> Exchange:
    return exchange(seq, context=arrival(account_sid, call_sid), made=message(idempotency_key=key))


def play(steps: list[tuple[Any, ...]]) -> tuple[Index, list[Exchange]]:
    """Return the index after these steps, and the list of expected exchanges."""
    index, kept, seq = Index(), [], 0
    for what, *values in steps:
        if what == "add":
            *found_by, gap = values
            seq += gap
            kept.append(an_exchange(seq, *found_by))
            index.add(kept[-1])
        elif what == "evict":
            for _ in range(min(values[0], len(kept))):
                index.evict(kept.pop(0))
        else:
            gone = {each for place, each in enumerate(kept) if place in values[0]}
            kept = [each for each in kept if each not in gone]
            index.remove(gone)
    return index, kept


def naive(kept: list[Exchange], wanted: RequestFilter) -> list[Exchange]:
    return [
        each
        for each in kept
        if each.seq > wanted.after
        and wanted.account_sid in (None, each.context.account_sid)
        and wanted.call_sid in (None, each.context.call_sid)
        and wanted.idempotency_key in (None, each.idempotency_key)
    ]


@settings(max_examples=settings.default.max_examples * 3)
@given(STEPS, FILTERS)
def test_selection_equals_a_plain_list(steps: list[tuple[Any, ...]], wanted: RequestFilter) -> None:
    index, kept = play(steps)
    selected = index.select(wanted)

    expected = naive(kept, wanted)
    assert list(selected) == expected
    assert len(selected) == len(expected)


@given(STEPS, FILTERS, st.integers(0, 50), st.integers(0, 10))
def test_page_is_a_part_from_either_end(
    steps: list[tuple[Any, ...]], wanted: RequestFilter, limit: int, skip: int
) -> None:
    index, kept = play(steps)
    selected = index.select(wanted)

    expected = naive(kept, wanted)
    assert selected.page(limit, newest_first=False, skip=skip) == expected[skip:][:limit]
    assert selected.page(limit, newest_first=True, skip=skip) == expected[::-1][skip:][:limit]
    assert finish(selected.found()) == expected
    assert finish(selected.found(limit + 1)) == expected[::-1][: limit + 1]
    assert selected.size >= len(expected)


@given(STEPS)
def test_oldest_is_the_first_of_a_list(steps: list[tuple[Any, ...]]) -> None:
    index, kept = play(steps)

    assert index.oldest() is (kept[0] if kept else None)


@given(STEPS, st.integers(0, 50))
def test_newest_are_a_list_in_reverse(steps: list[tuple[Any, ...]], limit: int) -> None:
    index, kept = play(steps)

    assert index.newest(limit) == kept[::-1][:limit]


@given(VALUES, VALUES, VALUES, st.integers(1, 5), FILTERS)
def test_a_filter_matches_what_it_selects(
    account_sid: str | None, call_sid: str | None, key: str | None, seq: int, wanted: RequestFilter
) -> None:
    index, one = Index(), an_exchange(seq, account_sid, call_sid, key)
    index.add(one)

    assert wanted.matches(one) is (len(index.select(wanted)) == 1)


@pytest.mark.parametrize("field", ["account_sid", "call_sid", "idempotency_key"])
def test_what_was_never_added_is_not_found(field: str) -> None:
    index = Index()
    index.add(an_exchange(1, "x", "x", "x"))

    assert list(index.select(RequestFilter(**{field: "never"}))) == []


def test_unindexed_fields_are_compared() -> None:
    index, wanted = Index(), exchange(2, content='{"a": 1}')
    for each in (an_exchange(1), wanted, an_exchange(3)):
        index.add(each)

    assert list(index.select(RequestFilter(contains="a"))) == [wanted]


def test_a_selection_can_be_read_again() -> None:
    index = Index()
    index.add(an_exchange(1))
    selected = index.select(RequestFilter())

    assert list(selected) == list(selected) != []


class Watched(Exchange):
    """An exchange that supports weak references, to detect remaining references to it."""

    __slots__ = ("__weakref__",)


@pytest.mark.parametrize("calls", [1, 7, 1000], ids=["one call", "a few calls", "a call each"])
def test_evicted_exchanges_are_released(calls: int) -> None:
    index, kept, seen = Index(), [], []
    for seq in range(1, 1001):
        kept.append(exchange(seq, kind=Watched, context=arrival(call_sid=f"CA{seq % calls:032x}")))
        seen.append(weakref.ref(kept[-1]))
        index.add(kept[-1])
        if len(kept) > 100:
            index.evict(kept.pop(0))

    assert sum(each() is not None for each in seen) <= 2 * len(kept)
