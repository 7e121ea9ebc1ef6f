import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    ACCOUNT,
    CALL,
    CALLBACK,
    OTHER_ACCOUNT,
    OTHER_CALL,
    SOME_TIME,
    Time,
    arrive,
    call,
    make_engine,
    notice,
    post,
    request,
    subscription,
)

from emulator.endpoints.exchange_response import head_of, reply_of
from emulator.engine.callbacks.deliveries import DeliveryFilter
from emulator.engine.config import OnMismatch, Unregistered
from emulator.engine.engine import Engine
from emulator.engine.events import Subscriber
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.rules import FaultEffect, FaultRuleSpec, Match
from emulator.engine.journal.exchange import Exchange, Outcome, pack
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.waits import MessageWaiter, WaitEnd
from emulator.engine.scope import Scope
from emulator.engine.state.calls import Leg, RegisteredCall, Status
from emulator.engine.state.schemas import OnFailure, Schema
from emulator.engine.time_slices import Window, finish
from emulator.engine.voice.clients import ClientConnection
from emulator.wire import errors, sids
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.messages import NewMessage
from emulator.wire.paths import Target
from emulator.wire.signalling import client_frames
from emulator.wire.subscriptions import RESOURCE, NewSubscription

EVERYTHING = RequestFilter()


def refusal(engine: Engine, *args: str, **kwargs: str | None) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        post(engine, *args, **kwargs)
    return caught.value


def test_message_is_created_from_a_request() -> None:
    engine = make_engine()
    exchange = engine.create(arrive(engine), request(), NewMessage("[1]", "k", ("content-not-an-object",)))

    message = exchange.created
    assert (message.account_sid, message.call_sid) == (ACCOUNT, CALL)
    assert (exchange.content, message.idempotency_key, message.notes) == ("[1]", "k", ("content-not-an-object",))
    assert (message.date_created, message.replays) == (SOME_TIME, 0)


def test_sid_has_the_hex_of_the_request_id() -> None:
    exchange = post(make_engine())

    assert sids.is_sid("KX", exchange.message.sid)
    assert exchange.request_id == "RQ" + exchange.message.sid[2:]


def test_exchange_ids_are_unique() -> None:
    engine = make_engine()
    exchanges = [
        post(engine, key="k"),
        post(engine, key="k"),
        post(engine),
        engine.refuse(arrive(engine), request(), errors.PATH_UNKNOWN),
        engine.preflight(arrive(engine), request()),
    ]
    ids = {each.request_id for each in exchanges} | {engine.new_request_id()}

    assert len(ids) == 6
    assert all(sids.is_sid("RQ", each) for each in ids)


def test_exchanges_are_journalled_in_order() -> None:
    engine = make_engine()
    exchanges = [
        post(engine, key="k"),
        post(engine, key="k"),
        post(engine, "[]", key="k"),
        engine.refuse(arrive(engine), request(), errors.PATH_UNKNOWN, "no such thing"),
        engine.preflight(arrive(engine), request()),
    ]

    assert list(engine.journal.requests(EVERYTHING)) == exchanges
    assert [each.seq for each in exchanges] == [1, 2, 3, 4, 5]
    assert [each.outcome for each in exchanges] == [
        Outcome.CREATED,
        Outcome.REPLAYED,
        Outcome.MISMATCH,
        Outcome.REFUSED,
        Outcome.PREFLIGHT,
    ]


def test_refused_request_has_rule_and_reason() -> None:
    engine = make_engine()
    asked, arrived = request(), arrive(engine, "AC123", None)
    exchange = engine.refuse(arrived, asked, errors.PATH_UNKNOWN, "no such thing")

    assert (exchange.problem, exchange.reason, exchange.message) == (errors.PATH_UNKNOWN, "no such thing", None)
    assert (exchange.request, exchange.context) == (asked, arrived)
    assert list(engine.journal.requests(RequestFilter(account_sid="AC123"))) == [exchange]


def test_same_key_replays_and_counts() -> None:
    engine = make_engine()
    first, second, third = (post(engine, key="k") for _ in range(3))

    assert first.message is second.message is third.message
    assert reply_of(first) == reply_of(second) == reply_of(third)
    assert first.message.replays == 2
    assert len(engine.journal.messages(EVERYTHING)) == 1


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"key": "K"}, id="another key"),
        pytest.param({"key": "k", "call_sid": OTHER_CALL}, id="another call"),
        pytest.param({"key": "k", "account_sid": OTHER_ACCOUNT}, id="another account"),
        pytest.param({"key": None}, id="no key"),
    ],
)
def test_key_belongs_to_account_and_call(other: dict[str, str | None]) -> None:
    engine = make_engine()
    first, second = post(engine, key="k"), post(engine, **other)

    assert second.outcome is Outcome.CREATED
    assert second.message.sid != first.message.sid


