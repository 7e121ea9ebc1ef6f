"""Dispatch of end users' messages: to each subscription of the call, once and in order, whatever else happens."""

import random
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    ACCOUNT,
    CALL,
    OTHER_ACCOUNT,
    OTHER_CALL,
    SOME_TIME,
    account,
    arrive,
    make_engine,
    request,
    subscription,
)
from support.voice import KX

from emulator.engine.callbacks.deliveries import CallbackDelivery, DeliveryFilter
from emulator.engine.callbacks.dispatcher import CallbackDispatcher
from emulator.engine.engine import Engine
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Scope
from emulator.engine.time_slices import Wakeups
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.engine.voice.clients import ClientConnection
from emulator.wire.errors import CALL_FOREIGN, CALL_NOT_ACTIVE, TwilioError
from emulator.wire.paths import Target
from emulator.wire.signalling import client_frames
from emulator.wire.subscriptions import RESOURCE, NewSubscription


def callback_dispatcher(
    *, first_number: int = 1, limit: int = 100
) -> tuple[CallbackDispatcher, list[CallbackDelivery]]:
    """Return a dispatcher and the list of callbacks that it sends."""
    made: list[CallbackDelivery] = []
    kept = CallbackDispatcher(
        account(deliveries=limit), IdGenerator(random.Random(0).randbytes), Wakeups(), first_number=first_number
    )
    kept.connect_sender(made.append, lambda _: None)
    return kept, made


def said(content: str = "{}", *, account_sid: str | None = ACCOUNT, call_sid: str = CALL) -> EndUserMessage:
    return EndUserMessage(account_sid, call_sid, "alice", KX, content, "application/json")


def subscribe(kept: CallbackDispatcher, number: int, **given: Any) -> str:  # noqa: ANN401  fields of the subscription
    made = subscription(id=f"{number:032x}", **given)
    kept.subscriptions.add(made)
    return made.sid


def test_subscriptions_notified_in_order() -> None:
    kept, made = callback_dispatcher()
    first, second = subscribe(kept, 1), subscribe(kept, 2, method="GET")
    subscribe(kept, 3, call_sid=OTHER_CALL)
    saying = kept.dispatch(said("[1]"), SOME_TIME)

    assert [(each.subscription_sid, each.method) for each in made] == [(first, "POST"), (second, "GET")]
    assert (saying.sequence_number, saying.notified, saying.at) == (1, 2, SOME_TIME)
    notice = made[0].notice
    assert (notice.account_sid, notice.call_sid, notice.content, notice.sid) == (ACCOUNT, CALL, "[1]", KX)
    assert (notice.content_type, notice.sequence_number, notice.sent_at) == ("application/json", 1, SOME_TIME)
    assert list(kept.deliveries.select(DeliveryFilter())) == made


def test_call_account_limits_notifications() -> None:
    """A call without an account notifies all subscriptions."""
    kept, made = callback_dispatcher()
    subscribe(kept, 1)
    subscribe(kept, 2, account_sid=OTHER_ACCOUNT)
    kept.dispatch(said(account_sid=OTHER_ACCOUNT), SOME_TIME)
    kept.dispatch(said(account_sid=None), SOME_TIME)

    assert [each.notice.account_sid for each in made] == [OTHER_ACCOUNT, ACCOUNT, OTHER_ACCOUNT]
    assert len({each.idempotency_token for each in made}) == 3


@pytest.mark.parametrize("first", [0, 1])
def test_unsubscribed_messages_are_numbered(first: int) -> None:
    kept, made = callback_dispatcher(first_number=first)
    kept.dispatch(said(), SOME_TIME)
    subscribe(kept, 1)
    kept.dispatch(said(), SOME_TIME)
    kept.dispatch(said(call_sid=OTHER_CALL), SOME_TIME)

    assert [saying.sequence_number for saying in kept.end_user_messages] == [first, first + 1, first]
    assert [each.notice.sequence_number for each in made] == [first + 1]
    assert [saying.notified for saying in kept.end_user_messages] == [0, 1, 0]


