"""Grouping of attempts into retry sequences, and their findings: each one present and absent as expected."""

import asyncio
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import (
    ACCOUNT,
    CALL,
    OTHER_ACCOUNT,
    OTHER_CALL,
    SOME_TIME,
    Time,
    basic,
    exchange,
    make_engine,
    path,
    post,
    request,
)
from support.builders import message as some_message

from emulator.engine.explain.retries import describe, explain
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.kinds.close import CloseFault
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.faults.kinds.garbage import GarbageFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.kinds.truncate import TruncateFault
from emulator.engine.faults.rules import FaultEffect, FaultRuleSpec
from emulator.engine.journal.exchange import Exchange, Outcome, RequestContext, pack
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.journal.retries import RetryFilter, RetryFinding, RetryGroup, group_retries, succeeded
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.scope import Scope
from emulator.engine.time_slices import finish
from emulator.wire import errors

WINDOW = 120.0
LOST = InjectedFault(rule="fault-1", action=DropFault(Drop.AFTER))
DROPPED = InjectedFault(rule="fault-1", action=DropFault(Drop.BEFORE))
CLOSED = InjectedFault(rule="fault-1", action=CloseFault())
TRUNCATED = InjectedFault(rule="fault-1", action=TruncateFault(3))
GARBAGE = InjectedFault(rule="fault-1", action=GarbageFault())
LATE = InjectedFault(rule="fault-1", delay=1.0)


def answered(problem: errors.ErrorSpec, wait: int | None = None, delay: float = 0.0) -> InjectedFault:
    headers = () if wait is None else ((b"retry-after", b"%d" % wait),)
    return InjectedFault(rule="fault-1", delay=delay, action=ReplyFault(problem.with_headers(headers)))


OUTAGE = answered(errors.SERVICE_UNAVAILABLE)
LIMITED = answered(errors.TOO_MANY_REQUESTS, 2)


@dataclass
class Story:
    """Attempts in order, and the findings on them."""

    def __post_init__(self) -> None:
        self.exchanges: list[Exchange] = []
        self._seq = count(1)

    def attempt(
        self,
        at: float = 0.0,
        key: str | None = "k",
        content: str | None = "{}",
        *,
        fault: InjectedFault | None = None,
        problem: errors.ErrorSpec | None = None,
        outcome: Outcome | None = None,
        owners: tuple[str | None, str | None] = (ACCOUNT, CALL),
        **more: object,
    ) -> Exchange:
        """Add an attempt `at` seconds after the start; by default it creates a message."""
        action = fault.action if fault else None
        if isinstance(action, ReplyFault):
            problem = action.problem
        if outcome is None and fault is not None and fault.prevents:
            outcome = Outcome.FAULTED
        elif outcome is None:
            outcome = Outcome.REFUSED if problem else Outcome.CREATED
        found = exchange(
            next(self._seq),
            context=RequestContext(*owners, SOME_TIME + at, 1, fault=fault),
            outcome=outcome,
            problem=problem,
            made=some_message() if outcome in (Outcome.CREATED, Outcome.REPLAYED, Outcome.MISMATCH) else None,
            **{"content": content, "idempotency_key": key, **more},
        )
        self.exchanges.append(found)
        return found

    def retries(self, now: float = 0.0) -> list[RetryGroup]:
        return finish(group_retries(self.exchanges, now=SOME_TIME + now, window=WINDOW))

    def findings(self, now: float = 0.0) -> set[str]:
        """Return the findings of the only retry sequence."""
        (sequence,) = self.retries(now)
        return {str(finding) for finding in sequence.findings}


@pytest.fixture
def story() -> Story:
    return Story()


# --- grouping


def test_same_key_joins_at_any_time(story: Story) -> None:
    story.attempt()
    story.attempt(10 * WINDOW, outcome=Outcome.REPLAYED)

    assert [len(sequence.attempts) for sequence in story.retries()] == [2]