def test_without_key_each_request_creates() -> None:
    engine = make_engine()
    sent = {post(engine).message.sid for _ in range(3)}

    assert len(sent) == 3


def test_other_content_is_a_marked_replay() -> None:
    engine = make_engine()
    first, second = post(engine, '{"a": 1}', key="k"), post(engine, '{"a":1}', key="k")

    assert second.outcome is Outcome.MISMATCH
    assert reply_of(second) == reply_of(first)
    assert first.content == '{"a": 1}'
    assert first.message.replays == 1


def test_other_content_is_refused_by_option() -> None:
    engine = make_engine(idempotency_mismatch=OnMismatch.REJECT)
    first = post(engine, "{}", key="k")
    error = refusal(engine, "[]", key="k")

    assert error.problem is errors.KEY_CONFLICT
    assert first.message.sid in (error.reason or "")
    assert first.message.replays == 0


def test_same_content_replays_despite_reject() -> None:
    engine = make_engine(idempotency_mismatch=OnMismatch.REJECT)
    post(engine, "{}", key="k")

    assert post(engine, "{}", key="k").outcome is Outcome.REPLAYED


@pytest.mark.parametrize(("later", "outcome"), [(59, Outcome.REPLAYED), (60, Outcome.CREATED)])
def test_key_expires(later: float, outcome: Outcome) -> None:
    time = Time()
    engine = make_engine(time, idempotency_ttl=60)
    post(engine, key="k")
    time.now += later

    assert post(engine, key="k").outcome is outcome


def test_oldest_key_is_evicted() -> None:
    engine = make_engine(idempotency_limit=2)
    for key in "abc":
        post(engine, key=key)

    assert [post(engine, key=key).outcome for key in "ca"] == [Outcome.REPLAYED, Outcome.CREATED]


def test_refused_request_uses_no_key() -> None:
    engine = make_engine()
    engine.calls.add(call(status=Status.QUEUED))
    refusal(engine, key="k")
    engine.calls.add(call(status=Status.IN_PROGRESS))

    assert post(engine, key="k").outcome is Outcome.CREATED


def test_known_key_replays_after_the_call() -> None:
    engine = make_engine()
    post(engine, key="k")
    engine.calls.add(call(status=Status.COMPLETED))

    assert post(engine, key="k").outcome is Outcome.REPLAYED


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        pytest.param(call(status=Status.COMPLETED), errors.CALL_NOT_ACTIVE, id="over"),
        pytest.param(call(client=Leg.PSTN), errors.CALL_IS_PSTN, id="PSTN"),
        pytest.param(call(account_sid=OTHER_ACCOUNT), errors.CALL_FOREIGN, id="another account's"),
        pytest.param(call(sid=OTHER_CALL), errors.CALL_UNKNOWN, id="unknown"),
    ],
)
def test_call_state_refuses_without_a_trace(known: RegisteredCall, problem: ErrorSpec) -> None:
    engine = make_engine(calls=Unregistered.REGISTERED)
    engine.calls.add(known)

    assert refusal(engine).problem is problem
    assert len(engine.journal.requests(EVERYTHING)) == 0


def test_key_of_evicted_message_replays() -> None:
    engine = make_engine(journal_limit=1)
    first = post(engine, key="k")
    post(engine)
    again = post(engine, key="k")

    assert again.outcome is Outcome.REPLAYED
    assert reply_of(again) == reply_of(first)


def test_key_of_deleted_message_is_free() -> None:
    engine = make_engine()
    first = post(engine, key="k")

    assert asyncio.run(engine.delete_messages(EVERYTHING)) == 1
    again = post(engine, key="k")
    assert again.outcome is Outcome.CREATED
    assert again.message.sid != first.message.sid


def test_delete_removes_matches_only() -> None:
    engine = make_engine()
    post(engine, key="k")
    other = post(engine, key="k", call_sid=OTHER_CALL)
    post(engine)

    assert asyncio.run(engine.delete_messages(RequestFilter(call_sid=CALL))) == 2
    assert list(engine.journal.messages(EVERYTHING)) == [other]
    assert post(engine, key="k", call_sid=OTHER_CALL).outcome is Outcome.REPLAYED
    assert asyncio.run(engine.delete_messages(RequestFilter(call_sid=CALL))) == 0