def test_deliveries_pend_without_a_sender() -> None:
    kept = CallbackDispatcher(account(), IdGenerator(random.Random(0).randbytes), Wakeups(), first_number=1)
    subscribe(kept, 1)
    kept.dispatch(said(), SOME_TIME)

    assert [each.outcome for each in kept.deliveries.select(DeliveryFilter())] == ["pending"]


@pytest.mark.parametrize(
    ("scope", "gone"),
    [
        (Scope(), (2, 2)),
        (Scope(ACCOUNT), (1, 1)),
        (Scope(None, CALL), (2, 2)),
        (Scope(None, OTHER_CALL), (0, 0)),
    ],
)
def test_reset_removes_messages_of_its_scope(scope: Scope, gone: tuple[int, int]) -> None:
    kept, made = callback_dispatcher()
    subscribe(kept, 1)
    subscribe(kept, 2, account_sid=OTHER_ACCOUNT)
    kept.dispatch(said(account_sid=None), SOME_TIME)

    assert kept.reset(scope) == {"subscriptions": gone[0], "deliveries": gone[1]}
    assert sum(each.was_reset for each in made) == gone[1]
    assert len(kept.subscriptions) == 2 - gone[0]
    whole_call = scope in (Scope(), Scope(None, CALL))
    assert len(kept.end_user_messages) == (0 if whole_call else 1)
    assert kept.dispatch(said(account_sid=None), SOME_TIME).sequence_number == (1 if whole_call else 2)


def test_evicted_delivery_is_still_sent() -> None:
    kept, made = callback_dispatcher(limit=1)
    subscribe(kept, 1)
    for _ in range(3):
        kept.dispatch(said(), SOME_TIME)

    assert [each.notice.sequence_number for each in made] == [1, 2, 3]
    assert (len(kept.deliveries), kept.deliveries.evicted) == (1, 2)


# --- property: any sequence of operations


ACCOUNTS = (ACCOUNT, OTHER_ACCOUNT)
PLACES = (None, ACCOUNT, OTHER_ACCOUNT)
"""Account of each Voice SDK call; None = every account."""


