"""Waits against a model in plain Python: for any order of events, a wait ends exactly when it must."""

import asyncio
import operator
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, account, arrive, make_engine, post, request

from emulator.engine.capacity import CapacityError
from emulator.engine.journal.exchange import Exchange, RequestContext
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.waits import MAX_VALUES, MessageWaiter, MessageWaiters, WaitEnd
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.engine.time_slices import Wakeups, finish
from emulator.wire import errors
from emulator.wire.messages import NewMessage

ACCOUNTS = [ACCOUNT, OTHER_ACCOUNT]
CALLS = [CALL, OTHER_CALL]
PLACES = st.tuples(st.sampled_from(ACCOUNTS), st.sampled_from(CALLS))
SCOPES = st.tuples(st.sampled_from([None, *ACCOUNTS]), st.sampled_from([None, *CALLS]))
CARRIED = st.tuples(st.sampled_from(["1", "2"]), st.sampled_from([None, "k"]))


def wish(scope: tuple[str | None, str | None], **more: Any) -> RequestFilter:  # noqa: ANN401  a filter's parts
    return RequestFilter(account_sid=scope[0], call_sid=scope[1], **more)


# Half of the filters are broad, so that messages and waits often match.
WISHES = st.builds(wish, st.just((None, None)) | SCOPES) | st.builds(
    wish,
    SCOPES,
    idempotency_key=st.sampled_from([None, "k"]),
    contains=st.sampled_from([None, "1"]),
    after=st.integers(0, 3),
)
BOUNDS = st.tuples(st.none() | st.integers(0, 5), st.none() | st.integers(0, 5)).filter(
    lambda bounds: bounds != (None, None)
)
WHICH = st.integers(0, 3)
POST = st.tuples(st.just("post"), PLACES, CARRIED)
WAIT = st.tuples(st.just("wait"), WISHES, BOUNDS)
OTHER = st.one_of(
    st.tuples(st.just("delete"), WISHES),
    st.tuples(st.just("leave"), WHICH),
    st.tuples(st.just("arrive"), PLACES),
    st.tuples(st.just("create"), WHICH, CARRIED),
    st.tuples(st.just("refuse"), WHICH),
    st.tuples(st.just("reset"), SCOPES),
)
END = st.sampled_from([[], [("stop",)]])
STEPS = st.builds(operator.add, st.lists(st.one_of(POST, POST, WAIT, OTHER, OTHER), max_size=40), END)


def covers(scope: tuple[str | None, str | None], place: tuple[str, str]) -> bool:
    return all(wanted in (None, found) for wanted, found in zip(scope, place, strict=True))


def overlap(one: tuple[str | None, str | None], other: tuple[str | None, str | None]) -> bool:
    return any(covers(one, (a, c)) and covers(other, (a, c)) for a in ACCOUNTS for c in CALLS)


@dataclass(frozen=True)
class Kept:
    """An exchange expected in the journal."""

    seq: int
    place: tuple[str, str]
    content: str | None
    key: str | None
    is_message: bool

    def is_wanted(self, wanted: RequestFilter) -> bool:
        return (
            self.is_message
            and covers((wanted.account_sid, wanted.call_sid), self.place)
            and wanted.idempotency_key in (None, self.key)
            and (wanted.contains or "") in (self.content or "")
            and self.seq > wanted.after
        )


@dataclass
class Expected:
    """Expected state of a wait."""

    wanted: RequestFilter
    at_least: int | None
    at_most: int | None
    count: int
    end: WaitEnd | None = None

    def look(self) -> None:
        """End the wait when further items cannot change the result."""
        too_many = self.at_most is not None and self.count > self.at_most
        enough = self.at_most is None and self.at_least is not None and self.count >= self.at_least
        if self.end is None and (too_many or enough):
            self.end = WaitEnd.DECIDED