def test_received_at_precedes_date_created() -> None:
    time = Time()
    engine = make_engine(time)
    arrived = engine.begin_request(ACCOUNT, CALL)
    time.now += 20
    exchange = engine.create(arrived, request(), NewMessage("{}", None))

    assert exchange.context.received_at == SOME_TIME
    assert exchange.message.date_created == SOME_TIME + 20


def test_response_date_is_not_before_message() -> None:
    time = Time()
    engine = make_engine(time)
    arrived = engine.begin_request(ACCOUNT, CALL)
    time.now += 20
    exchange = engine.create(arrived, request(), NewMessage("{}", None))

    assert exchange.replied_at == SOME_TIME + 20


def test_concurrent_requests_are_counted() -> None:
    engine = make_engine()
    arrivals = [engine.begin_request(sid, None) for sid in (ACCOUNT, ACCOUNT, OTHER_ACCOUNT, None, ACCOUNT, None)]

    assert [each.concurrent for each in arrivals] == [1, 2, 1, 1, 3, 2]


@given(st.lists(st.sampled_from([ACCOUNT, OTHER_ACCOUNT, None, "leave"])))
def test_finished_request_is_not_counted(steps: list[str | None]) -> None:
    engine, inside = make_engine(), []
    for step in steps:
        if step != "leave":
            inside.append(engine.begin_request(step, None))
            assert inside[-1].concurrent == sum(each.account_sid == step for each in inside)
        elif inside:
            engine.end_request(inside.pop(0))


FORM = pack([(b"content-type", b"application/x-www-form-urlencoded")])


def test_refused_request_keeps_parameters() -> None:
    engine = make_engine()
    asked = request(head=FORM, body=b"Content=hello&IdempotencyKey=k")
    exchange = engine.refuse(arrive(engine), asked, errors.CONTENT_NOT_JSON)

    assert (exchange.content, exchange.idempotency_key) == ("hello", "k")
    assert list(engine.journal.requests(RequestFilter(idempotency_key="k"))) == [exchange]


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        pytest.param(b"Content=%", errors.FORM_BROKEN, id="broken"),
        pytest.param(b"", errors.CONTENT_REQUIRED, id="empty"),
        pytest.param(b"IdempotencyKey=&Content=", errors.CONTENT_REQUIRED, id="empty values"),
        pytest.param(b"Content=1", errors.INTERNAL_ERROR, id="after an accident nothing is read again"),
    ],
)
def test_refused_request_without_parameters(body: bytes, problem: ErrorSpec) -> None:
    engine = make_engine()
    exchange = engine.refuse(arrive(engine), request(head=FORM, body=body), problem)

    assert (exchange.content, exchange.idempotency_key) == (None, None)


def test_dry_run_records_nothing() -> None:
    engine = make_engine()
    considered = engine.dry_run(ACCOUNT, CALL, NewMessage("{}", "k"))

    assert considered.sid == "KX" + "0" * 32
    assert (considered.account_sid, considered.call_sid, considered.date_created) == (ACCOUNT, CALL, SOME_TIME)
    assert len(engine.journal.requests(EVERYTHING)) == 0
    assert post(engine, key="k").outcome is Outcome.CREATED


def test_dry_run_keeps_the_seeds_sequence() -> None:
    engine, other = make_engine(), make_engine()
    engine.dry_run(ACCOUNT, CALL, NewMessage("{}", None))

    assert post(engine).id == post(other).id


def test_dry_run_of_a_known_key() -> None:
    """It returns the replay without counting it."""
    engine = make_engine()
    original = post(engine, key="k").message

    assert engine.dry_run(ACCOUNT, CALL, NewMessage("{}", "k")) is original
    assert original.replays == 0


def test_dry_run_is_refused_like_a_request() -> None:
    engine = make_engine(calls=Unregistered.REGISTERED)

    with pytest.raises(TwilioError) as caught:
        engine.dry_run(ACCOUNT, CALL, NewMessage("{}", None))

    assert caught.value.problem is errors.CALL_UNKNOWN


def schema(**given: object) -> Schema:
    """Return a schema that rejects every content."""
    usual = {
        "name": "order",
        "text": "false",
        "size": 1,
        "scope": Scope(),
        "on_failure": OnFailure.NOTE,
        "validate": lambda *_: (("/to", "is missing"), ("/from", "too")),
    }
    return Schema(**{**usual, **given})


