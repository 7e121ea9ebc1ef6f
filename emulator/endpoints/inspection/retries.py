"""`/_emulator/retries`: sequences of attempts, and what they show of the client's retries."""

import asyncio
import json
from collections import Counter
from typing import Any

from fastapi import APIRouter, Request, Response
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE
from emulator.endpoints.inspection.long_poll import Waited, page_response, responses, until_over, waited
from emulator.endpoints.inspection.models import RecordError, fault_view, listing, rendered_all, totals
from emulator.endpoints.inspection.query_params import RetriesQuery, RetryQuery
from emulator.endpoints.inspection.requests import AppliedFault
from emulator.engine.engine import Engine
from emulator.engine.events import EventKind, Subscriber
from emulator.engine.explain.retries import describe, explain
from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.engine.journal.filters import Filter
from emulator.engine.journal.retries import RetryFinding, RetrySequence
from emulator.engine.journal.waits import MessageWaiter, WaitEnd
from emulator.engine.scope import Scope
from emulator.engine.slices import SLICE, Steps
from emulator.wire.dates import iso8601

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/retries", tags=["retries"], responses=UNPROCESSABLE)

Owners = tuple[str | None, str | None]

_REQUEST = "RQ8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"


class RetryAttemptView(DeferredModel):
    """A request of a retry sequence."""

    request_id: str = Field(examples=[_REQUEST])
    seq: int = Field(examples=[1])
    received_at: str = Field(examples=["2019-12-18T20:02:01.123Z"])
    gap: float | None = Field(description="seconds since the attempt before; null for the first", examples=[None])
    outcome: Outcome = Field(examples=["created"])
    status: int | None = Field(description="of the reply; null when a fault left none", examples=[201])
    code: int | None = Field(description="Twilio's error code", examples=[None])
    idempotency_key: str | None = Field(examples=["1"])
    content: str | None = Field(examples=['{"key":"value"}'])
    lost: bool = Field(description="whether the client got no whole answer", examples=[True])
    fault: AppliedFault | None = Field(description="what went wrong with it on purpose")


class RetrySequenceView(DeferredModel):
    """Attempts to create the same message, oldest first."""

    id: str = Field(description="the request id of the first attempt", examples=[_REQUEST])
    seq: int = Field(description="place of the last attempt", examples=[2])
    account_sid: str | None = Field(examples=["AC" + "a" * 32])
    call_sid: str | None = Field(examples=["CA" + "b" * 32])
    idempotency_key: str | None = Field(description="the first attempt's", examples=["1"])
    content: str | None = Field(description="the first attempt's", examples=['{"key":"value"}'])
    messages: int = Field(description="how many its attempts created; 2 = a duplicate", examples=[1])
    findings: list[RetryFinding] = Field(examples=[["retried_same_key", "recovered"]])
    explanation: list[str] = Field(description="all of it in words, a line for the retry sequence and one per attempt")
    attempts: list[RetryAttemptView] = Field(description="the first and last 50, where there are more than 100")
    left_out: int = Field(description="how many attempts are not shown", examples=[0])


class RetryPage(Waited):
    """A page of retry sequences."""

    retries: list[RetrySequenceView | RecordError]
    count: int = Field(description="how many match, listed or not", examples=[1])
    last_seq: int = Field(description="place of the newest exchange; ask again with `after` = this", examples=[2])
    oldest_seq: int = Field(description="place of the oldest exchange that is kept", examples=[1])
    evicted: int = Field(description="how many exchanges were dropped for want of room", examples=[0])


@router.get(
    "",
    response_class=Response,
    responses=responses(RetryPage),
    summary="List attempts that belong together, or wait for a verdict",
)
async def list_retries(engine: EngineDep, query: RetriesQuery, request: Request) -> Response:
    """Sequences of attempts, and findings about the client's retries, which are computed for each request.

    A sequence matches when one of its attempts does, and with `after` when its last attempt came later. With
    `at_least` or `at_most`, wait: each attempt in the scope is evaluated on arrival, not when time passes.
    """
    more: dict[str, Any] = {}
    if query.waits:
        more = await _wait(engine, query, request)
    found = await _found(engine, query)
    count, page = len(found), query.window.of(found)
    del found  # only the page is held while it is rendered
    listed = await rendered_all(engine, _json, page)
    text = listing("retries", listed, **totals(count, engine.journal), **more)
    return page_response(text, more, strict=query.strict)