@dataclass
class World:
    """The engine and a simple model of its state."""

    limit: int
    kept: list[Kept] = field(default_factory=list)
    keys: dict[tuple[tuple[str, str], str], int] = field(default_factory=dict)
    waits: list[tuple[MessageWaiter, Expected]] = field(default_factory=list)
    in_flight: list[tuple[RequestContext, tuple[str, str], bool]] = field(default_factory=list)
    last_seq: int = 0

    def __post_init__(self) -> None:
        self.engine = make_engine(journal_limit=self.limit)

    async def wait(self, wanted: RequestFilter, bounds: tuple[int | None, int | None]) -> None:
        at_least, at_most = bounds
        wait = await self.engine.wait(wanted, at_least=at_least, at_most=at_most)
        expected = Expected(wanted, at_least, at_most, sum(each.is_wanted(wanted) for each in self.kept))
        expected.look()
        self.waits.append((wait, expected))

    def leave(self, which: int) -> None:
        if which < len(self.waits):
            self.engine.waits.end_wait(self.waits.pop(which)[0])

    def post(self, place: tuple[str, str], carried: tuple[str, str | None]) -> None:
        self.arrive(place)
        self.create(len(self.in_flight) - 1, carried)

    def arrive(self, place: tuple[str, str]) -> None:
        self.in_flight.append((self.engine.begin_request(*place), place, False))

    def create(self, which: int, carried: tuple[str, str | None]) -> None:
        if which >= len(self.in_flight):
            return
        arrival, place, is_stale = self.in_flight.pop(which)
        content, key = carried
        self.engine.create(arrival, request(), NewMessage(content, key))
        self.engine.end_request(arrival)
        if is_stale:
            return
        is_known = (place, key) in self.keys
        if key is not None and not is_known:
            self.keys[place, key] = self.last_seq + 1
        self.keep(place, content, key, is_message=not is_known)

    def refuse(self, which: int) -> None:
        if which >= len(self.in_flight):
            return
        arrival, place, is_stale = self.in_flight.pop(which)
        self.engine.refuse(arrival, request(), errors.CALL_UNKNOWN)
        self.engine.end_request(arrival)
        if not is_stale:
            self.keep(place, None, None, is_message=False)

    def keep(self, place: tuple[str, str], content: str | None, key: str | None, *, is_message: bool) -> None:
        self.last_seq += 1
        self.kept.append(Kept(self.last_seq, place, content, key, is_message))
        for _, expected in self.waits:
            expected.count += self.kept[-1].is_wanted(expected.wanted)
            expected.look()
        self.kept = self.kept[-self.limit :]  # evicted messages did arrive: waits still count them

    async def delete(self, wanted: RequestFilter) -> None:
        gone = [each for each in self.kept if each.is_wanted(wanted)]
        assert await self.engine.delete_messages(wanted) == len(gone)
        self.kept = [each for each in self.kept if each not in gone]
        self.keys = {key: seq for key, seq in self.keys.items() if seq not in [each.seq for each in gone]}
        for _, expected in self.waits:
            expected.count -= sum(each.is_wanted(expected.wanted) for each in gone)

    def reset(self, scope: tuple[str | None, str | None]) -> None:
        forgotten = self.engine.reset(Scope(*scope))
        concerned = [
            expected
            for _, expected in self.waits
            if expected.end is None and overlap(scope, (expected.wanted.account_sid, expected.wanted.call_sid))
        ]
        gone = [each for each in self.kept if covers(scope, each.place)]
        assert forgotten == {
            "requests": len(gone),
            "messages": sum(each.is_message for each in gone),
            "calls": 0,
            "schemas": 0,
            "faults": 0,
            "subscriptions": 0,
            "deliveries": 0,
            "waits": len(concerned),
        }
        for expected in concerned:
            expected.end = WaitEnd.RESET
        self.kept = [each for each in self.kept if each not in gone]
        self.keys = {key: seq for key, seq in self.keys.items() if not covers(scope, key[0])}
        self.in_flight = [
            (arrival, place, is_stale or covers(scope, place)) for arrival, place, is_stale in self.in_flight
        ]

    def stop(self) -> None:
        self.engine.stop()
        for _, expected in self.waits:
            expected.end = expected.end or WaitEnd.STOPPED

    def check(self) -> None:
        """Compare the engine with the model."""
        journal = self.engine.journal
        assert [each.seq for each in journal.requests(RequestFilter())] == [each.seq for each in self.kept]
        assert [each.seq for each in journal.messages(RequestFilter())] == [
            each.seq for each in self.kept if each.is_message
        ]
        assert len(self.engine.waits) == len(self.waits)
        for wait, expected in self.waits:
            assert (wait.over.result() if wait.over.done() else None) is expected.end
            if expected.end is None:
                assert wait.count == expected.count
            if expected.end is WaitEnd.DECIDED:
                assert wait.satisfied is (expected.at_most is None)


