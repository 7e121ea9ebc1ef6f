"""Explanations of failed waits for messages, compared as whole lines."""

import pytest
from support.builders import (
    ACCOUNT,
    CALL,
    MESSAGE,
    OTHER_ACCOUNT,
    OTHER_CALL,
    SOME_TIME,
    account,
    arrival,
    exchange,
    message,
    path,
    request,
    subscription,
)

from emulator.engine.explain.messages import LOOKED_AT, SHOWN, Explanation, explain, near_misses
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.journal.exchange import Exchange, Outcome, RequestContext, pack
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.journal import Journal
from emulator.engine.journal.waits import MessageWaiter, WaitEnd
from emulator.engine.json_match import JsonSubset
from emulator.engine.state.schemas import ValidationResult
from emulator.engine.time_slices import finish
from emulator.wire import errors

OURS = f"for call {CALL} of account {ACCOUNT}"
GOOD = (ValidationResult(name="s", errors=()),)
BAD = (ValidationResult(name="s", errors=(("/a", "no"),)),)


def sid(seq: int) -> str:
    return f"KX{seq:032x}"


def journal(*exchanges: Exchange, limit: int = 100_000) -> Journal:
    made = Journal(account(journal=limit))
    for each in exchanges:
        made.append(each)
    return made


def faulty(when: Drop) -> RequestContext:
    """Return the context of a request with a fault."""
    met = arrival()
    met.fault = InjectedFault(rule="fault-1", action=DropFault(when))
    return met


def explained(
    filled: Journal, wanted: RequestFilter | None = None, *, end: WaitEnd = WaitEnd.TIMED_OUT, **bounds: int | None
) -> Explanation:
    """Explain a wait that counted the matching messages of the journal."""
    wanted = wanted or RequestFilter()
    bounds = bounds or {"at_least": 1}
    count = bounds.pop("count", len(filled.messages(wanted)))
    wait = MessageWaiter(wanted, bounds.get("at_least"), bounds.get("at_most"), count, None)
    return finish(explain(wait, end, filled))


def refused(seq: int = 1, **given: object) -> Exchange:
    usual = {"outcome": Outcome.REFUSED, "problem": errors.CALL_NOT_ACTIVE, "content": "{}"}
    return exchange(seq, **{**usual, **given})


@pytest.mark.parametrize(
    ("bounds", "says"),
    [
        ({"at_least": 1}, "wanted at least 1 message, 0 arrived"),
        ({"at_least": 11}, "wanted at least 11 messages, 0 arrived"),
        ({"at_least": 2, "at_most": 3}, "wanted at least 2 and at most 3 messages, 0 arrived"),
        ({"at_least": 2, "count": 1}, "wanted at least 2 messages, 1 arrived"),
    ],
)
def test_first_line_has_condition_and_count(bounds: dict[str, int], says: str) -> None:
    assert explained(journal(), **bounds).lines[0] == says


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        pytest.param(RequestFilter(account_sid=ACCOUNT), f"account {ACCOUNT}", id="account"),
        pytest.param(RequestFilter(call_sid=CALL), f"call {CALL}", id="call"),
        pytest.param(RequestFilter(idempotency_key="k"), "key k", id="key"),
        pytest.param(RequestFilter(after=7), "after 7", id="after"),
        pytest.param(RequestFilter(contains="it's"), 'containing "it\'s"', id="contains"),
        pytest.param(
            RequestFilter(content=JsonSubset({"a": [True, None, "é"]})),
            'with {"a": [true, null, "é"]} in the content',
            id="content",
        ),
        pytest.param(RequestFilter(content=JsonSubset(None)), "with null in the content", id="null"),
        pytest.param(RequestFilter(valid=True), "that its schemas allow", id="valid"),
        pytest.param(RequestFilter(valid=False), "that a schema forbids", id="invalid"),
        pytest.param(RequestFilter(call_sid=CALL, after=7), f"call {CALL}, after 7", id="two wishes"),
    ],
)
def test_first_line_has_the_filters(wanted: RequestFilter, says: str) -> None:
    assert explained(journal(), wanted).lines[0] == f"wanted at least 1 message ({says}), 0 arrived"


@pytest.mark.parametrize(
    ("end", "says"),
    [
        (WaitEnd.TIMED_OUT, ""),
        (WaitEnd.DECIDED, ""),
        (WaitEnd.RESET, "; the scope was reset while waiting"),
        (WaitEnd.STOPPED, "; the emulator stopped while waiting"),
    ],
)
def test_first_line_has_the_end_reason(end: WaitEnd, says: str) -> None:
    assert explained(journal(), end=end).lines[0] == "wanted at least 1 message, 0 arrived" + says


