"""Explanations of failed waits for deliveries, compared as whole lines."""

import random

import pytest
from support.builders import (
    ACCOUNT,
    CALL,
    CALLBACK,
    MESSAGE,
    OTHER_ACCOUNT,
    OTHER_CALL,
    SOME_TIME,
    account,
    subscription,
)

from emulator.engine.callbacks.deliveries import CallbackAttempt, CallbackDelivery, DeliveryFilter, DeliveryOutcome
from emulator.engine.callbacks.dispatcher import CallbackDispatcher
from emulator.engine.explain import deliveries
from emulator.engine.explain.deliveries import SHOWN, describe, explain
from emulator.engine.ids import IdGenerator
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.time_slices import Wakeups, finish
from emulator.engine.voice.call_legs import EndUserMessage

ANY = DeliveryFilter()


def callback_dispatcher(*subscribed: str) -> CallbackDispatcher:
    """Return a dispatcher with a subscription to each of these calls."""
    made = CallbackDispatcher(account(), IdGenerator(random.Random(0).randbytes), Wakeups(), first_number=1)
    for number, call_sid in enumerate(subscribed):
        made.subscriptions.add(subscription(id=f"{number:032x}", call_sid=call_sid))
    return made


def say(made: CallbackDispatcher, content: str = "{}", *, call_sid: str = CALL) -> list[CallbackDelivery]:
    """Dispatch an end user's message and return its deliveries."""
    last = made.deliveries.last_seq
    made.dispatch(EndUserMessage(ACCOUNT, call_sid, "alice", MESSAGE, content, "application/json"), SOME_TIME)
    return list(made.deliveries.select(DeliveryFilter(after=last)))


def lines(
    made: CallbackDispatcher, wanted: DeliveryFilter = ANY, *, end: WaitEnd = WaitEnd.TIMED_OUT, **bounds: int | None
) -> list[str]:
    bounds = bounds or {"at_least": 1}
    count = len(made.deliveries.select(wanted))
    wait = Waiter(wanted, bounds.get("at_least"), bounds.get("at_most"), count, None)
    return finish(explain(wait, end, made))


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"at_least": 1}, "wanted at least 1 delivery, 0 matched"),
        ({"at_least": 2}, "wanted at least 2 deliveries, 0 matched"),
        ({"at_most": 0}, "wanted at most 0 deliveries, 0 matched"),
        ({"at_least": 2, "at_most": 3}, "wanted at least 2 and at most 3 deliveries, 0 matched"),
    ],
)
def test_first_line_has_condition_and_count(bounds: dict[str, int], says: str) -> None:
    assert lines(callback_dispatcher(), **bounds)[0] == says


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (WaitEnd.RESET, "; the scope was reset while waiting"),
        (WaitEnd.STOPPED, "; the emulator stopped while waiting"),
        (WaitEnd.DECIDED, ""),
        (WaitEnd.TIMED_OUT, ""),
    ],
)
def test_first_line_has_the_end_reason(end: WaitEnd, says: str) -> None:
    assert lines(callback_dispatcher(), end=end)[0] == f"wanted at least 1 delivery, 0 matched{says}"


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (
            ANY,
            [
                "there is no subscription: create one before the end user sends a message",
                "the end user said nothing",
            ],
        ),
        (
            DeliveryFilter(call_sid=CALL),
            [
                f"there is no subscription of call {CALL}: create one before the end user sends a message",
                f"the end user of call {CALL} said nothing",
            ],
        ),
    ],
)
def test_missing_subscription_is_explained(wanted: DeliveryFilter, says: list[str]) -> None:
    assert lines(callback_dispatcher(), wanted)[1:] == says


@pytest.mark.parametrize(
    "wanted", [DeliveryFilter(call_sid=OTHER_CALL), DeliveryFilter(account_sid=OTHER_ACCOUNT), DeliveryFilter(after=9)]
)
def test_other_subscription_does_not_count(wanted: DeliveryFilter) -> None:
    lacks = "there is no subscription" in "\n".join(lines(callback_dispatcher(CALL), wanted))

    assert lacks == (wanted.after == 0)


@pytest.mark.parametrize(("times", "says"), [(0, "nothing"), (1, "1 message"), (2, "2 messages")])
def test_end_user_messages_are_counted(times: int, says: str) -> None:
    made = callback_dispatcher(OTHER_CALL)
    for _ in range(times):
        say(made)

    assert lines(made, DeliveryFilter(call_sid=CALL))[-1] == f"the end user of call {CALL} said {says}"


def test_near_miss_lists_what_it_lacks() -> None:
    made = callback_dispatcher(CALL)
    (delivery,) = say(made)

    assert lines(made, DeliveryFilter(outcome=DeliveryOutcome.FAILED, contains="x"))[-1] == (
        f"delivery {delivery.seq} of {MESSAGE} for call {CALL} to {CALLBACK} is pending: "
        "its outcome is pending, not failed; its content {} does not contain 'x'"
    )


def test_near_misses_are_ordered() -> None:
    made = callback_dispatcher(CALL, OTHER_CALL)
    for number in range(SHOWN):
        say(made, f"[{number}]")
    say(made, call_sid=OTHER_CALL)
    near = lines(made, DeliveryFilter(call_sid=CALL, contains="x"))[2:]

    assert [line.split()[1] for line in near] == ["5", "4", "3", "2", "1"]


def test_other_scopes_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deliveries, "LOOKED_AT", 2)
    made = callback_dispatcher(CALL, OTHER_CALL)
    say(made, "[1]")
    for _ in range(3):
        say(made, call_sid=OTHER_CALL)
    own = lines(made, DeliveryFilter(account_sid=ACCOUNT, call_sid=CALL, contains="x"))
    nobodys = lines(made, DeliveryFilter(account_sid=OTHER_ACCOUNT, call_sid="CA"))

    assert [line.split()[1] for line in own[2:]] == ["1", "4", "3"]
    assert nobodys[3:] == []


def test_match_is_not_a_near_miss() -> None:
    made = callback_dispatcher(CALL)
    say(made)

    assert len(lines(made, at_least=2)) == 2


@pytest.mark.parametrize(
    ("attempts", "outcome", "says"),
    [
        ([], None, "is pending"),
        ([CallbackAttempt(SOME_TIME, 0.1, 500, "the receiver answered 500")], None, "is pending"),
        ([CallbackAttempt(SOME_TIME, 0.1, 204)], DeliveryOutcome.DELIVERED, "was answered with 204"),
        ([], DeliveryOutcome.DELIVERED, "was delivered"),
        (
            [CallbackAttempt(SOME_TIME, 0.1, None, "Connection refused")],
            DeliveryOutcome.FAILED,
            "failed with 32711 (Connection refused)",
        ),
        ([CallbackAttempt(SOME_TIME, 0.1, 500)], DeliveryOutcome.FAILED, "failed with 32711 (500)"),
        ([], DeliveryOutcome.FAILED, "failed"),
    ],
)
def test_near_miss_shows_the_outcome(
    attempts: list[CallbackAttempt], outcome: DeliveryOutcome | None, says: str
) -> None:
    made = callback_dispatcher(CALL)
    (delivery,) = say(made)
    for attempt in attempts:
        made.deliveries.attempted(delivery, attempt)
    if outcome is not None:
        made.deliveries.settle(delivery, outcome)

    assert describe(delivery) == f"delivery 1 of {MESSAGE} for call {CALL} to {CALLBACK} {says}"
