import asyncio
from itertools import chain

import pytest
from builders import (
    ACCOUNT,
    CALL,
    MESSAGE,
    OTHER_ACCOUNT,
    OTHER_CALL,
    arrival,
    arrive,
    emulation,
    exchange,
    post,
    request,
    subscription,
)
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.deliveries import DeliveryFilter
from emulator.engine.deliveries import Outcome as Became
from emulator.engine.emulation import Emulation
from emulator.engine.exchanges import Exchange, Outcome
from emulator.engine.feed import MAX_BEHIND, MAX_READERS, Event, Feed, Kind, Reader, events_of
from emulator.engine.filters import Filter
from emulator.engine.limits import LimitReachedError
from emulator.engine.parties import EndUserMessage
from emulator.engine.scopes import Scope
from emulator.wire import errors

FILTERS = st.builds(
    Filter,
    account_sid=st.sampled_from([None, ACCOUNT, OTHER_ACCOUNT]),
    call_sid=st.sampled_from([None, CALL, OTHER_CALL]),
    contains=st.sampled_from([None, "1"]),
)
POSTS = st.tuples(
    st.sampled_from([ACCOUNT, OTHER_ACCOUNT]), st.sampled_from([CALL, OTHER_CALL]), st.sampled_from(["1", "2"])
)


def send(engine: Emulation, posts: list[tuple[str, str, str]]) -> list[Exchange]:
    return [post(engine, content, account_sid=account, call_sid=call) for account, call, content in posts]


def told(exchanges: list[Exchange]) -> list[Event]:
    return list(chain.from_iterable(map(events_of, exchanges)))


async def is_woken(reader: Reader) -> bool:
    """Whether a reader who waits would return at once."""
    waiting = asyncio.ensure_future(reader.wait())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    return bool(done) and waiting.result() is None


def test_a_message_is_told_as_a_request_and_then_as_a_message() -> None:
    created = exchange(3)

    assert events_of(created) == [Event(Kind.REQUEST, 3, created), Event(Kind.MESSAGE, 3, created)]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.CREATED])
def test_what_created_nothing_is_told_as_a_request_alone(outcome: Outcome) -> None:
    other = exchange(3, outcome=outcome)

    assert events_of(other) == [Event(Kind.REQUEST, 3, other)]


@given(st.lists(FILTERS, max_size=4), st.lists(POSTS))
def test_each_reader_sees_what_it_asked_for_in_order_and_nothing_else(
    wishes: list[Filter], posts: list[tuple[str, str, str]]
) -> None:
    engine = emulation()
    readers = [engine.follow(wanted, resumed=False) for wanted in wishes]
    sent = send(engine, posts)

    for reader in readers:
        assert reader.take() == told([each for each in sent if reader.wanted.matches(each)])


@given(st.lists(POSTS), st.lists(POSTS), st.integers(0, 60), FILTERS)
def test_who_resumes_sees_what_it_missed_and_what_comes_each_once(
    before: list[tuple[str, str, str]], later: list[tuple[str, str, str]], after: int, wanted: Filter
) -> None:
    engine = emulation()
    sent = send(engine, before)
    reader = engine.follow(
        Filter(account_sid=wanted.account_sid, call_sid=wanted.call_sid, contains=wanted.contains, after=after),
        resumed=True,
    )
    sent += send(engine, later)

    assert reader.take() == told([each for each in sent if each.seq > after and wanted.matches(each)])


def test_who_does_not_resume_sees_only_what_comes() -> None:
    engine = emulation()
    post(engine)
    reader = engine.follow(Filter(), resumed=False)

    assert not asyncio.run(is_woken(reader))
    assert reader.take() == []


def test_refusals_are_told_too() -> None:
    engine = emulation()
    reader = engine.follow(Filter(account_sid="AC1"), resumed=False)
    refused = engine.refuse(arrive(engine, "AC1", None), request(), errors.PATH_UNKNOWN)

    assert reader.take() == [Event(Kind.REQUEST, 1, refused)]


def test_a_reader_wakes_for_an_event_and_rests_when_it_took_it() -> None:
    async def run() -> list[bool]:
        feed = Feed()
        reader = feed.open(Filter())
        states = [await is_woken(reader)]
        feed.tell(exchange())
        states.append(await is_woken(reader))
        reader.take()
        return [*states, await is_woken(reader)]

    assert asyncio.run(run()) == [False, True, False]


def test_readers_are_woken_when_a_client_leaves_before_its_answer() -> None:
    async def play() -> None:
        engine = emulation()
        reader, other = (
            engine.follow(Filter(call_sid=CALL), resumed=False),
            engine.follow(Filter(call_sid=OTHER_CALL), resumed=False),
        )
        arrived = arrive(engine)
        engine.client_left(arrived)
        await reader.wait()

        assert (arrived.was_left, reader.take(), other.take()) == (True, [], [])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await other.wait()

    asyncio.run(play())


def test_who_resumes_is_awake_at_once() -> None:
    engine = emulation()
    post(engine)

    assert asyncio.run(is_woken(engine.follow(Filter(), resumed=True)))


