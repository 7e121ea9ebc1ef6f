import asyncio
import gc
from itertools import chain

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    ACCOUNT,
    CALL,
    MESSAGE,
    OTHER_ACCOUNT,
    OTHER_CALL,
    arrive,
    exchange,
    make_engine,
    post,
    request,
    subscription,
)

from emulator.engine import events
from emulator.engine.callbacks.deliveries import DeliveryOutcome as Became
from emulator.engine.capacity import CapacityError
from emulator.engine.engine import Engine
from emulator.engine.events import MAX_BEHIND, Event, EventKind, Subscriber, events_of
from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.scope import Scope
from emulator.engine.time_slices import finish
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.wire import errors

FILTERS = st.builds(
    RequestFilter,
    account_sid=st.sampled_from([None, ACCOUNT, OTHER_ACCOUNT]),
    call_sid=st.sampled_from([None, CALL, OTHER_CALL]),
    contains=st.sampled_from([None, "1"]),
)
POSTS = st.tuples(
    st.sampled_from([ACCOUNT, OTHER_ACCOUNT]), st.sampled_from([CALL, OTHER_CALL]), st.sampled_from(["1", "2"])
)


def send(engine: Engine, posts: list[tuple[str, str, str]]) -> list[Exchange]:
    return [post(engine, content, account_sid=account, call_sid=call) for account, call, content in posts]


def told(exchanges: list[Exchange]) -> list[Event]:
    return list(chain.from_iterable(map(events_of, exchanges)))


def take(engine: Engine, reader: Subscriber) -> list[Event]:
    """Return all events available to a subscriber."""
    taken: list[Event] = []
    while events := finish(engine.events.read(reader)):
        taken += events
    return taken


async def is_woken(reader: Subscriber) -> bool:
    """Whether `reader.wait()` returns immediately."""
    waiting = asyncio.ensure_future(reader.wait())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    return bool(done) and waiting.result() is None


def test_message_causes_two_events() -> None:
    created = exchange(3)

    assert events_of(created) == [Event(EventKind.REQUEST, 3, created), Event(EventKind.MESSAGE, 3, created)]


@pytest.mark.parametrize("outcome", [outcome for outcome in Outcome if outcome is not Outcome.CREATED])
def test_refusal_causes_a_request_event(outcome: Outcome) -> None:
    other = exchange(3, outcome=outcome)

    assert events_of(other) == [Event(EventKind.REQUEST, 3, other)]


@given(st.lists(FILTERS, max_size=4), st.lists(POSTS))
def test_subscriber_gets_matches_in_order(wishes: list[RequestFilter], posts: list[tuple[str, str, str]]) -> None:
    engine = make_engine()
    readers = [engine.events.open(wanted) for wanted in wishes]
    sent = send(engine, posts)

    for reader in readers:
        assert take(engine, reader) == told([each for each in sent if reader.wanted.matches(each)])


@given(st.lists(POSTS), st.lists(POSTS), st.integers(0, 60), FILTERS)
def test_resumed_subscriber_misses_nothing(
    before: list[tuple[str, str, str]], later: list[tuple[str, str, str]], after: int, wanted: RequestFilter
) -> None:
    """It gets missed and new events, each once."""
    engine = make_engine()
    sent = send(engine, before)
    reader = engine.events.open(
        RequestFilter(account_sid=wanted.account_sid, call_sid=wanted.call_sid, contains=wanted.contains, after=after),
        resumed=True,
    )
    sent += send(engine, later)

    assert take(engine, reader) == told([each for each in sent if each.seq > after and wanted.matches(each)])


def test_new_subscriber_gets_new_events() -> None:
    engine = make_engine()
    post(engine)
    reader = engine.events.open(RequestFilter())

    assert not asyncio.run(is_woken(reader))
    assert take(engine, reader) == []


def test_refusals_cause_events() -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter(account_sid="AC1"))
    refused = engine.refuse(arrive(engine, "AC1", None), request(), errors.PATH_UNKNOWN)

    assert take(engine, reader) == [Event(EventKind.REQUEST, 1, refused)]


def test_subscriber_wakes_for_an_event() -> None:
    async def run() -> list[bool]:
        engine = make_engine()
        reader = engine.events.open(RequestFilter())
        states = [await is_woken(reader)]
        post(engine)
        states.append(await is_woken(reader))
        take(engine, reader)
        return [*states, await is_woken(reader)]

    assert asyncio.run(run()) == [False, True, False]