@pytest.mark.parametrize(
    ("at", "together"), [(WINDOW, True), (WINDOW + 0.1, False), (-1.0, True), (-WINDOW - 1, False)]
)
@pytest.mark.parametrize("key", [None, "other"])
def test_same_content_joins_in_the_window(story: Story, at: float, key: str | None, *, together: bool) -> None:
    story.attempt(fault=LOST)
    story.attempt(at, key)

    assert (len(story.retries()) == 1) is together


def test_finished_deletion_is_not_gave_up(story: Story) -> None:
    story.attempt(key=None, content=None, outcome=Outcome.DELETED)

    assert story.findings(10 * WINDOW) == set()


def test_resources_have_separate_sequences(story: Story) -> None:
    story.attempt()
    story.attempt(request=request(target=path(resource="UserDefinedMessageSubscriptions.json")))

    assert [len(sequence.attempts) for sequence in story.retries()] == [1, 1]


@pytest.mark.parametrize("keys", [("k", "other"), (None, None), ("k", None), (None, "k")])
def test_same_content_after_a_success(story: Story, keys: tuple[str | None, str | None]) -> None:
    """It is another message, not a retry."""
    for key in keys:
        story.attempt(key=key)

    assert [(sequence.messages, sequence.findings) for sequence in story.retries()] == [(1, ()), (1, ())]


@pytest.mark.parametrize(
    "other",
    [
        {"owners": (ACCOUNT, OTHER_CALL)},
        {"owners": (OTHER_ACCOUNT, CALL)},
        {"key": "other", "content": "[]"},
        {"key": None, "content": "[]"},
        {"key": None, "content": None},
    ],
)
def test_other_call_or_content_is_separate(story: Story, other: dict[str, object]) -> None:
    story.attempt(fault=OUTAGE)
    story.attempt(**other)

    assert len(story.retries()) == 2


def test_twins_with_own_keys_stay_separate(story: Story) -> None:
    for at, fault in ((0.0, OUTAGE), (1.0, None)):
        for key in ("a", "b"):
            story.attempt(at, key, fault=fault)

    assert [[one.idempotency_key for one in sequence.attempts] for sequence in story.retries()] == [
        ["a", "a"],
        ["b", "b"],
    ]
    assert {sequence.findings for sequence in story.retries()} == {
        (RetryFinding.RETRIED_SAME_KEY, RetryFinding.RECOVERED)
    }


def test_content_is_that_of_the_last_attempt(story: Story) -> None:
    story.attempt(fault=OUTAGE, content="1")
    story.attempt(fault=OUTAGE, content="2")
    story.attempt(key=None, content="1")

    assert [len(sequence.attempts) for sequence in story.retries()] == [2, 1]


def test_attempt_without_key_and_content(story: Story) -> None:
    """It is a sequence of its own."""
    for _ in range(2):
        story.attempt(key=None, content=None, problem=errors.CREDENTIALS_MISSING)

    assert len(story.retries()) == 2


def test_preflight_is_not_an_attempt(story: Story) -> None:
    story.attempt(outcome=Outcome.PREFLIGHT)

    assert story.retries() == []


FAULTS = st.sampled_from([None, None, LOST, DROPPED, OUTAGE, LIMITED, answered(errors.CALL_UNKNOWN)])
ATTEMPTS = st.lists(
    st.tuples(
        st.floats(-200, 200),
        st.sampled_from([None, "a", "b"]),
        st.sampled_from([None, "1", "2"]),
        FAULTS,
        st.sampled_from([CALL, OTHER_CALL, None]),
    ),
    max_size=12,
)