async def _wait(engine: Engine, query: RetryQuery, request: Request) -> dict[str, Any]:
    """Return the result of a wait as members of the response."""
    over: asyncio.Future[WaitEnd] = asyncio.get_running_loop().create_future()
    wait = MessageWaiter(query.filter(), query.at_least, query.at_most, 0, over)
    watching = asyncio.ensure_future(watch(engine, query, wait))
    try:
        await until_over(watching, query.seconds, request)
        if watching.done():
            watching.result()
    finally:
        watching.cancel()
    wait.count = len(await _found(engine, query))  # the clock may have advanced
    more = waited(wait)
    if not wait.fulfilled:
        more["explanation"] = explain(wait, wait.ended, _described(query), await _near(engine, query))
    return more


async def watch(engine: Engine, query: RetryQuery, wait: MessageWaiter) -> None:
    """Return when the wait ends: decided, reset or stopped.

    Raises:
        CapacityError: too many clients wait already.
    """
    while not wait.over.done():
        reader = engine.events.open(Filter(account_sid=query.account_sid, call_sid=query.call_sid))
        try:
            await _read(engine, query, wait, reader)
        finally:
            engine.events.close(reader)


async def _read(engine: Engine, query: RetryQuery, wait: MessageWaiter, reader: Subscriber) -> None:
    """Count all sequences, then update the count with each event; return when the wait ends or the subscriber lags."""
    counts = await _counts(engine, query, wait)
    while not reader.lagged.is_set():
        if wait.decided:
            counts = await _counts(engine, query, wait)  # records may have been deleted
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
            counts = await _counts(engine, query, wait)
        # An exchange can only change the retry sequences of its own account and call.
        for owners in {event.about.owners for event in events if isinstance(event.about, Exchange)}:
            found = await _found(engine, query, Scope(*owners))
            counts[owners] = sum(_owners(sequence) == owners for sequence in found)
        wait.count = counts.total()


def _end(wait: MessageWaiter, end: WaitEnd) -> None:
    if wait.end is None:
        wait.end = end
        wait.over.set_result(end)


async def _counts(engine: Engine, query: RetryQuery, wait: MessageWaiter) -> Counter[Owners]:
    counts = Counter(map(_owners, await _found(engine, query)))
    wait.count = counts.total()
    return counts


def _owners(sequence: RetrySequence) -> Owners:
    return sequence.attempts[0].owners


async def _found(engine: Engine, query: RetryQuery, scope: Scope | None = None) -> list[RetrySequence]:
    wanted = query.filter(after=0)
    retries = [
        sequence
        for sequence in await engine.retries(scope or query.scope())
        if sequence.seq > query.after and query.finding in (None, *sequence.findings)
    ]
    return await engine.slices.run(_with_attempt(wanted, retries), len(retries))


def _with_attempt(wanted: Filter, retries: list[RetrySequence]) -> Steps[list[RetrySequence]]:
    """Return the sequences with an attempt that matches."""
    found = []
    for sequence in retries:
        for attempt in sequence.attempts:
            yield
            if wanted.matches(attempt):
                found.append(sequence)
                break
    return found


async def _near(engine: Engine, query: RetryQuery) -> list[RetrySequence]:
    """Return near misses: sequences that lack only the finding, else all of the scope."""
    found = await _found(engine, query.model_copy(update={"finding": None}))
    return found or await engine.retries(query.scope())


def _described(query: RetryQuery) -> str:
    what = "" if query.finding is None else f" with the finding {query.finding}"
    names = ("account_sid", "call_sid", "idempotency_key", "after", "content", "contains", "valid")
    given = [f"{name} {getattr(query, name)}" for name in names if name in query.model_fields_set]
    return f"{what} ({', '.join(given)})" if given else what


def _json(sequence: RetrySequence) -> str:
    first = sequence.attempts[0]
    view = {
        "id": sequence.id,
        "seq": sequence.seq,
        "account_sid": first.context.account_sid,
        "call_sid": first.context.call_sid,
        "idempotency_key": first.idempotency_key,
        "content": first.content,
        "messages": sequence.messages,
        "findings": sequence.findings,
        "explanation": describe(sequence),
        "attempts": [_attempt(*one) for one in sequence.ends],
        "left_out": len(sequence.attempts) - len(sequence.ends),
    }
    return json.dumps(view)


def _attempt(attempt: Exchange, gap: float | None) -> dict[str, Any]:
    return {
        "request_id": attempt.request_id,
        "seq": attempt.seq,
        "received_at": iso8601(attempt.context.received_at),
        "gap": gap,
        "outcome": attempt.outcome,
        "status": attempt.status,
        "code": attempt.code,
        "idempotency_key": attempt.idempotency_key,
        "content": attempt.content,
        "lost": attempt.is_lost,
        "fault": fault_view(attempt.fault),
    }
