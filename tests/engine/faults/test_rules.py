"""Rules against a model in plain Python: for any requests in any order, the first rule that fires wins."""

import math
import random
from collections import Counter
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, SOME_TIME, Time, account, make_engine, post

from emulator.endpoints.exchange_response import reply_of
from emulator.engine.capacity import CapacityError
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.kinds.close import CloseFault
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.faults.kinds.garbage import GarbageFault
from emulator.engine.faults.kinds.quota import QuotaFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.request_facts import RequestFacts
from emulator.engine.faults.rules import MAX_VALUES, FaultEffect, FaultRule, FaultRules, FaultRuleSpec, Match
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.wire import errors

ACCOUNTS = [ACCOUNT, OTHER_ACCOUNT]
CALLS = [CALL, OTHER_CALL]
CLOSE = FaultEffect(fault=CloseFault())
MAGIC = "CA" + "0" * 24 + "fa11dead"
BIG = "1" * 5000


def faults(time: Time | None = None) -> FaultRules:
    return FaultRules(account(), time or Time(), magic=True)


def asked(
    account_sid: str = ACCOUNT, call_sid: str = CALL, key: str | None = None, content: str = "{}", **more: str
) -> RequestFacts:
    return RequestFacts(
        account_sid, call_sid, more.get("resource", "UserDefinedMessages"), key, content, content.encode()
    )


def spec(then: FaultEffect = CLOSE, **given: object) -> FaultRuleSpec:
    return FaultRuleSpec(then=then, **given)


def struck(rules: FaultRules, *, now: float = SOME_TIME, **parts: str) -> str | None:
    """Return the id of the rule that fired for a request."""
    fault = rules.choose(asked(**parts), now)
    return None if fault is None else fault.rule