@pytest.mark.parametrize(
    ("scope", "hears"),
    [
        pytest.param(Scope(), True, id="everything"),
        pytest.param(Scope(ACCOUNT), True, id="its account"),
        pytest.param(Scope(ACCOUNT, OTHER_CALL), True, id="a call of its account"),
        pytest.param(Scope(OTHER_ACCOUNT), False, id="another account"),
    ],
)
def test_a_reset_is_told_to_those_whom_it_concerns(scope: Scope, *, hears: bool) -> None:
    feed = Feed()
    reader = feed.open(Filter(account_sid=ACCOUNT))
    feed.tell_reset(scope, 7)

    assert reader.take() == ([Event(Kind.RESET, 7, scope)] if hears else [])


def test_a_reset_stands_between_what_came_before_and_after() -> None:
    engine = emulation()
    reader = engine.follow(Filter(), resumed=False)
    first = post(engine)
    engine.reset(Scope())
    second = post(engine)

    assert reader.take() == [*events_of(first), Event(Kind.RESET, 1, Scope()), *events_of(second)]


def test_a_reader_that_falls_too_far_behind_is_given_up_and_the_others_are_not() -> None:
    feed = Feed()
    slow, quick = feed.open(Filter()), feed.open(Filter())
    seen = []
    for seq in range(1, MAX_BEHIND + 2):
        feed.tell(exchange(seq, outcome=Outcome.REFUSED))
        seen += quick.take()

    assert slow.lagged.is_set()
    assert (slow.ended, slow.take(), asyncio.run(is_woken(slow))) == (True, [], True)
    assert (quick.ended, len(seen)) == (False, MAX_BEHIND + 1)


def test_a_reader_may_be_as_far_behind_as_the_limit() -> None:
    feed = Feed()
    reader = feed.open(Filter())
    for seq in range(1, MAX_BEHIND // 2 + 1):
        feed.tell(exchange(seq))

    assert not reader.ended
    assert not reader.lagged.is_set()
    assert len(reader.take()) == MAX_BEHIND


def test_a_reader_that_was_given_up_gets_nothing_more() -> None:
    feed = Feed()
    reader = feed.open(Filter())
    for seq in range(1, MAX_BEHIND):
        feed.tell(exchange(seq))

    assert reader.take() == []
    assert asyncio.run(is_woken(reader))


def test_when_the_emulator_stops_readers_end_with_what_they_have() -> None:
    engine = emulation()
    reader = engine.follow(Filter(), resumed=False)
    sent = post(engine)
    engine.stop()

    assert reader.ended
    assert asyncio.run(is_woken(reader))
    assert reader.take() == events_of(sent)
    assert not reader.lagged.is_set()


def test_a_closed_reader_hears_nothing_and_is_not_counted() -> None:
    feed = Feed()
    reader, other = feed.open(Filter(call_sid=CALL)), feed.open(Filter(call_sid=CALL))
    feed.close(reader)
    feed.tell(exchange(arrival=arrival()))

    assert len(feed) == 1
    assert reader.take() == []
    assert len(other.take()) == 2


def test_no_more_than_a_thousand_read_until_one_closes() -> None:
    feed = Feed()
    readers = [feed.open(Filter()) for _ in range(1000)]

    with pytest.raises(LimitReachedError) as caught:
        feed.open(Filter())

    assert str(caught.value) == f"event streams reached: at most {MAX_READERS}; close some first"
    feed.close(readers[0])
    assert feed.open(Filter())


def test_a_reader_that_resumes_gets_the_resets_it_may_have_missed() -> None:
    engine = emulation()
    first = post(engine)
    engine.reset(Scope(call_sid=CALL))
    engine.reset(Scope(call_sid=OTHER_CALL))
    reader = engine.follow(Filter(call_sid=CALL, after=first.seq), resumed=True)

    assert [(event.kind, event.about) for event in reader.take()] == [(Kind.RESET, Scope(call_sid=CALL))]


# --- deliveries


@pytest.mark.parametrize(
    ("wanted", "hears"),
    [
        (Filter(), True),
        (Filter(account_sid=ACCOUNT, call_sid=CALL), True),
        (Filter(account_sid=ACCOUNT, after=100), True),
        (Filter(account_sid=OTHER_ACCOUNT), False),
        (Filter(call_sid=OTHER_CALL), False),
        (Filter(contains="{"), False),
        (Filter(outcome=Outcome.CREATED), False),
        (Filter(idempotency_key="k"), False),
    ],
)
def test_a_delivery_is_told_at_each_step_to_who_reads_all_of_its_call(wanted: Filter, *, hears: bool) -> None:
    engine = emulation()
    engine.conversations.subscriptions.add(subscription())
    post(engine, account_sid=OTHER_ACCOUNT, call_sid=OTHER_CALL)
    reader = engine.follow(wanted, resumed=False)
    engine.hear(EndUserMessage(ACCOUNT, CALL, "alice", MESSAGE, "{}", "application/json"))
    (delivery,) = engine.conversations.deliveries.page(DeliveryFilter(), 9, newest_first=False)
    engine.conversations.deliveries.settle(delivery, Became.DELIVERED)

    assert reader.take() == [Event(Kind.DELIVERY, 1, delivery)] * 2 * hears


def test_a_delivery_is_not_told_again_to_who_resumes() -> None:
    engine = emulation()
    engine.conversations.subscriptions.add(subscription())
    engine.hear(EndUserMessage(ACCOUNT, CALL, "alice", MESSAGE, "{}", "application/json"))

    assert engine.follow(Filter(), resumed=True).take() == []