def test_lost_response_wakes_subscribers() -> None:
    async def play() -> None:
        engine = make_engine()
        reader, other = (
            engine.events.open(RequestFilter(call_sid=CALL)),
            engine.events.open(RequestFilter(call_sid=OTHER_CALL)),
        )
        arrived = arrive(engine)
        engine.client_left(arrived)
        await reader.wait()

        assert (arrived.was_left, take(engine, reader), take(engine, other)) == (True, [], [])
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await other.wait()

    asyncio.run(play())


def test_resumed_subscriber_is_awake() -> None:
    engine = make_engine()
    post(engine)

    assert asyncio.run(is_woken(engine.events.open(RequestFilter(), resumed=True)))


@pytest.mark.parametrize(
    ("scope", "hears"),
    [
        pytest.param(Scope(), True, id="everything"),
        pytest.param(Scope(ACCOUNT), True, id="its account"),
        pytest.param(Scope(ACCOUNT, OTHER_CALL), True, id="a call of its account"),
        pytest.param(Scope(OTHER_ACCOUNT), False, id="another account"),
    ],
)
def test_reset_reaches_matching_subscribers(scope: Scope, *, hears: bool) -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter(account_sid=ACCOUNT))
    post(engine, account_sid=OTHER_ACCOUNT)
    engine.reset(scope)

    assert take(engine, reader) == ([Event(EventKind.RESET, 1, scope)] if hears else [])


def test_reset_event_keeps_its_position() -> None:
    """It precedes later events, and removed exchanges are not read."""
    engine = make_engine()
    reader = engine.events.open(RequestFilter())
    other = post(engine, account_sid=OTHER_ACCOUNT)
    post(engine)
    engine.reset(Scope(ACCOUNT))
    second = post(engine)

    assert take(engine, reader) == [*events_of(other), Event(EventKind.RESET, 2, Scope(ACCOUNT)), *events_of(second)]


def test_lagging_subscriber_is_dropped_alone() -> None:
    """Other subscribers are not affected."""
    engine = make_engine()
    slow, quick = engine.events.open(RequestFilter()), engine.events.open(RequestFilter())
    seen = []
    for _ in range(MAX_BEHIND + 1):
        engine.refuse(arrive(engine), request(), errors.PATH_UNKNOWN)
        seen += take(engine, quick)

    assert (slow.lagged.is_set(), slow.ended, slow.is_behind, asyncio.run(is_woken(slow))) == (True, True, False, True)
    assert (quick.ended, len(seen)) == (False, MAX_BEHIND + 1)


def test_subscriber_may_lag_up_to_the_limit() -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter())
    for _ in range(MAX_BEHIND // 2):
        post(engine)

    assert not reader.ended
    assert not reader.lagged.is_set()
    assert len(take(engine, reader)) == MAX_BEHIND


def test_evicted_exchanges_are_released() -> None:
    engine = make_engine(journal_limit=1)
    readers = [engine.events.open(RequestFilter(), resumed=True) for _ in range(3)]
    evicted = post(engine)
    kept = post(engine)
    gc.collect()

    assert gc.get_referrers(evicted) == []  # variables of a frame are not referrers
    assert [take(engine, reader) for reader in readers] == [events_of(kept)] * 3


def test_dropped_notes_overflow_a_subscriber() -> None:
    engine = make_engine()
    engine.memory["event_notes"].max_entries = 2
    slow, other = (
        engine.events.open(RequestFilter(call_sid=CALL)),
        engine.events.open(RequestFilter(call_sid=OTHER_CALL)),
    )
    engine.reset(Scope(call_sid=CALL))
    for _ in range(2):
        engine.reset(Scope(call_sid=OTHER_CALL))

    assert (len(take(engine, slow)), slow.lagged.is_set()) == (0, True)
    assert (len(take(engine, other)), other.lagged.is_set()) == (2, False)


def test_notes_per_read_are_limited() -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter(), resumed=True)
    first = post(engine)
    for number in range(5):
        engine.reset(Scope(call_sid=f"CA{number}"))
    second = post(engine)
    batches = [finish(engine.events.read(reader, 2)) for _ in range(4)]
    resets = [Event(EventKind.RESET, 1, Scope(call_sid=f"CA{number}")) for number in range(5)]

    assert batches == [[*events_of(first), *resets[:2]], resets[2:4], [resets[4], *events_of(second)], []]
    assert not reader.is_behind


def test_bytes_per_read_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter(), resumed=True)
    sent = [post(engine) for _ in range(4)]
    monkeypatch.setattr(events, "READ_BYTES", 2 * sent[0].size)
    batches = [finish(engine.events.read(reader)) for _ in range(3)]

    assert batches == [told(sent[:3]), told(sent[3:]), []]