def test_excess_messages_are_newest_first() -> None:
    filled = journal(*(exchange(seq, made=message(id=f"{seq:032x}"), content="[1]") for seq in range(1, 8)))
    explanation = explained(filled, at_most=2)

    assert explanation.near_misses == []
    assert explanation.lines == [
        "wanted at most 2 messages, 7 arrived",
        f"number 7: message {sid(7)} {OURS}, content [1]",
        f"number 6: message {sid(6)} {OURS}, content [1]",
        f"number 5: message {sid(5)} {OURS}, content [1]",
        f"number 4: message {sid(4)} {OURS}, content [1]",
        f"number 3: message {sid(3)} {OURS}, content [1]",
    ]


def test_a_long_content_is_cut() -> None:
    filled = journal(exchange(content="x" * 1000))

    assert explained(filled, at_most=0).lines[1] == f"number 1: message {sid(1)} {OURS}, content {'x' * 79}…"


LACKS = [
    pytest.param(
        RequestFilter(call_sid=OTHER_CALL), exchange(), f"it is for call {CALL}, not {OTHER_CALL}", id="another call"
    ),
    pytest.param(
        RequestFilter(account_sid=OTHER_ACCOUNT),
        exchange(),
        f"it is for account {ACCOUNT}, not {OTHER_ACCOUNT}",
        id="another account",
    ),
    pytest.param(
        RequestFilter(account_sid=OTHER_ACCOUNT, call_sid=OTHER_CALL),
        exchange(),
        f"it is for account {ACCOUNT}, not {OTHER_ACCOUNT}; it is for call {CALL}, not {OTHER_CALL}",
        id="another account and call",
    ),
    pytest.param(
        RequestFilter(idempotency_key="k"),
        exchange(idempotency_key="K"),
        "its key is 'K', not 'k'",
        id="another key",
    ),
    pytest.param(RequestFilter(idempotency_key="k"), exchange(), "it has no key, not 'k'", id="no key"),
    pytest.param(RequestFilter(after=1), exchange(), "it arrived before: 1 is not after 1", id="too early"),
    pytest.param(
        RequestFilter(contains="b"),
        exchange(content='["a"]'),
        "its content [\"a\"] does not contain 'b'",
        id="contains",
    ),
    pytest.param(
        RequestFilter(content=JsonSubset({"a": True, "b": "x", "c": None})),
        exchange(content='{"a": 1, "b": "y"}'),
        'its content differs: /a is 1, wanted true, /b is "y", wanted "x", /c is missing, wanted null',
        id="content",
    ),
    pytest.param(
        RequestFilter(content=JsonSubset([1])),
        exchange(content="[1, 2]"),
        "its content differs: the whole is [1, 2], wanted [1]",
        id="the whole content",
    ),
    pytest.param(
        RequestFilter(content=JsonSubset({})),
        exchange(content="hello"),
        'its content differs: the whole is "hello", wanted {}',
        id="content that is not JSON",
    ),
    pytest.param(
        RequestFilter(content=JsonSubset("x" * 100)),
        exchange(content="9" * 5000),
        f'its content differs: the whole is "{"9" * 78}…, wanted "{"x" * 78}…',
        id="long content",
    ),
    pytest.param(
        RequestFilter(content=JsonSubset(dict.fromkeys("abcdefg", 1))),
        exchange(content="{}"),
        "its content differs: " + ", ".join(f"/{name} is missing, wanted 1" for name in "abcde"),
        id="much that differs",
    ),
    pytest.param(RequestFilter(valid=True), exchange(schemas=BAD), "a schema forbids it", id="not valid"),
    pytest.param(RequestFilter(valid=False), exchange(schemas=GOOD), "its schemas allow it", id="valid"),
    pytest.param(RequestFilter(valid=False), exchange(), "no schema was registered for it", id="no schema"),
]


@pytest.mark.parametrize(("wanted", "found", "says"), LACKS)
def test_near_miss_lists_what_it_lacks(wanted: RequestFilter, found: Exchange, says: str) -> None:
    lines = explained(journal(found), wanted).lines

    assert lines[1:] == [f"number 1: message {sid(1)} {OURS}: {says}"]


