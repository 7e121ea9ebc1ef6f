"""Long work takes at most a slice per iteration of the event loop. Items are counted, not timed."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Self

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import CALL, OTHER_CALL, make_engine, post, subscription

from emulator.engine.callbacks.deliveries import DeliveryFilter
from emulator.engine.engine import Engine
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.waits import MessageWaiter, WaitEnd
from emulator.engine.scope import Scope
from emulator.engine.time_slices import MAX_JOBS, SECONDS, SLICE, Slices, Steps, Wakeups, Window, finish
from emulator.engine.voice.call_legs import EndUserMessage

MANY = 7 * SLICE
# An iteration may use the rest of one budget and then the next.
PER_ITERATION = 2 * SLICE


class Iterations:
    """Counts the items processed in each iteration of the event loop."""

    def __init__(self) -> None:
        self.now = 0
        self.done: Counter[int] = Counter()
        self._running = True

    async def __aenter__(self) -> Self:
        self._tick()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._running = False

    def _tick(self) -> None:
        self.now += 1
        if self._running:
            asyncio.get_running_loop().call_soon(self._tick)

    def count(self, _thing: object = None) -> bool:
        self.done[self.now] += 1
        return True

    @property
    def most(self) -> int:
        return max(self.done.values())


def counted(iterations: Iterations, items: int) -> Steps[int]:
    for _ in range(items):
        iterations.count()
        yield
    return items


def test_work_is_done_in_slices() -> None:
    async def run() -> tuple[list[int], Iterations]:
        slices = Slices()
        async with Iterations() as iterations:
            sizes = [1, SLICE, MANY, MANY, *[3] * 200]
            results = await asyncio.gather(*(slices.run(counted(iterations, size), size) for size in sizes))
        assert results == sizes
        return results, iterations

    results, iterations = asyncio.run(run())

    assert iterations.most <= PER_ITERATION
    assert iterations.done.total() == sum(results)


def test_small_work_is_not_blocked() -> None:
    async def run() -> list[str]:
        slices, order = Slices(), list[str]()

        async def job(name: str, items: int) -> None:
            await slices.map(lambda _: None, [0] * items)
            order.append(name)

        await asyncio.gather(*(job("large", MANY) for _ in range(MAX_JOBS + 1)), job("small", 1))
        return order

    assert asyncio.run(run())[0] == "small"


def test_results_are_in_order() -> None:
    async def run() -> tuple[list[int], tuple[int, list[int]]]:
        slices, items = Slices(), list(range(MANY))
        doubled = await slices.map(lambda item: item * 2, items)
        return doubled, await slices.page(lambda item: item % 3 == 0, lambda: items, MANY, Window(MANY))

    assert asyncio.run(run()) == ([2 * item for item in range(MANY)], (MANY // 3 + 1, list(range(0, MANY, 3))))


def test_work_can_be_done_at_once() -> None:
    assert finish(counted(Iterations(), 3)) == 3


def test_work_that_fails_lets_others_go_on() -> None:
    def failing() -> Steps[None]:
        yield
        raise ValueError("no")

    async def run() -> list[int]:
        slices = Slices()
        with pytest.raises(ValueError, match="no"):
            await slices.run(failing(), MANY)
        return await slices.map(abs, [-1])

    assert asyncio.run(run()) == [1]


def test_waits_are_woken_in_batches() -> None:
    async def run() -> tuple[Iterations, int]:
        engine = make_engine()
        async with Iterations() as iterations:

            async def client() -> None:
                wait = await engine.wait(RequestFilter(), at_least=1, at_most=None)
                await wait.over
                iterations.count()

            clients = [asyncio.ensure_future(client()) for _ in range(MANY)]
            for _ in range(3):
                await asyncio.sleep(0)
            assert len(engine.waits) == MANY
            post(engine)
            assert all(wait.end is WaitEnd.DECIDED for wait in engine.waits)
            await asyncio.gather(*clients)
        return iterations, len(clients)

    iterations, clients = asyncio.run(run())

    assert iterations.most <= PER_ITERATION
    assert iterations.done.total() == clients


def test_cancelled_waiter_is_skipped() -> None:
    async def run() -> list[str]:
        wakeups, loop = Wakeups(), asyncio.get_running_loop()
        futures = [loop.create_future() for _ in range(3 * SLICE)]
        for future in futures:
            wakeups.set(future, "result")
        futures[-1].cancel()
        return [await future for future in futures[:-1]]

    assert set(asyncio.run(run())) == {"result"}


# --- time


class Ticking:
    """A clock that advances by a fixed step whenever it is read."""

    def __init__(self, seconds: float) -> None:
        self._now, self._seconds = 0.0, seconds

    def __call__(self) -> float:
        self._now += self._seconds
        return self._now


@pytest.mark.parametrize(("seconds", "most"), [(SECONDS, 1), (SECONDS / 4, 4), (SECONDS / SLICE / 2, SLICE)])
def test_slice_ends_by_time(seconds: float, most: int) -> None:
    async def run() -> Iterations:
        slices = Slices(Ticking(seconds))
        async with Iterations() as iterations:
            assert await slices.run(counted(iterations, MANY), MANY) == MANY
        return iterations

    iterations = asyncio.run(run())

    assert most <= iterations.most <= 2 * most


def test_list_is_copied_when_a_job_starts() -> None:
    async def run() -> list[tuple[int, list[int]]]:
        slices, items, taken = Slices(), list(range(MANY)), list[int]()

        def take() -> list[int]:
            taken.append(1)
            return items

        jobs = [asyncio.ensure_future(slices.page(lambda _: True, take, MANY, Window(2))) for _ in range(2 * MAX_JOBS)]
        for _ in range(3):
            await asyncio.sleep(0)
        assert len(taken) <= MAX_JOBS
        return await asyncio.gather(*jobs)

    assert asyncio.run(run()) == [(MANY, [0, 1])] * 2 * MAX_JOBS


@given(st.lists(st.integers()), st.integers(0, 5), st.integers(0, 5), st.sampled_from(["oldest", "newest"]))
def test_a_window_is_a_part_from_one_end(items: list[int], limit: int, skip: int, order: str) -> None:
    newest_first = order == "newest"
    window = Window(limit, newest_first, skip)
    expected = (items[::-1] if newest_first else items)[skip : skip + limit]

    assert window.of(items) == expected
    assert asyncio.run(Slices().page(lambda _: True, lambda: items, 0, window)) == (len(items), expected)


# --- the engine's long work


def filled() -> Engine:
    engine = make_engine()
    for number in range(MANY):
        post(engine, f"[{number}]", call_sid=[CALL, OTHER_CALL][number % 2])
    engine.callback_dispatcher.subscriptions.add(subscription())
    for _ in range(MANY):
        engine.receive_end_user_message(EndUserMessage(None, CALL, "alice", "KX", "[1]", "application/json"))
    return engine


async def listed(engine: Engine) -> object:
    return (await engine.page(engine.journal.messages(RequestFilter(contains="7")), Window(1)))[0]


async def waited(engine: Engine) -> object:
    wait: MessageWaiter = await engine.wait(RequestFilter(contains="7"), at_least=MANY, at_most=None)
    return wait.count


async def deliveries(engine: Engine) -> object:
    return (await engine.page_of_deliveries(DeliveryFilter(contains="1"), Window(1)))[0]


async def delivery_wait(engine: Engine) -> object:
    return (await engine.wait_for_deliveries(DeliveryFilter(contains="1"), at_least=MANY + 1, at_most=None)).count


async def retries(engine: Engine) -> object:
    return len(await engine.retries(Scope()))


async def deleted(engine: Engine) -> object:
    return await engine.delete_messages(RequestFilter())


async def reset(engine: Engine) -> object:
    return (await engine.slices.run(engine.reset_in_steps(Scope()), MANY))["messages"]


SEVENS = sum("7" in str(number) for number in range(MANY))


@pytest.mark.parametrize(
    ("work", "result"),
    [
        (listed, SEVENS),
        (waited, SEVENS),
        (deliveries, MANY),
        (delivery_wait, MANY),
        (retries, MANY),
        (deleted, MANY),
        (reset, MANY),
    ],
)
def test_loop_runs_during_long_work(work: Callable[[Engine], Awaitable[object]], result: object) -> None:
    async def run() -> tuple[object, int]:
        engine = filled()
        async with Iterations() as iterations:
            return await work(engine), iterations.now

    found, iterations = asyncio.run(run())

    assert found == result
    assert iterations >= MANY // PER_ITERATION


def test_deletion_during_a_count_is_noticed() -> None:
    async def run() -> int:
        engine = filled()
        wait = asyncio.ensure_future(engine.wait(RequestFilter(contains="7"), at_least=MANY, at_most=None))
        await asyncio.sleep(0)
        await engine.delete_messages(RequestFilter(call_sid=CALL))
        return (await wait).count

    assert asyncio.run(run()) == sum("7" in str(number) for number in range(1, MANY, 2))


def test_early_arrival_counts_once() -> None:
    async def run() -> int:
        engine = filled()
        others = [asyncio.ensure_future(engine.slices.map(abs, [1] * MANY)) for _ in range(2 * MAX_JOBS)]
        wait = asyncio.ensure_future(engine.wait(RequestFilter(contains="7"), at_least=MANY, at_most=None))
        await asyncio.sleep(0)
        assert [wait.counts for wait in engine.waits] == [False]
        post(engine, "[7]")
        first = next(iter(engine.journal.messages(RequestFilter(contains="7"))))
        await engine.delete_messages(RequestFilter(contains="7", after=first.seq - 1, account_sid="nobody"))
        engine.journal.remove([first])
        engine.waits.item_removed(first)
        await asyncio.gather(*others)
        count = (await wait).count
        post(engine, "[7]")
        return count

    assert asyncio.run(run()) == SEVENS


def test_cancellation_during_a_count() -> None:
    async def run() -> int:
        engine = filled()
        wait = asyncio.ensure_future(engine.wait(RequestFilter(contains="7"), at_least=MANY, at_most=None))
        await asyncio.sleep(0)
        wait.cancel()
        await asyncio.gather(wait, return_exceptions=True)
        return len(engine.waits)

    assert asyncio.run(run()) == 0


@pytest.mark.parametrize(("scope", "there"), [(Scope(call_sid=CALL), MANY // 2), (Scope(), MANY)])
def test_arrival_during_a_reset_is_removed(scope: Scope, there: int) -> None:
    async def run() -> tuple[dict[str, int], int]:
        engine = filled()
        resetting = asyncio.ensure_future(engine.slices.run(engine.reset_in_steps(scope), MANY))
        await asyncio.sleep(0)
        post(engine, key="late")
        forgotten = await resetting
        return forgotten, len(engine.journal.messages(RequestFilter(call_sid=CALL)))

    forgotten, left = asyncio.run(run())

    assert (forgotten["requests"], forgotten["messages"], left) == (there + 1, there + 1, 0)


def test_key_during_a_reset_is_removed() -> None:
    engine = make_engine()
    post(engine, key="first")
    other = post(engine, key="other", call_sid=OTHER_CALL)
    steps = engine.reset_in_steps(Scope(call_sid=CALL))
    for number in range(3):
        next(steps)
        post(engine, key=f"late {number}")
    finish(steps)

    assert engine.memory["idempotency_keys"].entries == 1
    assert post(engine, key="other", call_sid=OTHER_CALL).made is other.made


def test_repeated_key_during_a_reset() -> None:
    engine = make_engine()
    post(engine, key="k")
    post(engine, key="other")
    steps = engine.preconditions.reset_keys(Scope())
    next(steps)
    finish(engine.preconditions.reset_keys(Scope()))
    newest = post(engine, key="k")
    finish(steps)

    assert post(engine, key="k").made is newest.made
