import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from support.builders import (
    ACCOUNT,
    CALL,
    CALLBACK,
    MESSAGE,
    OTHER_ACCOUNT,
    OTHER_CALL,
    SOME_TIME,
    SUBSCRIPTION,
    make_engine,
    notice,
    subscription,
)

from emulator.engine.callbacks.deliveries import (
    CallbackAttempt,
    CallbackDelivery,
    Deliveries,
    DeliveryFilter,
    DeliveryOutcome,
)
from emulator.engine.capacity import Capacity, MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.engine.time_slices import Wakeups

ANY = DeliveryFilter()
OK = CallbackAttempt(SOME_TIME, 0.25, status=200)


class Kept(Deliveries):
    """A store of deliveries created with default values."""

    def __init__(self, *, limit: int = 100, max_bytes: int = 1_000_000) -> None:
        super().__init__(MemoryAccount(capacities={"deliveries": Capacity(limit, max_bytes)}), Wakeups())
        self._ids = IdGenerator(random.Random(0).randbytes)

    def make(self, **given: Any) -> CallbackDelivery:  # noqa: ANN401  fields of the payload
        return self.open(subscription(), notice(**given), ids=self._ids, now=SOME_TIME)


def test_new_delivery_is_pending() -> None:
    delivery = Kept().make()

    assert (delivery.seq, delivery.outcome, delivery.attempts, delivery.code) == (1, DeliveryOutcome.PENDING, [], None)
    assert (delivery.subscription_sid, delivery.method, delivery.callback) == (SUBSCRIPTION, "POST", CALLBACK)
    assert (delivery.notice, delivery.created_at) == (notice(), SOME_TIME)
    assert len(delivery.id) == 32


def test_deliveries_have_unique_id_and_token() -> None:
    kept = Kept()
    one, other = kept.make(), kept.make()

    assert (one.seq, other.seq) == (1, 2)
    assert one.id != other.id
    assert one.idempotency_token != other.idempotency_token
    assert kept.get(one.id) is one
    assert kept.get("0" * 32) is None


@pytest.mark.parametrize(("outcome", "code"), [(DeliveryOutcome.DELIVERED, None), (DeliveryOutcome.FAILED, 32711)])
def test_settled_delivery_has_an_outcome(outcome: DeliveryOutcome, code: int | None) -> None:
    kept = Kept()
    delivery = kept.make()
    kept.attempted(delivery, OK)
    kept.settle(delivery, outcome)

    assert (delivery.attempts, delivery.outcome, delivery.code) == ([OK], outcome, code)


def test_listeners_get_every_change() -> None:
    kept = Kept()
    heard: list[tuple[int, int, DeliveryOutcome]] = []
    kept.listeners.append(lambda told: heard.append((told.seq, len(told.attempts), told.outcome)))
    delivery = kept.make()
    kept.attempted(delivery, OK)
    kept.settle(delivery, DeliveryOutcome.DELIVERED)

    assert heard == [
        (1, 0, DeliveryOutcome.PENDING),
        (1, 1, DeliveryOutcome.PENDING),
        (1, 1, DeliveryOutcome.DELIVERED),
    ]


@pytest.mark.parametrize(
    ("wanted", "lacks"),
    [
        (ANY, []),
        (DeliveryFilter(account_sid=ACCOUNT, call_sid=CALL, subscription_sid=SUBSCRIPTION, message_sid=MESSAGE), []),
        (
            DeliveryFilter(
                outcome=DeliveryOutcome.PENDING, after=0, content=JsonSubset({"key": "value"}), contains="alu"
            ),
            [],
        ),
        (DeliveryFilter(account_sid=OTHER_ACCOUNT), ["account_sid"]),
        (DeliveryFilter(call_sid=OTHER_CALL), ["call_sid"]),
        (DeliveryFilter(subscription_sid="ZY"), ["subscription_sid"]),
        (DeliveryFilter(message_sid="KX"), ["message_sid"]),
        (DeliveryFilter(outcome=DeliveryOutcome.FAILED), ["outcome"]),
        (DeliveryFilter(after=1), ["after"]),
        (DeliveryFilter(content=JsonSubset({"key": 1}), contains="x"), ["contains", "content"]),
    ],
)
def test_filter_matches_without_differences(wanted: DeliveryFilter, lacks: list[str]) -> None:
    kept = Kept()
    delivery = kept.make()

    assert [mismatch.what for mismatch in wanted.mismatches(delivery)] == lacks
    assert wanted.matches(delivery) == (not lacks)
    assert len(kept.select(wanted)) == (not lacks)


def test_deliveries_by_call_newest_first() -> None:
    """Deliveries are found by call, and read from the newest."""
    kept = Kept()
    for number in range(5):
        kept.make(call_sid=[CALL, OTHER_CALL][number % 2])

    assert [each.seq for each in kept.select(ANY)] == [1, 2, 3, 4, 5]
    assert [each.seq for each in kept.newest(2)] == [5, 4]
    assert [each.seq for each in kept.select(DeliveryFilter(call_sid=CALL))] == [1, 3, 5]
    assert kept.select(DeliveryFilter(call_sid="CA")) == []


def test_oldest_are_evicted_by_count() -> None:
    kept = Kept(limit=2)
    made = [kept.make(call_sid=call_sid) for call_sid in (CALL, OTHER_CALL, OTHER_CALL)]

    assert list(kept.select(ANY)) == made[1:]
    assert list(kept.select(DeliveryFilter(call_sid=CALL))) == []
    assert (len(kept), kept.evicted, kept.last_seq) == (2, 1, 3)