@dataclass
class World:
    """The engine, clients in calls to simulated callees, and the expected results."""

    engine: Engine = field(default_factory=make_engine)
    made: list[CallbackDelivery] = field(default_factory=list)
    lines: list[ClientConnection] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    subscribed: list[tuple[str, str, str]] = field(default_factory=list)
    numbers: dict[tuple[str | None, str], int] = field(default_factory=dict)
    expected: list[tuple[str, str, int]] = field(default_factory=list)
    was_reset: list[bool] = field(default_factory=list)
    known: dict[str, str | None] = field(default_factory=dict)
    talking: set[str] = field(default_factory=set)
    aliases: int = 0

    def __post_init__(self) -> None:
        self.engine.callback_dispatcher.connect_sender(self.made.append, lambda _: None)
        for number, account_sid in enumerate(PLACES):
            self.lines.append(ClientConnection())
            self.engine.call_controller.connect(self.lines[number], identity=f"user{number}", account_sid=account_sid)
            self.calls.append("")
            self.call(number)

    def call(self, which: int) -> None:
        self.aliases += 1
        alias, line = f"TJS{self.aliases}", self.lines[which]
        self.engine.call_controller.invite(line, client_frames.ClientInvite(call_sid=alias, sdp="", parameters={}))
        self.calls[which] = line.aliases[alias]
        self.known[self.calls[which]] = PLACES[which]
        self.talking.add(self.calls[which])

    def hang_up(self, which: int) -> None:
        self.engine.call_controller.hang_up(self.lines[which], self.calls[which])
        self.talking.discard(self.calls[which])

    def subscribe(self, account_sid: str, which: int) -> None:
        call_sid = self.calls[which]
        new = NewSubscription(f"http://localhost/{len(self.subscribed)}", "POST", None)
        is_over = call_sid in self.known and call_sid not in self.talking
        is_anothers = self.known.get(call_sid) not in (None, account_sid)
        arrival = arrive(self.engine, account_sid, call_sid)
        if is_over or is_anothers:
            with pytest.raises(TwilioError) as refused:
                self.engine.create(arrival, request(), new)
            assert refused.value.problem is (CALL_FOREIGN if is_anothers else CALL_NOT_ACTIVE)
        else:
            made = self.engine.create(arrival, request(), new).made
            assert made is not None
            self.subscribed.append((account_sid, call_sid, made.sid))

    def unsubscribe(self, which: int) -> None:
        if which < len(self.subscribed):
            account_sid, call_sid, sid = self.subscribed.pop(which)
            target = Target(account_sid, call_sid, RESOURCE, sid)
            self.engine.delete(arrive(self.engine, account_sid, call_sid), request(), target)

    def say(self, which: int) -> None:
        call_sid, account_sid = self.calls[which], PLACES[which]
        frame = client_frames.ClientMessage(
            call_sid=call_sid,
            sid=KX,
            content="{}",
            content_type="application/json",
            message_type="user-defined-message",
        )
        self.engine.call_controller.receive_message(self.lines[which], frame)
        if call_sid in self.talking:
            number = self.numbers.get((account_sid, call_sid), 1)
            self.numbers[account_sid, call_sid] = number + 1
            told = [one for one in self.subscribed if one[1] == call_sid and account_sid in (None, one[0])]
            self.expected += [(sid, call_sid, number) for _, _, sid in told]
            self.was_reset += [False] * len(told)

    def reset(self, account_sid: str | None, which: int | None) -> None:
        scope = Scope(account_sid, None if which is None else self.calls[which])
        forgotten = self.engine.reset(scope)
        gone = [one for one in self.subscribed if scope.covers(one[0], one[1])]
        assert forgotten["subscriptions"] == len(gone)
        self.subscribed = [one for one in self.subscribed if one not in gone]
        over = {sid for sid, owner in self.known.items() if scope.owns(owner, sid)}
        self.known = {sid: owner for sid, owner in self.known.items() if sid not in over}
        self.talking -= over
        self.numbers = {owners: next_ for owners, next_ in self.numbers.items() if not scope.owns(*owners)}
        covered = [scope.covers(*delivery.owners) for delivery in self.made]
        assert forgotten["deliveries"] == sum(covered) - sum(
            is_covered and was for is_covered, was in zip(covered, self.was_reset, strict=True)
        )
        self.was_reset = [was or is_covered for is_covered, was in zip(covered, self.was_reset, strict=True)]


USERS = st.integers(0, len(PLACES) - 1)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("subscribe"), st.sampled_from(ACCOUNTS), USERS),
        st.tuples(st.just("unsubscribe"), st.integers(0, 5)),
        st.tuples(st.just("say"), USERS),
        st.tuples(st.just("say"), USERS),
        st.tuples(st.just("hang_up"), USERS),
        st.tuples(st.just("call"), USERS),
        st.tuples(st.just("reset"), st.none() | st.sampled_from(ACCOUNTS), st.none() | USERS),
    ),
    max_size=40,
)


@given(STEPS)
def test_every_notification_is_sent_once(
    steps: list[tuple[Any, ...]],
) -> None:
    world = World()
    for name, *values in steps:
        getattr(world, name)(*values)

    seen = [(one.subscription_sid, one.notice.call_sid, one.notice.sequence_number) for one in world.made]
    assert seen == world.expected
    assert [one.seq for one in world.made] == list(range(1, len(world.made) + 1))
    assert [one.was_reset for one in world.made] == world.was_reset
    kept = [one for one, was_reset in zip(world.made, world.was_reset, strict=True) if not was_reset]
    assert list(world.engine.callback_dispatcher.deliveries.select(DeliveryFilter())) == kept
    assert {leg.call_sid for leg in world.engine.call_controller.legs} == world.talking
    assert [one.sid for one in world.engine.callback_dispatcher.subscriptions] == [
        sid for _, _, sid in world.subscribed
    ]