def play(limit: int, steps: list[tuple[Any, ...]]) -> World:
    """Apply the steps; check the state after each."""

    async def run() -> World:
        world = World(limit)
        for name, *values in steps:
            done = getattr(world, name)(*values)
            if done is not None:
                await done
            world.check()
        return world

    return asyncio.run(run())


@settings(max_examples=settings.default.max_examples * 5)
@given(st.sampled_from([1, 3, 1000]), STEPS)
def test_waits_end_exactly_when_satisfied(limit: int, steps: list[tuple[Any, ...]]) -> None:
    """For any sequence of arrivals, deletions and resets."""
    play(limit, steps)  # checks after each step


@given(STEPS)
def test_ended_waits_leave_nothing(steps: list[tuple[Any, ...]]) -> None:
    world = play(1000, steps)
    for wait, _ in world.waits:
        world.engine.waits.end_wait(wait)

    bound = world.engine.memory["waits"]
    assert (len(world.engine.waits), bound.entries, bound.bytes) == (0, 0, 0)
    assert repr(vars(world.engine.waits._by_scope)) == repr(vars(new_waits()._by_scope))


@given(STEPS, SCOPES)
def test_request_of_a_reset_never_reappears(steps: list[tuple[Any, ...]], scope: tuple[str | None, str | None]) -> None:
    world = play(1000, [*steps, ("reset", scope)])
    reader = world.engine.events.open(RequestFilter())
    stale = [(arrival, place) for arrival, place, is_stale in world.in_flight if is_stale]
    before = list(world.engine.journal.requests(RequestFilter()))
    for number, (arrival, _) in enumerate(stale):
        world.engine.create(arrival, request(), NewMessage("{}", f"fresh {number}"))

    assert list(world.engine.journal.requests(RequestFilter())) == before
    assert finish(world.engine.events.read(reader)) == []
    assert all(
        post(world.engine, key=f"fresh {number}", account_sid=account, call_sid=call).created
        for number, (_, (account, call)) in enumerate(stale)
    )


# Timeouts and disconnecting clients: many concurrent waits, each in its own task.


async def waits_for(world: World, wanted: RequestFilter, at_least: int) -> WaitEnd:
    """Wait as an endpoint does, and always leave the wait."""
    wait = await world.engine.wait(wanted, at_least=at_least, at_most=None)
    try:
        await asyncio.wait({wait.over})
        return wait.over.result()
    finally:
        world.engine.waits.end_wait(wait)


async def settled() -> None:
    """Run every task until it blocks."""
    for _ in range(5):
        await asyncio.sleep(0)


ACTS = st.lists(st.sampled_from(["come", "go", "post", "reset"]), max_size=40)


@given(ACTS)
def test_waits_are_woken_by_their_messages(acts: list[str]) -> None:
    async def run() -> None:
        world, tasks, posted = World(1000), [], 0
        for act in acts:
            if act == "come":
                tasks.append(
                    (posted + 2, asyncio.ensure_future(waits_for(world, RequestFilter(call_sid=CALL), posted + 2)))
                )
            elif act == "go" and tasks:
                tasks.pop(0)[1].cancel()
            elif act == "post":
                post(world.engine)
                posted += 1
            elif act == "reset":
                world.engine.reset(Scope(ACCOUNT))
                posted = 0
            await settled()
            over = [(wanted, task) for wanted, task in tasks if act == "reset" or posted >= wanted]
            assert [task for _, task in tasks if task.done()] == [task for _, task in over]
            assert {task.result() for _, task in over} <= {WaitEnd.RESET if act == "reset" else WaitEnd.DECIDED}
            tasks = [(wanted, task) for wanted, task in tasks if not task.done()]
            assert len(world.engine.waits) == len(tasks)
        for _, task in tasks:
            task.cancel()
        await settled()
        assert len(world.engine.waits) == 0

    asyncio.run(run())