def test_oldest_are_evicted_by_bytes() -> None:
    kept = Kept(max_bytes=20_000)
    for length in (100, 100, 12_000, 40_000, 100):
        kept.make(content="x" * length)
        assert sum(each.size for each in kept.select(ANY)) <= 20_000 or len(kept) == 1

    assert [each.seq for each in kept.select(ANY)] == [5]
    assert kept.evicted == 4


def test_repeated_id_is_the_newest() -> None:
    kept = Kept()
    ids = IdGenerator(random.Random(0).randbytes, seed=1)
    kept.open(subscription(), notice(), ids=ids, now=SOME_TIME)
    ids.reset()
    newest = kept.open(subscription(), notice(call_sid=OTHER_CALL), ids=ids, now=SOME_TIME)

    assert list(kept.select(ANY)) == [newest]
    assert list(kept.select(DeliveryFilter(call_sid=CALL))) == []


@pytest.mark.parametrize(
    ("scope", "left"),
    [(Scope(), []), (Scope(ACCOUNT), [3]), (Scope(None, CALL), [2]), (Scope(ACCOUNT, OTHER_CALL), [1, 3])],
)
def test_reset_removes_its_scope(scope: Scope, left: list[int]) -> None:
    kept = Kept()
    kept.make()
    kept.make(call_sid=OTHER_CALL)
    kept.make(account_sid=OTHER_ACCOUNT)

    assert kept.reset(scope) == 3 - len(left)
    assert [each.seq for each in kept.select(ANY)] == left


def test_full_reset_clears_the_evicted_count() -> None:
    kept = Kept(limit=1)
    kept.make()
    kept.make()
    kept.reset(Scope(ACCOUNT))

    assert kept.evicted == 1
    kept.reset(Scope())
    assert (kept.evicted, kept.last_seq) == (0, 2)


def test_removed_delivery_notifies_nobody() -> None:
    kept = Kept()
    delivery = kept.make()
    kept.reset(Scope(ACCOUNT))
    heard: list[CallbackDelivery] = []
    kept.listeners.append(heard.append)
    kept.attempted(delivery, OK)
    kept.settle(delivery, DeliveryOutcome.DELIVERED)

    assert (delivery.was_reset, delivery.outcome, heard) == (True, DeliveryOutcome.DELIVERED, [])


def waits_for(kept: Kept, wanted: DeliveryFilter, **bounds: int | None) -> Waiter[DeliveryFilter]:
    return kept.waits.begin(wanted, **bounds, count=len(kept.select(wanted)))


def in_loop(play: Callable[[], None]) -> None:
    """Run a function in an event loop, which waits need."""

    async def run() -> None:
        play()

    asyncio.run(run())


def test_wait_ends_when_enough_are_delivered() -> None:
    def play() -> None:
        kept = Kept()
        one, other = kept.make(), kept.make()
        wait = waits_for(kept, DeliveryFilter(outcome=DeliveryOutcome.DELIVERED), at_least=2, at_most=None)
        kept.settle(one, DeliveryOutcome.DELIVERED)

        assert (wait.count, wait.over.done()) == (1, False)
        kept.settle(other, DeliveryOutcome.DELIVERED)
        assert (wait.count, wait.over.result()) == (2, WaitEnd.DECIDED)

    in_loop(play)


def test_watch_of_pending_counts_down() -> None:
    def play() -> None:
        kept = Kept()
        first = kept.make()
        watch = waits_for(kept, DeliveryFilter(outcome=DeliveryOutcome.PENDING), at_least=None, at_most=1)
        kept.settle(first, DeliveryOutcome.DELIVERED)

        assert watch.count == 0
        kept.make()
        second = kept.make()
        assert (watch.count, watch.over.result()) == (2, WaitEnd.DECIDED)
        kept.settle(second, DeliveryOutcome.FAILED)
        assert watch.count == 2  # the deciding count stays

    in_loop(play)


def test_settled_delivery_counts_once() -> None:
    def play() -> None:
        kept = Kept()
        wait = waits_for(kept, ANY, at_least=1, at_most=None)
        delivery = kept.make()
        kept.settle(delivery, DeliveryOutcome.DELIVERED)
        kept.settle(kept.make(call_sid=OTHER_CALL), DeliveryOutcome.FAILED)

        assert (wait.count, wait.over.result(), wait.satisfied) == (2, WaitEnd.DECIDED, True)
        kept.waits.end_wait(wait)
        assert len(kept.waits) == 0

    in_loop(play)


@pytest.mark.parametrize("scope", [Scope(), Scope(ACCOUNT), Scope(call_sid=CALL), Scope(ACCOUNT, CALL)])
@pytest.mark.parametrize("wanted", [ANY, DeliveryFilter(account_sid=ACCOUNT), DeliveryFilter(call_sid=CALL)])
def test_reset_ends_waits_of_its_scope(scope: Scope, wanted: DeliveryFilter) -> None:
    def play() -> None:
        engine = make_engine()
        made = engine.callback_dispatcher.deliveries.open(subscription(), notice(), ids=engine.ids, now=SOME_TIME)
        wait = engine.callback_dispatcher.deliveries.waits.begin(wanted, at_least=2, at_most=None)
        engine.reset(scope)

        assert (made.was_reset, wait.end) == (True, WaitEnd.RESET)

    in_loop(play)