def test_schema_violation_is_noted() -> None:
    engine = make_engine()
    before = post(engine)
    engine.schemas.add(schema())
    after = post(engine)

    assert (before.valid, after.valid) == (None, False)
    assert [result.name for result in after.schemas] == ["order"]
    assert list(engine.journal.messages(RequestFilter(valid=False))) == [after]


@pytest.mark.parametrize(
    ("pointer", "says"), [("/to", "schema order: /to: is missing"), ("", "schema order: the whole: is missing")]
)
def test_refusing_schema_refuses(pointer: str, says: str) -> None:
    engine = make_engine()
    engine.schemas.add(schema(on_failure=OnFailure.REFUSE, validate=lambda *_: ((pointer, "is missing"),)))
    error = refusal(engine)

    assert error.problem is errors.CONTENT_VIOLATES_SCHEMA
    assert error.reason == says


def test_reset_counts_what_it_deletes() -> None:
    engine = make_engine()
    engine.calls.add(call(account_sid=ACCOUNT))
    engine.schemas.add(schema(scope=Scope(ACCOUNT)))
    engine.faults.add(FaultRuleSpec(match=Match(scope=Scope(ACCOUNT, OTHER_CALL)), then=FaultEffect()))
    post(engine, key="k")
    post(engine, key="k")
    other = post(engine, key="k", account_sid=OTHER_ACCOUNT, call_sid=OTHER_CALL)
    forgotten = engine.reset(Scope(ACCOUNT))

    assert forgotten == {
        "requests": 2,
        "messages": 1,
        "calls": 1,
        "schemas": 1,
        "faults": 1,
        "subscriptions": 0,
        "deliveries": 0,
        "waits": 0,
    }
    assert list(engine.journal.requests(EVERYTHING)) == [other]
    assert (list(engine.calls), list(engine.schemas), list(engine.faults)) == ([], [], [])
    assert post(engine, key="k").outcome is Outcome.CREATED
    assert post(engine, key="k", account_sid=OTHER_ACCOUNT, call_sid=OTHER_CALL).outcome is Outcome.REPLAYED


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        pytest.param(Scope(), [], id="everything"),
        pytest.param(Scope(ACCOUNT), ["everybody's", "other's"], id="an account"),
        pytest.param(Scope(None, CALL), ["own", "other's"], id="a call"),
        pytest.param(Scope(ACCOUNT, OTHER_CALL), ["everybody's", "other's"], id="both"),
    ],
)
def test_reset_deletes_calls_of_its_scope(scope: Scope, left: list[str]) -> None:
    engine = make_engine()
    registered = {
        "everybody's": call(),
        "own": call(sid=OTHER_CALL, account_sid=ACCOUNT),
        "other's": call(sid="CA" + "1" * 32, account_sid=OTHER_ACCOUNT),
    }
    for each in registered.values():
        engine.calls.add(each)
    engine.reset(scope)

    assert [name for name, each in registered.items() if each in list(engine.calls)] == left


@pytest.mark.parametrize(
    ("scope", "restored"), [pytest.param(Scope(), True, id="whole"), pytest.param(Scope(ACCOUNT), False, id="scoped")]
)
def test_only_full_reset_restores_clock(scope: Scope, *, restored: bool) -> None:
    engine = make_engine()
    engine.clock.freeze(7)
    engine.ids.seed(7)
    engine.reset(scope)

    assert engine.clock.frozen is not restored
    assert engine.ids.current_seed == (None if restored else 7)


def test_seed_and_clock_reproduce_responses() -> None:
    def run() -> list[bytes]:
        engine.clock.freeze(7)
        engine.ids.seed(7)
        return [head_of(each, reply_of(each)) + reply_of(each).body for each in (post(engine, key="k"), post(engine))]

    engine = make_engine()
    first = run()
    engine.reset(Scope())

    assert run() == first


def test_repeated_seed_breaks_nothing() -> None:
    """Although identifiers repeat."""
    engine = make_engine(journal_limit=3)
    for _ in range(3):
        engine.ids.seed(7)
        post(engine)
        post(engine)

    assert len(engine.journal.messages(EVERYTHING)) == 3
    assert asyncio.run(engine.delete_messages(EVERYTHING)) == 3


def test_stop_ends_waits_and_streams() -> None:
    async def run() -> tuple[MessageWaiter, Subscriber]:
        engine = make_engine()
        wait = await engine.wait(EVERYTHING, at_least=1, at_most=None)
        reader = engine.events.open(EVERYTHING)
        engine.stop()
        return wait, reader

    wait, reader = asyncio.run(run())

    assert wait.over.result() is WaitEnd.STOPPED
    assert reader.ended


