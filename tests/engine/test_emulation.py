import pytest
from builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, SOME_TIME, Time, arrive, call, emulation, post, request
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.calls import Call, Leg, Status, Unregistered
from emulator.engine.emulation import Emulation
from emulator.engine.exchanges import Outcome
from emulator.engine.idempotency import OnMismatch
from emulator.engine.index import Filter
from emulator.wire import errors, sids
from emulator.wire.errors import Problem, TwilioError
from emulator.wire.messages import NewMessage

EVERYTHING = Filter()


def refusal(engine: Emulation, *args: str, **kwargs: str | None) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        post(engine, *args, **kwargs)
    return caught.value


def test_a_message_is_created_from_what_came() -> None:
    engine = emulation()
    exchange = engine.admit(arrive(engine), request(), NewMessage("[1]", "k", ("content-not-an-object",)))

    message = exchange.created
    assert (message.account_sid, message.call_sid) == (ACCOUNT, CALL)
    assert (message.content, message.idempotency_key, message.notes) == ("[1]", "k", ("content-not-an-object",))
    assert (message.date_created, message.replays) == (SOME_TIME, 0)


def test_a_messages_sid_has_the_hex_of_its_request_id() -> None:
    exchange = post(emulation())

    assert sids.is_sid("KX", exchange.message.sid)
    assert exchange.request_id == "RQ" + exchange.message.sid[2:]


def test_every_exchange_has_an_id_of_its_own() -> None:
    engine = emulation()
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


def test_exchanges_stand_in_the_journal_in_order_with_what_became_of_them() -> None:
    engine = emulation()
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


def test_a_refused_request_is_kept_with_its_row_and_reason() -> None:
    engine = emulation()
    asked, arrived = request(), arrive(engine, "AC123", None)
    exchange = engine.refuse(arrived, asked, errors.PATH_UNKNOWN, "no such thing")

    assert (exchange.problem, exchange.reason, exchange.message) == (errors.PATH_UNKNOWN, "no such thing", None)
    assert (exchange.request, exchange.arrival) == (asked, arrived)
    assert list(engine.journal.requests(Filter(account_sid="AC123"))) == [exchange]


def test_the_same_key_answers_with_the_first_message_and_counts() -> None:
    engine = emulation()
    first, second, third = (post(engine, key="k") for _ in range(3))

    assert first.message is second.message is third.message
    assert first.reply() == second.reply() == third.reply()
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
def test_elsewhere_the_same_request_creates_a_message_of_its_own(other: dict[str, str | None]) -> None:
    engine = emulation()
    first, second = post(engine, key="k"), post(engine, **other)

    assert second.outcome is Outcome.CREATED
    assert second.message.sid != first.message.sid


def test_without_a_key_every_request_creates_a_message() -> None:
    engine = emulation()
    sent = {post(engine).message.sid for _ in range(3)}

    assert len(sent) == 3


def test_other_content_under_a_known_key_is_replayed_and_marked() -> None:
    engine = emulation()
    first, second = post(engine, '{"a": 1}', key="k"), post(engine, '{"a":1}', key="k")

    assert second.outcome is Outcome.MISMATCH
    assert second.reply() == first.reply()
    assert first.message.content == '{"a": 1}'
    assert first.message.replays == 1


def test_other_content_under_a_known_key_is_refused_when_told_so() -> None:
    engine = emulation(idempotency_mismatch=OnMismatch.REJECT)
    first = post(engine, "{}", key="k")
    error = refusal(engine, "[]", key="k")

    assert error.problem is errors.KEY_CONFLICT
    assert first.message.sid in error.reason
    assert first.message.replays == 0


def test_the_same_content_under_a_known_key_is_replayed_even_when_others_are_refused() -> None:
    engine = emulation(idempotency_mismatch=OnMismatch.REJECT)
    post(engine, "{}", key="k")

    assert post(engine, "{}", key="k").outcome is Outcome.REPLAYED


@pytest.mark.parametrize(("later", "outcome"), [(59, Outcome.REPLAYED), (60, Outcome.CREATED)])
def test_a_key_creates_again_when_its_time_is_over(later: float, outcome: Outcome) -> None:
    time = Time()
    engine = emulation(time, idempotency_ttl=60)
    post(engine, key="k")
    time.now += later

    assert post(engine, key="k").outcome is outcome