@pytest.mark.parametrize(
    ("found", "says"),
    [
        pytest.param(
            refused(),
            f"a request {OURS}, refused with 400/21220 Call is not in the expected state "
            "(rule call-not-active, observed)",
            id="its call",
        ),
        pytest.param(
            refused(problem=errors.CONTENT_NOT_JSON, reason="no digit"),
            f"a request {OURS}, refused with 400/32702 Invalid Content (rule content-not-json, assumed; no digit)",
            id="with a reason",
        ),
        pytest.param(
            refused(problem=errors.CALL_UNKNOWN, request=request(target=path() + "?a=b")),
            f"a request {OURS}, refused with 404/20404 The requested resource {path()} was not found "
            "(rule call-unknown, documented)",
            id="its path",
        ),
        pytest.param(
            refused(problem=errors.PATH_UNKNOWN, context=arrival(None, None), request=request(target="/" + "x" * 1000)),
            "a request for no call of no account, refused with 404/20404 The requested resource "
            f"/{'x' * 198}… was not found (rule path-unknown, observed)",
            id="nobody's",
        ),
        pytest.param(
            refused(problem=errors.PATH_UNKNOWN, context=arrival("AC" * 100, "CA1"), request=request(target="/")),
            f"a request for call CA1 of account {'AC' * 39}A…, refused with 404/20404 The requested resource / "
            "was not found (rule path-unknown, observed)",
            id="malformed SIDs",
        ),
        pytest.param(
            exchange(outcome=Outcome.REPLAYED, made=message()),
            f"a request {OURS} that replayed {MESSAGE} and created nothing",
            id="a replay",
        ),
        pytest.param(
            exchange(outcome=Outcome.MISMATCH, made=message()),
            f"a request {OURS} that replayed {MESSAGE} and created nothing",
            id="a replay of other content",
        ),
        pytest.param(
            exchange(outcome=Outcome.FAULTED, context=faulty(Drop.BEFORE)),
            f"a request {OURS} that was not processed because of fault-1 (drop-before)",
            id="a fault",
        ),
        pytest.param(
            exchange(outcome=Outcome.REPLAYED, made=message(), context=faulty(Drop.AFTER)),
            f"a request {OURS} that replayed {MESSAGE} and created nothing",
            id="a replay whose answer was lost",
        ),
        pytest.param(
            refused(context=faulty(Drop.AFTER)),
            f"a request {OURS}, refused with 400/21220 Call is not in the expected state "
            "(rule call-not-active, observed)",
            id="a refusal that was lost",
        ),
    ],
)
def test_failed_request_shows_its_outcome(found: Exchange, says: str) -> None:
    advice = f". Advice: {found.problem.advice}" if found.problem is not None else ""
    assert explained(journal(found)).lines == ["wanted at least 1 message, 0 arrived", f"number 1: {says}{advice}"]


def test_refused_request_may_lack_one_more() -> None:
    lines = explained(journal(refused(idempotency_key="K")), RequestFilter(idempotency_key="k")).lines

    assert lines[1].endswith(
        f"(rule call-not-active, observed): its key is 'K', not 'k'. Advice: {errors.CALL_NOT_ACTIVE.advice}"
    )


def test_wrong_path_is_a_possible_reason() -> None:
    lost = refused(problem=errors.PATH_UNKNOWN, context=arrival("AC1", None), request=request(target="/x"))
    lines = explained(journal(lost), RequestFilter(call_sid=CALL)).lines

    assert lines[1:] == [
        (
            "number 1: a request for no call of account AC1, refused with 404/20404 The requested resource /x was not "
            f"found (rule path-unknown, observed): it is for no call, not {CALL}. Advice: {errors.PATH_UNKNOWN.advice}"
        )
    ]


@pytest.mark.parametrize(
    "found",
    [
        pytest.param(refused(), id="refused"),
        pytest.param(exchange(outcome=Outcome.REPLAYED, made=message()), id="replayed"),
        pytest.param(exchange(outcome=Outcome.PREFLIGHT), id="preflight"),
    ],
)
def test_failures_of_others_are_hidden(found: Exchange) -> None:
    explanation = explained(journal(found), RequestFilter(call_sid=OTHER_CALL))

    assert explanation.near_misses == []
    assert explanation.lines[1].startswith("no similar request arrived; the newest is number 1 of ")


@pytest.mark.parametrize("outcome", [Outcome.CREATED, Outcome.REPLAYED, Outcome.DELETED])
def test_subscription_is_not_a_near_miss(outcome: Outcome) -> None:
    made = subscription()
    explanation = explained(journal(exchange(made=made, content=None, outcome=outcome)), RequestFilter(contains="x"))

    assert explanation.near_misses == []
    assert explanation.lines[1].endswith(f"a request {OURS} about UserDefinedMessageSubscription {made.sid}")


def test_preflight_is_not_a_near_miss() -> None:
    assert finish(near_misses(RequestFilter(), journal(exchange(outcome=Outcome.PREFLIGHT)))) == []


def test_three_differences_are_not_near() -> None:
    explanation = explained(
        journal(exchange()), RequestFilter(account_sid=OTHER_ACCOUNT, call_sid=OTHER_CALL, idempotency_key="k")
    )

    assert explanation.near_misses == []
    assert explanation.lines[1:] == [
        (f"no similar request arrived; the newest is number 1 of 2019-12-18T20:02:01.000Z, message {sid(1)} {OURS}")
    ]