# --- subscriptions


SUBSCRIBED = NewSubscription(CALLBACK, "POST", None)


def subscribe(engine: Engine, key: str | None = None, *, method: str = "POST") -> Exchange:
    return engine.create(arrive(engine), request(), NewSubscription(CALLBACK, method, key))


def unsubscribe(engine: Engine, sid: str, *, account_sid: str = ACCOUNT, call_sid: str = CALL) -> Exchange:
    target = Target(account_sid, call_sid, RESOURCE, sid)
    return engine.delete(arrive(engine, account_sid, call_sid), request(method="DELETE"), target)


def subscribed(engine: Engine) -> list[str]:
    return [each.sid for each in engine.callback_dispatcher.subscriptions]


def test_subscription_is_kept_until_deleted() -> None:
    engine = make_engine()
    created = subscribe(engine)
    before = subscribed(engine)
    deleted = unsubscribe(engine, before[0])

    assert (created.outcome, created.status, created.message) == (Outcome.CREATED, 201, None)
    assert (deleted.outcome, deleted.status, deleted.made) == (Outcome.DELETED, 204, created.made)
    assert before == ["ZY" + created.id]
    assert subscribed(engine) == []


@pytest.mark.parametrize(
    ("account_sid", "call_sid", "known"),
    [(OTHER_ACCOUNT, CALL, True), (ACCOUNT, OTHER_CALL, True), (ACCOUNT, CALL, False)],
)
def test_subscription_has_one_path(account_sid: str, call_sid: str, *, known: bool) -> None:
    engine = make_engine()
    subscribe(engine)
    sid = subscribed(engine)[0] if known else "ZY" + "0" * 32
    with pytest.raises(TwilioError) as caught:
        unsubscribe(engine, sid, account_sid=account_sid, call_sid=call_sid)

    assert caught.value.problem is errors.SUBSCRIPTION_UNKNOWN
    assert len(subscribed(engine)) == 1


def test_subscription_is_not_a_message() -> None:
    async def play() -> None:
        engine = make_engine()
        wait = await engine.wait(EVERYTHING, at_least=1, at_most=None)
        reader = engine.events.open(EVERYTHING)
        subscribe(engine)

        assert (wait.count, wait.over.done()) == (0, False)
        assert [event.kind for event in finish(engine.events.read(reader))] == ["request"]
        assert await engine.delete_messages(EVERYTHING) == 0
        post(engine)
        assert wait.over.result() is WaitEnd.DECIDED
        assert engine.reset(Scope())["messages"] == 1

    asyncio.run(play())


def test_key_of_a_subscription() -> None:
    """It is independent of message keys, and free after the deletion."""
    engine = make_engine()
    message, first, again = post(engine, key="k"), subscribe(engine, "k"), subscribe(engine, "k")
    other = subscribe(engine, "k", method="GET")
    assert first.made is not None
    unsubscribe(engine, first.made.sid)
    anew = subscribe(engine, "k")

    assert [each.outcome for each in (message, first, again, other, anew)] == [
        Outcome.CREATED,
        Outcome.CREATED,
        Outcome.REPLAYED,
        Outcome.MISMATCH,
        Outcome.CREATED,
    ]
    assert again.made is other.made is first.made
    assert first.made.replays == 2
    assert anew.made is not first.made


def test_too_many_subscriptions_keep_no_key() -> None:
    engine = make_engine()
    engine.memory["subscriptions"].max_entries = 1
    first = subscribe(engine)
    with pytest.raises(TwilioError) as caught:
        subscribe(engine, "k")
    assert first.made is not None
    unsubscribe(engine, first.made.sid)

    assert caught.value.problem is errors.TOO_MANY_REQUESTS
    assert "subscriptions" in (caught.value.reason or "")
    assert subscribe(engine, "k").outcome is Outcome.CREATED