def test_notes_are_counted_and_evicted() -> None:
    engine = make_engine(memory_limit=1024**2)
    for number in range(100):
        engine.reset(Scope(call_sid=f"{number}".ljust(60_000, "x")))
    notes = engine.memory["event_notes"]

    assert (notes.entries, len(engine.events._notes)) == (1, 1)
    assert notes.bytes > 60_000


def test_evicted_delivery_is_not_read() -> None:
    engine = make_engine(deliveries_limit=1)
    engine.callback_dispatcher.subscriptions.add(subscription())
    reader = engine.events.open(RequestFilter())
    for _ in range(2):
        engine.receive_end_user_message(EndUserMessage(ACCOUNT, CALL, "alice", MESSAGE, "{}", "application/json"))
    (kept,) = engine.callback_dispatcher.deliveries

    assert [event.about for event in take(engine, reader)] == [kept]


def test_page_leaves_later_notes() -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter())
    sent = [post(engine), post(engine)]
    engine.reset(Scope(OTHER_ACCOUNT))
    first = finish(engine.events.read(reader, 1))

    assert (first, reader.is_behind) == (events_of(sent[0]), True)
    assert take(engine, reader) == [*events_of(sent[1]), Event(EventKind.RESET, 2, Scope(OTHER_ACCOUNT))]
    assert not reader.is_behind


def test_stop_ends_subscribers_after_a_read() -> None:
    engine = make_engine()
    reader = engine.events.open(RequestFilter())
    sent = post(engine)
    engine.stop()

    assert reader.ended
    assert asyncio.run(is_woken(reader))
    assert take(engine, reader) == events_of(sent)
    assert not reader.lagged.is_set()


def test_closed_subscriber_gets_nothing() -> None:
    engine = make_engine()
    reader, other = engine.events.open(RequestFilter(call_sid=CALL)), engine.events.open(RequestFilter(call_sid=CALL))
    engine.events.close(reader)
    post(engine)

    assert (len(engine.events), reader.behind) == (1, 0)
    assert len(take(engine, other)) == 2


def test_number_of_subscribers_is_limited() -> None:
    engine = make_engine()
    readers = [engine.events.open(RequestFilter()) for _ in range(1000)]

    with pytest.raises(CapacityError) as caught:
        engine.events.open(RequestFilter())

    assert str(caught.value) == "event_streams reached: at most 1000; close some first"
    engine.events.close(readers[0])
    assert engine.events.open(RequestFilter())


def test_resumed_subscriber_gets_resets() -> None:
    engine = make_engine()
    first = post(engine)
    engine.reset(Scope(call_sid=CALL))
    engine.reset(Scope(call_sid=OTHER_CALL))
    reader = engine.events.open(RequestFilter(call_sid=CALL, after=first.seq), resumed=True)

    assert [(event.kind, event.about) for event in take(engine, reader)] == [(EventKind.RESET, Scope(call_sid=CALL))]


# --- deliveries


@pytest.mark.parametrize(
    ("wanted", "hears"),
    [
        (RequestFilter(), True),
        (RequestFilter(account_sid=ACCOUNT, call_sid=CALL), True),
        (RequestFilter(account_sid=ACCOUNT, after=100), True),
        (RequestFilter(account_sid=OTHER_ACCOUNT), False),
        (RequestFilter(call_sid=OTHER_CALL), False),
        (RequestFilter(contains="{"), False),
        (RequestFilter(outcome=Outcome.CREATED), False),
        (RequestFilter(idempotency_key="k"), False),
    ],
)
def test_delivery_events_show_each_state(wanted: RequestFilter, *, hears: bool) -> None:
    engine = make_engine()
    engine.callback_dispatcher.subscriptions.add(subscription())
    post(engine, account_sid=OTHER_ACCOUNT, call_sid=OTHER_CALL)
    reader = engine.events.open(wanted)
    engine.receive_end_user_message(EndUserMessage(ACCOUNT, CALL, "alice", MESSAGE, "{}", "application/json"))
    (delivery,) = engine.callback_dispatcher.deliveries
    engine.callback_dispatcher.deliveries.settle(delivery, Became.DELIVERED)

    assert take(engine, reader) == [Event(EventKind.DELIVERY, 1, delivery)] * 2 * hears


def test_resume_does_not_repeat_deliveries() -> None:
    engine = make_engine()
    engine.callback_dispatcher.subscriptions.add(subscription())
    engine.receive_end_user_message(EndUserMessage(ACCOUNT, CALL, "alice", MESSAGE, "{}", "application/json"))

    assert take(engine, engine.events.open(RequestFilter(), resumed=True)) == []