def test_near_misses_are_ordered() -> None:
    wanted = RequestFilter(call_sid=CALL, idempotency_key="k")
    far = arrival(call_sid=OTHER_CALL)
    filled = journal(
        exchange(1), exchange(2, context=far), exchange(3), exchange(4, context=far), exchange(5, idempotency_key="k")
    )

    assert [miss.exchange.seq for miss in finish(near_misses(wanted, filled))] == [3, 1, 4, 2]


def test_near_miss_has_data_and_a_line() -> None:
    explanation = explained(journal(exchange()), RequestFilter(call_sid=OTHER_CALL))
    (miss,) = explanation.near_misses

    assert [(lack.what, lack.wanted, lack.found) for lack in miss.mismatches] == [("call_sid", OTHER_CALL, CALL)]
    assert miss.text == explanation.lines[1]


def test_near_misses_have_a_limit() -> None:
    """Of other scopes, only the newest exchanges are examined."""
    far = arrival(call_sid=OTHER_CALL)
    keyed = exchange(1, context=far, idempotency_key="k")
    filled = journal(keyed, *(exchange(seq, context=far) for seq in range(2, LOOKED_AT + 2)))
    found = finish(near_misses(RequestFilter(call_sid=CALL, idempotency_key="k"), filled))

    assert len(found) == SHOWN
    assert all(len(miss.mismatches) == 2 for miss in found)


def test_own_problems_are_always_shown() -> None:
    far = arrival(call_sid=OTHER_CALL)
    filled = journal(refused(), *(exchange(seq, context=far) for seq in range(2, LOOKED_AT + 10)))
    found = finish(near_misses(RequestFilter(call_sid=CALL), filled))

    assert found[0].exchange.seq == 1


@pytest.mark.parametrize(
    ("host", "foreign"),
    [(b"127.us1.0.1", True), (b"api.twilio.com", False), (b"localhost:2010", False), (b"emulator:2010", False)],
)
def test_other_host_is_named(host: bytes, *, foreign: bool) -> None:
    sent = exchange(1, request=request(head=pack([(b"host", host)])))
    (miss,) = finish(near_misses(RequestFilter(call_sid=OTHER_CALL), journal(sent)))

    assert ("TWILIO_REGION" in miss.text) is foreign


def test_evictions_are_mentioned() -> None:
    filled = journal(*(exchange(seq) for seq in range(1, 4)), limit=1)
    lines = explained(filled, at_least=2).lines

    assert lines == [
        "wanted at least 2 messages, 1 arrived",
        (
            "everything up to number 2 was evicted from the journal: what is missing may have been among them; "
            "raise journal_limit or journal_bytes"
        ),
    ]


def test_evictions_before_the_range_are_not() -> None:
    filled = journal(*(exchange(seq) for seq in range(1, 4)), limit=1)

    assert explained(filled, RequestFilter(after=2), at_least=2).lines == [
        "wanted at least 2 messages (after 2), 1 arrived"
    ]


def removed(filled: Journal) -> Journal:
    """Remove all exchanges from a journal and return it."""
    filled.remove(list(filled.requests(RequestFilter())))
    return filled


@pytest.mark.parametrize(
    ("filled", "wanted", "since"),
    [
        pytest.param(journal(), RequestFilter(), "the emulator started", id="nothing ever"),
        pytest.param(
            removed(journal(exchange())), RequestFilter(), "the last reset or deletion", id="nothing any more"
        ),
        pytest.param(removed(journal(exchange())), RequestFilter(after=1), "sequence number 1", id="nothing after"),
        pytest.param(
            journal(exchange(outcome=Outcome.PREFLIGHT)), RequestFilter(after=1), "sequence number 1", id="only before"
        ),
    ],
)
def test_absence_of_requests_is_explained(filled: Journal, wanted: RequestFilter, since: str) -> None:
    line = explained(filled, wanted).lines[-1]

    assert line == f"nothing at all arrived since {since}: is the client pointed at this emulator?"


def test_absence_is_not_claimed_wrongly() -> None:
    assert explained(journal(exchange()), at_least=2).lines == ["wanted at least 2 messages, 1 arrived"]


def test_newest_has_its_arrival_time() -> None:
    late = exchange(context=arrival(), replied_at=SOME_TIME + 5, outcome=Outcome.PREFLIGHT)

    assert explained(journal(late)).lines[1] == (
        f"no similar request arrived; the newest is number 1 of 2019-12-18T20:02:01.000Z, a preflight {OURS}"
    )