def test_request_of_a_reset_is_not_recorded() -> None:
    engine = make_engine()
    arrival = engine.begin_request(ACCOUNT, CALL)
    engine.reset(Scope(ACCOUNT))
    exchange = engine.create(arrival, request(), SUBSCRIBED)
    engine.end_request(arrival)

    assert exchange.status == 201
    assert subscribed(engine) == []
    assert len(engine.journal.requests(EVERYTHING)) == 0


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        pytest.param(call(status=Status.COMPLETED), errors.CALL_NOT_ACTIVE, id="over"),
        pytest.param(call(client=Leg.PSTN), errors.CALL_IS_PSTN, id="PSTN"),
        pytest.param(call(account_sid=OTHER_ACCOUNT), errors.CALL_FOREIGN, id="another account's"),
    ],
)
def test_deletion_ignores_the_call_state(known: RegisteredCall, problem: ErrorSpec) -> None:
    engine = make_engine()
    created = subscribe(engine)
    engine.calls.add(known)
    with pytest.raises(TwilioError) as caught:
        subscribe(engine)

    assert caught.value.problem is problem
    assert created.made is not None
    assert unsubscribe(engine, created.made.sid).status == 204


def test_dry_run_of_a_subscription() -> None:
    """It stores nothing."""
    engine = make_engine()
    considered = engine.dry_run(ACCOUNT, CALL, SUBSCRIBED)

    assert considered.sid == "ZY" + "0" * 32
    assert subscribed(engine) == []


@pytest.mark.parametrize(("resource", "happens"), [(RESOURCE, True), (None, True), ("UserDefinedMessages", False)])
def test_fault_for_subscriptions(resource: str | None, *, happens: bool) -> None:
    """It applies to their creation and their deletion."""
    engine = make_engine()
    first = subscribe(engine)
    assert first.made is not None
    action = ReplyFault(errors.SERVICE_UNAVAILABLE)
    engine.faults.add(
        FaultRuleSpec(match=Match(scope=Scope(ACCOUNT), resource=resource), then=FaultEffect(fault=action))
    )
    deleted, created = unsubscribe(engine, first.made.sid), subscribe(engine)

    expected = (503, 503, [first.made.sid]) if happens else (204, 201, [created.made and created.made.sid])
    assert (deleted.status, created.status, subscribed(engine)) == expected


@pytest.mark.parametrize(("account_sid", "call_sid"), [(OTHER_ACCOUNT, CALL), (ACCOUNT, OTHER_CALL)])
def test_refused_deletion_keeps_lost_answer(account_sid: str, call_sid: str) -> None:
    engine = make_engine()
    made = subscribe(engine).made
    assert made is not None
    rule = engine.faults.add(FaultRuleSpec(match=Match(), then=FaultEffect(fault=DropFault(Drop.AFTER)), times=1))
    with pytest.raises(TwilioError):
        unsubscribe(engine, made.sid, account_sid=account_sid, call_sid=call_sid)
    unspent = not rule.is_spent
    lost = unsubscribe(engine, made.sid)

    assert (unspent, rule.is_spent, lost.outcome, lost.is_lost) == (True, True, Outcome.DELETED, True)


def test_schema_ignores_subscriptions() -> None:
    engine = make_engine()
    engine.schemas.add(schema(on_failure=OnFailure.REFUSE))

    assert subscribe(engine).schemas == ()


def test_voice_call_message_is_dispatched() -> None:
    engine, line = make_engine(), ClientConnection()
    engine.call_controller.connect(line, identity="alice", account_sid=None)
    engine.call_controller.invite(line, client_frames.ClientInvite(call_sid="TJS1", sdp="", parameters={}))
    frame = client_frames.ClientMessage(
        call_sid="TJS1", sid="KX" + "1" * 32, content="[1]", content_type="text", message_type="user-defined-message"
    )
    engine.call_controller.receive_message(line, frame)

    (saying,) = engine.callback_dispatcher.end_user_messages
    assert (saying.said.identity, saying.said.content, saying.said.call_sid) == ("alice", "[1]", line.aliases["TJS1"])


@pytest.mark.parametrize(("contains", "count"), [(None, 2), ("one", 1)])
def test_deliveries_are_selected_by_a_filter(contains: str | None, count: int) -> None:
    engine = make_engine()
    for content in ("one", "two"):
        engine.callback_dispatcher.deliveries.open(
            subscription(), notice(content=content), ids=engine.ids, now=SOME_TIME
        )
    found, listed = asyncio.run(engine.page_of_deliveries(DeliveryFilter(contains=contains), Window(1)))

    assert (found, len(listed)) == (count, 1)


def test_refused_create_keeps_lost_answer() -> None:
    engine = make_engine()
    rule = engine.faults.add(FaultRuleSpec(match=Match(), then=FaultEffect(fault=DropFault(Drop.AFTER)), times=1))
    engine.calls.add(call(status=Status.COMPLETED))
    refusal(engine)

    assert not rule.is_spent