@given(ATTEMPTS)
def test_each_attempt_is_in_one_sequence(
    attempts: list[tuple[float, str | None, str | None, InjectedFault | None, str | None]],
) -> None:
    story = Story()
    for at, key, content, fault, call in attempts:
        story.attempt(at, key, content, fault=fault, owners=(ACCOUNT, call))
    story.attempt(outcome=Outcome.PREFLIGHT)
    retries = story.retries(1000.0)

    assert sorted(one.seq for sequence in retries for one in sequence.attempts) == [*range(1, len(attempts) + 1)]
    assert [sequence.seq for sequence in retries] == sorted(sequence.seq for sequence in retries)
    for sequence in retries:
        assert [one.seq for one in sequence.attempts] == sorted(one.seq for one in sequence.attempts)
        assert len({one.owners for one in sequence.attempts}) == 1
        failed = not any(map(succeeded, sequence.attempts))
        assert failed is (RetryFinding.GAVE_UP in sequence.findings)
        assert not {RetryFinding.GAVE_UP, RetryFinding.RECOVERED} <= set(sequence.findings)
    keyed = [
        {(one.owners, one.idempotency_key) for one in sequence.attempts if one.idempotency_key} for sequence in retries
    ]
    assert sum(map(len, keyed)) == len(set().union(*keyed))


# --- findings


def test_sequence_has_gaps_and_messages(story: Story) -> None:
    """It has the name of its first attempt."""
    story.attempt(fault=LOST)
    story.attempt(1.5, None, fault=DROPPED)
    story.attempt(4.0, "other")
    (sequence,) = story.retries()

    assert (sequence.id, sequence.seq) == (story.exchanges[0].request_id, 3)
    assert sequence.gaps == (1.5, 2.5)
    assert sequence.messages == 2


def test_immediate_success_has_no_findings(story: Story) -> None:
    story.attempt()

    assert story.findings(1000.0) == set()


def test_late_response_is_not_a_failure(story: Story) -> None:
    """Unless the client left before it."""
    first = story.attempt(fault=LATE)
    before = story.findings(1000.0)
    first.context.was_left = True

    assert (before, story.findings(1000.0)) == (set(), {"gave_up"})


@pytest.mark.parametrize("fault", [LOST, DROPPED, CLOSED, TRUNCATED, GARBAGE, OUTAGE])
@pytest.mark.parametrize(
    ("key", "finding"),
    [("k", "retried_same_key"), ("other", "retried_new_key"), (None, "retried_without_key")],
)
def test_retry_finding_depends_on_the_key(story: Story, fault: InjectedFault, key: str | None, finding: str) -> None:
    story.attempt(fault=fault)
    story.attempt(1.0, key)

    assert story.findings() == {finding, "recovered"}


def test_first_attempt_without_key(story: Story) -> None:
    """A retry with a key counts as a retry with a new key."""
    story.attempt(key=None, fault=LOST)
    story.attempt(1.0, "k")

    assert story.findings() == {"retried_new_key", "recovered"}


@pytest.mark.parametrize("outcome", [Outcome.REPLAYED, Outcome.MISMATCH])
def test_key_reused_after_a_success(story: Story, outcome: Outcome) -> None:
    """It causes no finding, except for other content."""
    story.attempt()
    story.attempt(1.0, outcome=outcome, content="{}" if outcome is Outcome.REPLAYED else "[]")

    assert story.findings() == (set() if outcome is Outcome.REPLAYED else {"retried_other_content"})


def test_other_content_under_a_failed_key(story: Story) -> None:
    """It is not a retry of the failed attempt."""
    story.attempt(problem=errors.CONTENT_NOT_JSON, content="no")
    story.attempt(1.0)

    assert story.findings() == {"retried_other_content", "recovered"}


@pytest.mark.parametrize(("after", "early"), [(0.1, True), (2.9, True), (2.97, False), (3.0, False)])
@pytest.mark.parametrize("duration", [None, 1.0])
def test_retry_before_retry_after_is_early(story: Story, after: float, duration: float | None, *, early: bool) -> None:
    """Retry-After counts from the sending of the response, with a small tolerance for timers that fire early."""
    story.attempt(fault=answered(errors.TOO_MANY_REQUESTS, 2, delay=1.0), duration=duration)
    story.attempt(after)

    assert story.findings() == {"retried_same_key", "recovered"} | ({"retried_too_early"} if early else set())


