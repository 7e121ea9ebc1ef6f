"""A small journal overflowed ten times: what is kept stays within bounds, what is gone is counted."""

import gc
from collections.abc import Iterator

import pytest
from support.server import Caller, Running
from support.sse import Stream

from emulator.engine.journal.exchange import Exchange
from emulator.settings import Settings

LIMIT = 200
SENT = 10 * LIMIT
SLACK = 1.5
"""Lists that eviction has not trimmed yet, and what is on its way."""


def flood(caller: Caller, count: int, content: str = "[]") -> None:
    with caller.site.connect() as connection:
        for _ in range(count):
            connection.send(caller.raw(content))
            assert connection.reply().status == 201


def alive() -> int:
    """How many exchanges are in memory."""
    gc.collect()
    return sum(isinstance(thing, Exchange) for thing in gc.get_objects())


@pytest.fixture
def running() -> Iterator[Running]:
    """An emulator with a small journal."""
    with Running(Settings(port=0, journal_limit=LIMIT)) as running:
        yield running


def test_overflowing_journal_stays_bounded(running: Running) -> None:
    caller = Caller(running.site)
    before = alive()
    pages = []
    for _ in range(10):
        flood(caller, SENT // 10)
        pages.append(caller.site.get("/_emulator/requests?limit=1").json())

    assert [page["count"] for page in pages] == [LIMIT] * 10
    assert [page["evicted"] for page in pages] == [place * LIMIT for place in range(10)]
    assert [page["oldest_seq"] for page in pages] == [place * LIMIT + 1 for place in range(10)]
    assert [page["requests"][0]["seq"] for page in pages] == [page["oldest_seq"] for page in pages]
    assert pages[-1]["last_seq"] == SENT
    assert caller.listing(limit=1)["count"] == LIMIT
    assert alive() - before <= LIMIT * SLACK


def test_evicted_accounts_leave_nothing(running: Running) -> None:
    before = alive()
    first = Caller(running.site)
    first.send(key="k")
    for _ in range(3 * LIMIT):
        Caller(running.site).send(key="k")

    assert first.listing()["count"] == 0
    assert alive() - before <= LIMIT * SLACK


def test_bytes_bound_the_journal_too() -> None:
    with Running(Settings(port=0, journal_bytes=200_000)) as running:
        caller = Caller(running.site)
        flood(caller, 200, '"' + "x" * 9000 + '"')
        page = caller.listing(limit=1000)

        assert 5 < page["count"] < 25
        assert page["count"] + page["evicted"] == page["last_seq"] == 200
        assert page["oldest_seq"] == page["evicted"] + 1


def test_resumed_stream_reports_evictions(running: Running) -> None:
    caller = Caller(running.site)
    flood(caller, 5)
    with Stream(running.site, after=0) as stream:
        place = stream.take(10)[-1].id or ""
    flood(caller, SENT)
    with Stream(running.site, headers=[("Last-Event-ID", place)]) as stream:
        evicted, *told = stream.take(1 + 2 * LIMIT)

    assert place == "5"
    assert (evicted.kind, evicted.data) == ("evicted", {"evicted": SENT - LIMIT, "evicted_through": SENT + 5 - LIMIT})
    assert [one.data["seq"] for one in told if one.kind == "message"] == list(range(SENT + 6 - LIMIT, SENT + 6))