def test_contents_of_all_rules_are_limited() -> None:
    rules = faults()
    big = spec(match=Match(content=JsonSubset([1] * (MAX_VALUES // 2 - 1))))
    first, _ = rules.add(big), rules.add(big)
    rules.add(spec())
    with pytest.raises(CapacityError, match="fault_filters reached: at most 50000 JSON values"):
        rules.add(spec(match=Match(content=JsonSubset(None))))
    rules.remove(first.id)

    assert rules.add(big).number == 4


# --- the model

SCOPES = st.builds(Scope, st.sampled_from([None, *ACCOUNTS]), st.sampled_from([None, *CALLS]))
PLACES = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(CALLS))
ADD = st.tuples(
    st.just("add"), SCOPES, st.sampled_from([None, "k"]), st.integers(0, 2), st.sampled_from([None, 1, 2]),
    st.sampled_from([None, 1.0, 5.0]),
)  # fmt: skip
STEPS = st.lists(
    st.one_of(
        ADD,
        st.tuples(st.just("ask"), PLACES, st.sampled_from([None, "k"])),
        st.tuples(st.just("ask"), PLACES, st.sampled_from([None, "k"])),
        st.tuples(st.just("remove"), st.integers(0, 4)),
        st.tuples(st.just("reset"), SCOPES),
        st.tuples(st.just("pass_time"), st.sampled_from([0.5, 1.0, 4.0])),
    ),
    max_size=40,
)


@dataclass
class Expected:
    """Expected state of a rule."""

    rule: FaultRule
    scope: Scope
    key: str | None
    skip: int
    times: int | None
    ends_at: float | None
    matched: int = 0
    fired: int = 0


@dataclass
class World:
    """The rules and a simple model of their state."""

    time: Time = field(default_factory=Time)
    alive: list[Expected] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.faults = faults(self.time)

    def add(self, scope: Scope, key: str | None, skip: int, times: int | None, ttl: float | None) -> None:
        match = Match(scope=scope, idempotency_key=key)
        rule = self.faults.add(spec(match=match, skip_first=skip, times=times, ttl=ttl))
        self.alive.append(Expected(rule, scope, key, skip, times, None if ttl is None else self.time.now + ttl))

    def ask(self, place: tuple[str, str], key: str | None) -> None:
        expected = None
        for one in self.alive:
            if not one.scope.covers(*place) or one.key not in (None, key) or one.fired == one.times:
                continue
            one.matched += 1
            if one.matched > one.skip:
                one.fired += 1
                expected = one.rule.id
                break

        concerned = self.faults.may_apply(*place)

        assert struck(self.faults, account_sid=place[0], call_sid=place[1], key=key) == expected
        assert concerned or expected is None

    def remove(self, which: int) -> None:
        if which < len(self.alive):
            self.faults.remove(self.alive.pop(which).rule.id)

    def reset(self, scope: Scope) -> None:
        gone = [one for one in self.alive if scope.owns(one.scope.account_sid, one.scope.call_sid)]
        assert self.faults.reset(scope) == len(gone)
        self.alive = [one for one in self.alive if one not in gone]

    def pass_time(self, seconds: float) -> None:
        self.time.now += seconds
        self.alive = [one for one in self.alive if one.ends_at is None or self.time.now < one.ends_at]


@given(STEPS)
def test_first_firing_rule_wins(steps: list[tuple[str, object]]) -> None:
    world = World()
    for name, *given_ in steps:
        getattr(world, name)(*given_)

        assert [rule.id for rule in world.faults] == [one.rule.id for one in world.alive]
        assert [(one.rule.matched, one.rule.fired) for one in world.alive] == [
            (one.matched, one.fired) for one in world.alive
        ]
    for rule in list(world.faults):
        world.faults.remove(rule.id)
    assert len(world.faults) == 0
    assert not any(world.faults.may_apply(account, call) for account in ACCOUNTS for call in CALLS)


@given(st.lists(st.tuples(SCOPES.filter(lambda scope: scope.account_sid == ACCOUNT), st.integers(0, 2)), max_size=5))
def test_rules_do_not_affect_other_accounts(rules: list[tuple[Scope, int]]) -> None:
    chosen = faults()
    for scope, skip in rules:
        chosen.add(spec(match=Match(scope=scope), skip_first=skip))
    for call in CALLS * 5:
        assert not chosen.may_apply(OTHER_ACCOUNT, call)
        assert struck(chosen, account_sid=OTHER_ACCOUNT, call_sid=call) is None
    assert all(rule.matched == 0 for rule in chosen)


# --- matching


@pytest.mark.parametrize(
    ("match", "fits"),
    [
        pytest.param(Match(), True, id="any"),
        pytest.param(Match(resource="UserDefinedMessages"), True, id="resource"),
        pytest.param(Match(resource="Others"), False, id="another resource"),
        pytest.param(Match(idempotency_key="k"), True, id="key"),
        pytest.param(Match(idempotency_key="l"), False, id="another key"),
        pytest.param(Match(content=JsonSubset({"a": 1})), True, id="a part of the content"),
        pytest.param(Match(content=JsonSubset({"a": 1.0})), True, id="an equal number"),
        pytest.param(Match(content=JsonSubset({"a": True})), False, id="a boolean is no number"),
        pytest.param(Match(content=JsonSubset({"a": None})), False, id="null"),
        pytest.param(Match(content=JsonSubset(None)), False, id="null is a value"),
    ],
)
def test_a_rule_is_for_what_it_matches(match: Match, *, fits: bool) -> None:
    assert match.fits(asked(key="k", content='{"a": 1, "b": [2]}')) is fits


@pytest.mark.parametrize(
    ("content", "wanted", "fits"), [("hello", {}, False), ("", {}, False), ("null", None, True), ("{}", {}, True)]
)
def test_invalid_json_never_matches(content: str, wanted: object, *, fits: bool) -> None:
    assert Match(content=JsonSubset(wanted)).fits(asked(content=content)) is fits


def test_other_rules_do_not_count() -> None:
    rules = faults()
    rule = rules.add(spec(match=Match(idempotency_key="l"), times=1))

    assert struck(rules) is None
    assert (rule.matched, rule.fired, rule.is_spent) == (0, 0, False)


# --- effects


def test_fault_has_rule_delay_and_action() -> None:
    rules = faults()
    rules.add(spec(FaultEffect(delay=(2.0, 2.0), fault=GarbageFault())))

    assert rules.choose(asked(), SOME_TIME) == InjectedFault(rule="fault-1", delay=2.0, action=GarbageFault())


def test_rule_has_precedence_over_magic() -> None:
    rules = faults()
    rules.add(spec(times=1))

    assert struck(rules, call_sid=MAGIC) == "fault-1"
    assert rules.choose(asked(call_sid=MAGIC), SOME_TIME) == InjectedFault(
        rule="magic-fa11dead", action=DropFault(Drop.BEFORE)
    )


def test_response_is_lost_once_per_request() -> None:
    rules = faults()
    call = MAGIC[:-8] + "fa111057"
    attempts = [("a", "1"), ("a", "2"), (None, "1"), (None, "1"), (None, "2")]

    assert [bool(struck(rules, call_sid=call, key=key, content=content)) for key, content in attempts] == [
        True,
        False,
        True,
        False,
        True,
    ]


@given(st.integers(0, 2**63 - 1), st.floats(0.01, 0.99), st.floats(0, 5), st.floats(0, 5))
def test_a_seeded_run_is_reproducible(seed: int, probability: float, least: float, more: float) -> None:
    then = FaultEffect(delay=(least, least + more))

    def run() -> list[InjectedFault | None]:
        rules = faults()
        rules.add(spec(then, probability=probability, seed=seed))
        return [rules.choose(asked(), SOME_TIME) for _ in range(20)]

    first = run()
    assert first == run()
    assert all(least <= fault.delay <= least + more for fault in first if fault is not None)


@pytest.mark.parametrize(("probability", "fires"), [(0.0, {None}), (1.0, {"fault-1"}), (0.5, {None, "fault-1"})])
def test_probability_is_how_often_it_fires(probability: float, fires: set[str | None]) -> None:
    rules = faults()
    rule = rules.add(spec(probability=probability, seed=1))

    assert {struck(rules) for _ in range(100)} == fires
    assert rule.matched == 100


def test_seeds_of_two_rules_are_independent() -> None:
    one, two, alone = faults(), faults(), random.Random(7)
    for rules in (one, two):
        rules.add(spec(FaultEffect(), match=Match(scope=Scope(ACCOUNT)), probability=0.5, seed=7))
    two.add(spec(FaultEffect(), match=Match(scope=Scope(OTHER_ACCOUNT)), probability=0.5, seed=7))
    for _ in range(10):
        struck(two, account_sid=OTHER_ACCOUNT)

    assert [struck(one) for _ in range(20)] == [struck(two) for _ in range(20)]
    assert alone.random() != alone.random()


# --- quotas

WINDOW = 10.0
MOMENTS = st.lists(st.integers(-30, 30), min_size=1, max_size=40)


def quota(requests: int, window: float = WINDOW) -> FaultRuleSpec:
    return spec(FaultEffect(fault=QuotaFault(requests=requests, window=window)))


def refusal(rules: FaultRules, now: float) -> ReplyFault | None:
    fault = rules.choose(asked(), now)
    if fault is None:
        return None
    assert isinstance(fault.action, ReplyFault)
    return fault.action


@given(st.integers(0, 3), MOMENTS)
def test_quota_follows_a_reversed_clock(requests: int, steps: list[int]) -> None:
    rules = faults()
    rules.add(quota(requests))
    now, passed = SOME_TIME, list[float]()
    for step in steps:
        now += step
        passed = [moment for moment in passed if now - WINDOW < moment <= now]
        answer = refusal(rules, now)

        assert (answer is None) == (len(passed) < requests)
        if answer is None:
            passed.append(now)
        else:
            assert answer.problem.code == 20429
            assert answer.retry_after == math.ceil(passed[0] + WINDOW - now if passed else WINDOW)
            assert answer.retry_after > 0


@given(st.floats(1e-6, 5), st.floats(1e6, 4e9))
def test_client_that_waits_succeeds(window: float, now: float) -> None:
    rules = faults()
    rules.add(quota(1, window))
    assert refusal(rules, now) is None
    answer = refusal(rules, now)

    if answer is not None:  # None if the window is below the resolution of the clock
        assert answer.retry_after is not None
        assert answer.retry_after >= 1
        assert refusal(rules, now + answer.retry_after) is None


def test_only_requests_over_quota_fire() -> None:
    """Later rules see the others."""
    rules = faults()
    first = rules.add(quota(1))
    second = rules.add(spec())

    assert [struck(rules), struck(rules)] == ["fault-2", "fault-1"]
    assert [(rule.matched, rule.fired) for rule in (first, second)] == [(2, 1), (1, 1)]


# --- lifetime


def test_ttl_is_independent_of_the_clock() -> None:
    time = Time()
    rules = faults(time)
    rule = rules.add(spec(ttl=2.5))
    forever = rules.add(spec())

    assert (rules.seconds_left(rule), rules.seconds_left(forever)) == (2.5, None)
    assert struck(rules, now=SOME_TIME + 1000) == rule.id
    time.now += 2.5
    assert struck(rules) == forever.id
    assert rules.seconds_left(rule) == 0
    assert (rules.get(rule.id), rules.get(forever.id)) == (None, forever)
    assert list(rules) == [forever]


def test_ids_are_not_used_twice() -> None:
    rules = faults()
    rules.remove(rules.add(spec()).id)

    assert rules.add(spec(), "source").id == "fault-2"
    assert (len(rules), rules.get("fault-1")) == (1, None)
    assert [rule.source for rule in rules] == ["source"]


def test_expired_rules_do_not_count() -> None:
    time = Time()
    rules = FaultRules(account(faults=2), time, magic=True)
    rules.add(spec(ttl=1))
    rules.add(spec())
    with pytest.raises(CapacityError, match="faults"):
        rules.add(spec())
    time.now += 1

    assert rules.add(spec()).id == "fault-3"


# --- in the engine


def test_prevented_message_uses_no_key() -> None:
    engine = make_engine()
    engine.faults.add(spec(FaultEffect(fault=ReplyFault(errors.INTERNAL_ERROR)), times=1))
    failed, created, replayed = (post(engine, key="k") for _ in range(3))

    assert [one.outcome for one in (failed, created, replayed)] == ["faulted", "created", "replayed"]
    assert (failed.status, failed.code, failed.message, failed.is_lost) == (500, 20500, None, False)
    assert (failed.content, failed.idempotency_key) == ("{}", "k")


@pytest.mark.parametrize(
    ("action", "outcomes"),
    [
        pytest.param(CloseFault(), Counter(faulted=1), id="close"),
        pytest.param(DropFault(Drop.BEFORE), Counter(faulted=1), id="drop-before"),
        pytest.param(DropFault(Drop.AFTER), Counter(created=1), id="drop-after"),
        pytest.param(GarbageFault(), Counter(created=1), id="garbage"),
    ],
)
def test_missing_response_is_lost(action: GarbageFault, outcomes: Counter[str]) -> None:
    engine = make_engine()
    engine.faults.add(spec(FaultEffect(fault=action)))
    exchange = post(engine)

    assert Counter([str(exchange.outcome)]) == outcomes
    assert exchange.is_lost
    assert (exchange.status, reply_of(exchange) is None) == ((None, True) if exchange.message is None else (201, False))