def test_frozen_clock_gives_no_early_finding(story: Story) -> None:
    story.attempt(fault=answered(errors.TOO_MANY_REQUESTS, 2))
    story.attempt()

    assert story.findings() == {"retried_same_key", "recovered"}


def test_success_after_a_refusal(story: Story) -> None:
    """The finding is recovered, not retried_a_refusal."""
    story.attempt(problem=errors.CALL_NOT_ACTIVE)
    story.attempt(1.0)

    assert story.findings() == {"recovered"}


@pytest.mark.parametrize("fault", [OUTAGE, LOST, DROPPED])
def test_early_requires_retry_after(story: Story, fault: InjectedFault) -> None:
    story.attempt(fault=fault)
    story.attempt(-1.0)  # the clock was set back

    assert "retried_too_early" not in story.findings()


def test_client_that_left_saw_no_retry_after(story: Story) -> None:
    story.attempt(fault=LIMITED).context.was_left = True
    story.attempt()

    assert story.findings() == {"retried_same_key", "recovered"}


def other(status: int) -> InjectedFault:
    problem = errors.like(status, None)
    assert problem is not None
    return answered(problem)


@pytest.mark.parametrize("key", ["k", "other", None])
@pytest.mark.parametrize("status", [400, 401, 404, 409, 422])
def test_final_refusal_should_not_be_retried(story: Story, status: int, key: str | None) -> None:
    story.attempt(fault=other(status))
    story.attempt(1.0, key, fault=other(status))

    assert story.findings() == {"retried_a_refusal"}


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_temporary_failure_may_be_retried(story: Story, status: int) -> None:
    story.attempt(fault=other(status))
    story.attempt(1.0)

    assert story.findings() == {"retried_same_key", "recovered"}


def test_unseen_refusal_may_be_retried(story: Story) -> None:
    story.attempt(fault=other(404)).context.was_left = True
    story.attempt(1.0)

    assert story.findings() == {"retried_same_key", "recovered"}


def test_other_credentials_are_no_retry(story: Story) -> None:
    wrong, right = (request(head=pack([(b"authorization", basic(secret=secret))])) for secret in ("wrong", "right"))
    story.attempt(problem=errors.TOKEN_WRONG, request=wrong)
    again = story.findings()
    story.attempt(1.0, request=right)

    assert (again, story.findings()) == (set(), {"recovered"})


@pytest.mark.parametrize(("now", "expected"), [(WINDOW, set()), (WINDOW + 1, {"gave_up"})])
def test_last_failure_is_gave_up(story: Story, now: float, expected: set[str]) -> None:
    story.attempt(-5.0, fault=OUTAGE)
    story.attempt(fault=OUTAGE)

    assert story.findings(now) == {"retried_same_key"} | expected


def test_late_failure_is_no_recovery(story: Story) -> None:
    story.attempt()
    story.attempt(1.0, fault=LOST, outcome=Outcome.REPLAYED)

    assert story.findings() == set()


def test_order_of_findings_is_fixed(story: Story) -> None:
    story.attempt(fault=LIMITED)
    story.attempt(1.0, fault=OUTAGE)
    story.attempt(2.0, "other")
    (sequence,) = story.retries()

    assert sequence.findings == (
        RetryFinding.RETRIED_SAME_KEY,
        RetryFinding.RETRIED_NEW_KEY,
        RetryFinding.RETRIED_TOO_EARLY,
        RetryFinding.RECOVERED,
    )


# --- in the engine


def test_engine_uses_its_window_and_clock() -> None:
    time = Time()
    engine = make_engine(time, retry_window=10)
    engine.faults.add(FaultRuleSpec(then=FaultEffect(fault=DropFault(Drop.AFTER)), times=1))
    post(engine, key="a")
    time.now += 5
    post(engine, key="b")
    post(engine, call_sid=OTHER_CALL)
    mine = asyncio.run(engine.retries(Scope(ACCOUNT, CALL)))
    others = asyncio.run(engine.retries(Scope(ACCOUNT, OTHER_CALL)))

    assert [(sequence.gaps, sequence.messages) for sequence in mine] == [((5.0,), 2)]
    assert [sequence.findings for sequence in (*mine, *others)] == [
        (RetryFinding.RETRIED_NEW_KEY, RetryFinding.RECOVERED),
        (),
    ]
    assert len(asyncio.run(engine.retries(Scope()))) == 2