def new_waits() -> MessageWaiters:
    return MessageWaiters(account(), Wakeups())


def begun(engine_waits: MessageWaiters, wanted: RequestFilter | None = None, **given: int | None) -> MessageWaiter:
    usual = {"at_least": None, "at_most": None, "count": 0}
    return engine_waits.begin(wanted or RequestFilter(), **{**usual, **given})


def test_filters_of_all_waits_have_a_bound() -> None:
    async def run() -> str:
        waits, half = new_waits(), RequestFilter(content=JsonSubset([1] * (MAX_VALUES // 2 - 1)))
        first, _ = begun(waits, half), begun(waits, half)
        begun(waits)
        with pytest.raises(CapacityError) as caught:
            begun(waits, RequestFilter(contains="x"))
        waits.end_wait(first)
        waits.end_wait(first)
        begun(waits, half)
        with pytest.raises(CapacityError):
            begun(waits, half)
        return str(caught.value)

    assert asyncio.run(run()) == f"wait_filters reached: at most {MAX_VALUES} JSON values; let some waits end first"


def alone(**given: int | None) -> MessageWaiter:
    """Begin a wait on a new event loop."""

    async def begin() -> MessageWaiter:
        return begun(new_waits(), **given)

    return asyncio.run(begin())


@pytest.mark.parametrize(
    ("at_least", "at_most", "count", "satisfied", "decided"),
    [
        pytest.param(1, None, 0, False, False, id="too few"),
        pytest.param(1, None, 1, True, True, id="enough"),
        pytest.param(0, None, 0, True, True, id="none needed"),
        pytest.param(None, 0, 0, True, False, id="none yet"),
        pytest.param(None, 0, 1, False, True, id="one too many"),
        pytest.param(1, 2, 0, False, False, id="too few of both"),
        pytest.param(1, 2, 1, True, False, id="enough, but more may come"),
        pytest.param(1, 2, 3, False, True, id="too many of both"),
    ],
)
def test_bounds_decide_when_a_wait_ends(
    at_least: int | None, at_most: int | None, count: int, *, satisfied: bool, decided: bool
) -> None:
    wait = alone(at_least=at_least, at_most=at_most, count=count)

    assert (wait.satisfied, wait.decided, wait.over.done()) == (satisfied, decided, decided)


def test_a_wait_ends_once() -> None:
    async def run() -> MessageWaiter:
        waits = new_waits()
        wait = begun(waits, at_least=1)
        assert (waits.end(Scope(), WaitEnd.RESET), waits.end(Scope(), WaitEnd.STOPPED)) == (1, 0)
        return wait

    wait = asyncio.run(run())

    assert wait.over.result() is wait.ended is WaitEnd.RESET


def test_cancelled_wait_is_ignored() -> None:
    async def run() -> MessageWaiters:
        waits = new_waits()
        begun(waits, at_least=1).over.cancel()
        waits.end(Scope(), WaitEnd.STOPPED)
        return waits

    assert len(asyncio.run(run())) == 1


def test_a_replay_does_not_count() -> None:
    async def run() -> tuple[MessageWaiter, Exchange]:
        engine = make_engine()
        post(engine, key="k")
        wait = await engine.wait(RequestFilter(), at_least=2, at_most=None)
        return wait, post(engine, key="k")

    wait, replay = asyncio.run(run())

    assert replay.created is None
    assert (wait.count, wait.over.done()) == (1, False)


def test_deleted_message_is_not_counted() -> None:
    async def run() -> MessageWaiter:
        engine = make_engine()
        post(engine)
        wait = await engine.wait(RequestFilter(), at_least=2, at_most=None)
        await engine.delete_messages(RequestFilter())
        post(engine)
        return wait

    wait = asyncio.run(run())

    assert (wait.count, wait.over.done()) == (1, False)


def test_satisfied_wait_stays_satisfied() -> None:
    async def run() -> MessageWaiter:
        engine = make_engine()
        wait = await engine.wait(RequestFilter(), at_least=1, at_most=None)
        post(engine)
        await engine.delete_messages(RequestFilter())
        return wait

    wait = asyncio.run(run())

    assert wait.over.result() is WaitEnd.DECIDED
    assert wait.satisfied


def test_only_awaited_deletions_count() -> None:
    async def run() -> MessageWaiter:
        engine = make_engine()
        post(engine, "1")
        post(engine, "2")
        wait = await engine.wait(RequestFilter(contains="1"), at_least=2, at_most=None)
        await engine.delete_messages(RequestFilter(contains="2"))
        return wait

    assert asyncio.run(run()).count == 1


def test_evicted_message_still_counts() -> None:
    async def run() -> MessageWaiter:
        engine = make_engine(journal_limit=1)
        wait = await engine.wait(RequestFilter(), at_least=3, at_most=None)
        for _ in range(3):
            post(engine)
        return wait

    assert asyncio.run(run()).over.result() is WaitEnd.DECIDED


def test_number_of_waits_is_limited() -> None:
    async def run() -> CapacityError:
        waits = new_waits()
        all_of_them = [begun(waits, at_least=1) for _ in range(10_000)]
        with pytest.raises(CapacityError) as caught:
            begun(waits, at_least=1)
        waits.end_wait(all_of_them[0])
        begun(waits, at_least=1)
        return caught.value

    error = asyncio.run(run())

    assert str(error) == "waits reached: at most 10000; let some end first"


def test_request_of_a_reset_may_be_refused() -> None:
    engine = make_engine()
    arrived = engine.begin_request(ACCOUNT, CALL)
    engine.reset(Scope(None, CALL))
    engine.refuse(arrived, request(), errors.FORM_BROKEN)
    engine.preflight(arrived, request())

    assert len(engine.journal.requests(RequestFilter())) == 0


def test_reset_of_others_changes_nothing() -> None:
    engine = make_engine()
    arrived = engine.begin_request(ACCOUNT, CALL)
    engine.reset(Scope(OTHER_ACCOUNT))
    engine.reset(Scope(ACCOUNT, OTHER_CALL))
    kept = engine.create(arrived, request(), NewMessage("{}", None))

    assert list(engine.journal.messages(RequestFilter())) == [kept]


def test_request_after_a_reset_is_recorded() -> None:
    engine = make_engine()
    engine.reset(Scope())
    kept = engine.create(arrive(engine), request(), NewMessage("{}", None))

    assert list(engine.journal.messages(RequestFilter())) == [kept]


def test_request_survives_no_later_reset() -> None:
    engine = make_engine()
    arrived = engine.begin_request(ACCOUNT, CALL)
    engine.reset(Scope(ACCOUNT))
    for number in range(2000):
        engine.reset(Scope(f"AC{number:032x}"))
    engine.create(arrived, request(), NewMessage("{}", None))

    assert len(engine.journal.requests(RequestFilter())) == 0


def test_request_of_a_reset_is_no_replay() -> None:
    engine = make_engine()
    arrived = engine.begin_request(ACCOUNT, CALL)
    engine.reset(Scope(ACCOUNT))
    fresh = post(engine, key="k")
    engine.create(arrived, request(), NewMessage("{}", "k"))

    assert fresh.message.replays == 0


@pytest.mark.parametrize(
    ("at_least", "end", "fulfilled"), [(0, None, True), (1, None, False), (0, WaitEnd.RESET, False)]
)
def test_interrupted_wait_is_not_fulfilled(at_least: int, end: WaitEnd | None, *, fulfilled: bool) -> None:
    wait = alone(at_least=at_least, at_most=None, count=0)
    wait.end = end

    assert wait.fulfilled is fulfilled