def test_beyond_the_limit_the_oldest_key_creates_again() -> None:
    engine = emulation(idempotency_limit=2)
    for key in "abc":
        post(engine, key=key)

    assert [post(engine, key=key).outcome for key in "ca"] == [Outcome.REPLAYED, Outcome.CREATED]


def test_a_refused_request_does_not_use_up_its_key() -> None:
    engine = emulation()
    engine.calls.put(call(status=Status.QUEUED))
    refusal(engine, key="k")
    engine.calls.put(call(status=Status.IN_PROGRESS))

    assert post(engine, key="k").outcome is Outcome.CREATED


def test_a_known_key_replays_although_the_call_is_over() -> None:
    engine = emulation()
    post(engine, key="k")
    engine.calls.put(call(status=Status.COMPLETED))

    assert post(engine, key="k").outcome is Outcome.REPLAYED


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        pytest.param(call(status=Status.COMPLETED), errors.CALL_NOT_ACTIVE, id="over"),
        pytest.param(call(client=Leg.PSTN), errors.CALL_IS_PSTN, id="PSTN"),
        pytest.param(call(account_sid=OTHER_ACCOUNT), errors.CALL_UNKNOWN, id="another account's"),
        pytest.param(call(sid=OTHER_CALL), errors.CALL_UNKNOWN, id="unknown"),
    ],
)
def test_the_calls_state_refuses_a_message_and_leaves_no_trace(known: Call, problem: Problem) -> None:
    engine = emulation(calls=Unregistered.REGISTERED)
    engine.calls.put(known)

    assert refusal(engine).problem is problem
    assert len(engine.journal.requests(EVERYTHING)) == 0


def test_an_evicted_messages_key_still_replays() -> None:
    engine = emulation(journal_limit=1)
    first = post(engine, key="k")
    post(engine)
    again = post(engine, key="k")

    assert again.outcome is Outcome.REPLAYED
    assert again.reply() == first.reply()


def test_a_deleted_messages_key_creates_again() -> None:
    engine = emulation()
    first = post(engine, key="k")

    assert engine.delete_messages(EVERYTHING) == 1
    again = post(engine, key="k")
    assert again.outcome is Outcome.CREATED
    assert again.message.sid != first.message.sid


def test_deleting_forgets_what_the_filter_means_and_nothing_else() -> None:
    engine = emulation()
    post(engine, key="k")
    other = post(engine, key="k", call_sid=OTHER_CALL)
    post(engine)

    assert engine.delete_messages(Filter(call_sid=CALL)) == 2
    assert list(engine.journal.messages(EVERYTHING)) == [other]
    assert post(engine, key="k", call_sid=OTHER_CALL).outcome is Outcome.REPLAYED
    assert engine.delete_messages(Filter(call_sid=CALL)) == 0


def test_a_request_is_received_when_it_arrives_and_created_when_it_is_admitted() -> None:
    time = Time()
    engine = emulation(time)
    arrived = engine.arrive(ACCOUNT, CALL)
    time.now += 20
    exchange = engine.admit(arrived, request(), NewMessage("{}", None))

    assert exchange.arrival.received_at == SOME_TIME
    assert exchange.message.date_created == SOME_TIME + 20


def test_a_reply_is_not_dated_before_the_message_it_shows() -> None:
    time = Time()
    engine = emulation(time)
    arrived = engine.arrive(ACCOUNT, CALL)
    time.now += 20
    exchange = engine.admit(arrived, request(), NewMessage("{}", None))

    assert exchange.replied_at == SOME_TIME + 20


def test_requests_in_flight_are_counted_by_account_this_one_included() -> None:
    engine = emulation()
    arrivals = [engine.arrive(sid, None) for sid in (ACCOUNT, ACCOUNT, OTHER_ACCOUNT, None, ACCOUNT, None)]

    assert [each.concurrent for each in arrivals] == [1, 2, 1, 1, 3, 2]


@given(st.lists(st.sampled_from([ACCOUNT, OTHER_ACCOUNT, None, "leave"])))
def test_who_has_left_is_in_flight_no_more(steps: list[str | None]) -> None:
    engine, inside = emulation(), []
    for step in steps:
        if step != "leave":
            inside.append(engine.arrive(step, None))
            assert inside[-1].concurrent == sum(each.account_sid == step for each in inside)
        elif inside:
            engine.leave(inside.pop(0))
