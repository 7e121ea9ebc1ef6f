"""`/_emulator/retries`: sequences of attempts, and what they show of the client's retries."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from fastapi import APIRouter, Request, Response

from emulator.endpoints.api.retries import RetryPage
from emulator.endpoints.inspection import records
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE
from emulator.endpoints.inspection.listing import Listing, responses
from emulator.endpoints.inspection.query_params import RetriesQuery
from emulator.endpoints.inspection.rendering import totals
from emulator.engine.engine import Engine
from emulator.engine.events import EventKind, Subscriber
from emulator.engine.explain.retries import explain
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.journal.retries import RetryFilter, RetryGroup
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.scope import Owners, Scope
from emulator.engine.time_slices import SLICE, Steps, Window

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/retries", tags=["retries"], responses=UNPROCESSABLE)

RetryWaiter = Waiter[RetryFilter]


@router.get(
    "", response_model=RetryPage, responses=responses(RetryPage), summary="List retry sequences, or wait for them"
)
async def list_retries(engine: EngineDep, query: RetriesQuery, request: Request) -> Response:
    """Sequences of attempts, and findings about the client's retries, which are computed for each request.

    A sequence matches when one of its attempts does, and with `after` when its last attempt came later. With
    `at_least` or `at_most`, wait: each attempt in the scope is evaluated on arrival, not when time passes.
    """
    listing = Listing(
        name="retries",
        find=partial(_page, engine),
        convert=records.retry_sequence,
        totals=partial(totals, engine.journal),
        wait=partial(_wait, engine),
        explain=partial(_explain, engine),
        nothing_to_explain={"explanation": ()},
    )
    return await listing.respond(engine, query, request)


async def _page(engine: Engine, wanted: RetryFilter, window: Window) -> tuple[int, list[RetryGroup]]:
    found = await _found(engine, wanted)
    return len(found), window.of(found)


@asynccontextmanager
async def _wait(
    engine: Engine, wanted: RetryFilter, at_least: int | None, at_most: int | None
) -> AsyncIterator[RetryWaiter]:
    over: asyncio.Future[WaitEnd] = asyncio.get_running_loop().create_future()
    wait = RetryWaiter(wanted, at_least, at_most, 0, over)
    watching = asyncio.ensure_future(watch(engine, wait))
    watching.add_done_callback(partial(_end_with, wait))
    try:
        yield wait
    finally:
        watching.cancel()
    wait.count = len(await _found(engine, wanted))  # the clock may have advanced


def _end_with(wait: RetryWaiter, watching: asyncio.Task[None]) -> None:
    """End a wait whose watch failed."""
    if not watching.cancelled() and (error := watching.exception()) and not wait.over.done():
        wait.over.set_exception(error)


async def _explain(engine: Engine, wait: RetryWaiter) -> dict[str, Any]:
    """Explain with near misses: sequences that lack only the finding, else all of the scope."""
    near = await _found(engine, replace(wait.wanted, finding=None)) or await engine.retries(wait.wanted.scope)
    return {"explanation": explain(wait, wait.ended, near)}


async def watch(engine: Engine, wait: RetryWaiter) -> None:
    """Return when the wait ends: decided, reset or stopped.

    Raises:
        CapacityError: too many clients wait already.
    """
    scope = wait.wanted.scope
    while not wait.over.done():
        reader = engine.events.open(MessageFilter(account_sid=scope.account_sid, call_sid=scope.call_sid))
        try:
            await _read(engine, wait, reader)
        finally:
            engine.events.close(reader)


async def _read(engine: Engine, wait: RetryWaiter, reader: Subscriber) -> None:
    """Count all sequences, then update the count with each event; return when the wait ends or the subscriber lags."""
    counts = await _counts(engine, wait)
    while not reader.lagged.is_set():
        if wait.decided:
            counts = await _counts(engine, wait)  # records may have been deleted
        if wait.decided:
            _end(wait, WaitEnd.DECIDED)
        if wait.over.done():
            return
        await reader.wait()
        events = await engine.slices.run(engine.events.read(reader), SLICE)
        if any(event.kind is EventKind.RESET for event in events):
            _end(wait, WaitEnd.RESET)
        elif reader.ended and not reader.lagged.is_set():
            _end(wait, WaitEnd.STOPPED)
        if not events:  # a client disconnected, which changes findings
            counts = await _counts(engine, wait)
        # An exchange can only change the retry sequences of its own account and call.
        for owners in {event.about.owners for event in events if isinstance(event.about, Exchange)}:
            found = await _found(engine, wait.wanted, Scope(*owners))
            counts[owners] = sum(_owners(sequence) == owners for sequence in found)
        wait.count = counts.total()


def _end(wait: RetryWaiter, end: WaitEnd) -> None:
    if wait.end is None:
        wait.end = end
        wait.over.set_result(end)


async def _counts(engine: Engine, wait: RetryWaiter) -> Counter[Owners]:
    counts = Counter(map(_owners, await _found(engine, wait.wanted)))
    wait.count = counts.total()
    return counts


def _owners(sequence: RetryGroup) -> Owners:
    return sequence.attempts[0].owners


async def _found(engine: Engine, wanted: RetryFilter, scope: Scope | None = None) -> list[RetryGroup]:
    retries = [sequence for sequence in await engine.retries(scope or wanted.scope) if wanted.may_match(sequence)]
    return await engine.slices.run(_with_attempt(wanted.of_attempts, retries), len(retries))


def _with_attempt(wanted: MessageFilter, retries: list[RetryGroup]) -> Steps[list[RetryGroup]]:
    """Return the sequences with an attempt that matches."""
    found = []
    for sequence in retries:
        for attempt in sequence.attempts:
            yield
            if wanted.matches(attempt):
                found.append(sequence)
                break
    return found