# --- descriptions


@pytest.mark.parametrize("finding", RetryFinding)
def test_every_finding_has_a_text(finding: RetryFinding) -> None:
    assert finding.says


def test_sequence_is_described_in_lines(story: Story) -> None:
    story.attempt(content='"' + "x" * 100 + '"', fault=LOST)
    story.attempt(1.5, None, story.exchanges[0].content, fault=LIMITED)
    first, *rest = describe(story.retries()[0])

    assert first.startswith(f'2 attempts for {CALL}, content "xxx')
    assert "…, 1 message created: " in first
    assert "(retried_without_key)" in first
    assert rest == [
        "number 1: created 201, drop-after by fault-1, response lost, key k",
        "number 2, 1.500 s later: faulted 429/20429, reply by fault-1, no key",
    ]


def test_sequence_without_findings_is_worded(story: Story) -> None:
    story.attempt(key=None, content=None, problem=errors.PATH_UNKNOWN, owners=(None, None))

    assert describe(story.retries()[0]) == [
        "1 attempt for no call, no content, 0 messages created",
        "number 1: refused 404/20404, no key",
    ]


class Over:
    """A placeholder for a future that is never read."""


def explained(end: WaitEnd, retries: list[RetryGroup], **bounds: int | None) -> list[str]:
    wait = Waiter(RetryFilter(finding=RetryFinding.RECOVERED), bounds.get("at_least"), bounds.get("at_most"), 0, Over())
    return explain(wait, end, retries)


def test_explanation_is_newest_first(story: Story) -> None:
    for number in range(7):
        story.attempt(key=str(number), content=str(number), fault=OUTAGE)
    lines = explained(WaitEnd.TIMED_OUT, story.retries(), at_least=1)

    assert lines[0] == "wanted at least 1 retry sequence (with the finding recovered), 0 found"
    assert [line.split(":")[0] for line in lines if line.startswith("  number")] == [f"  number {n}" for n in "76543"]


@pytest.mark.parametrize(
    ("end", "word"), [(WaitEnd.RESET, "reset while"), (WaitEnd.STOPPED, "stopped while"), (WaitEnd.DECIDED, "found")]
)
def test_interrupted_wait_is_explained(end: WaitEnd, word: str) -> None:
    first, second = explained(end, [], at_least=2, at_most=3)

    assert "wanted at least 2 and at most 3 retry sequences (with the finding recovered)" in first
    assert word in first
    assert "no attempt at all" in second


def test_long_sequences_show_both_ends(story: Story) -> None:
    for second in range(130):
        story.attempt(float(second), fault=OUTAGE)

    lines = describe(story.retries()[0])

    assert (len(lines), lines[51]) == (102, "30 more")
    assert [line.partition(",")[0] for line in (lines[50], lines[52])] == ["number 50", "number 81"]


@pytest.mark.parametrize(
    ("wanted", "matches"),
    [
        (RetryFilter(), True),
        (RetryFilter(after=1), True),
        (RetryFilter(after=2), False),
        (RetryFilter(finding=RetryFinding.RECOVERED), True),
        (RetryFilter(finding=RetryFinding.GAVE_UP), False),
    ],
)
def test_filter_compares_sequence(story: Story, wanted: RetryFilter, *, matches: bool) -> None:
    story.attempt(fault=LOST)
    story.attempt(1.0)
    (sequence,) = story.retries()

    assert wanted.may_match(sequence) is matches


def test_filter_of_attempts_has_no_position() -> None:
    wanted = RetryFilter(call_sid=CALL, after=3, finding=RetryFinding.RECOVERED)

    assert wanted.of_attempts == MessageFilter(call_sid=CALL)
