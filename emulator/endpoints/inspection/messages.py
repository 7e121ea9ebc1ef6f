"""`/_emulator/messages`: created messages."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response

from emulator.endpoints.api.messages import Deleted, Message, MessagePage
from emulator.endpoints.api.model import MESSAGE
from emulator.endpoints.inspection import records
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.listing import Listing, responses
from emulator.endpoints.inspection.query_params import MessageFilterQuery, MessagesQuery
from emulator.endpoints.inspection.rendering import rendered_all, totals
from emulator.engine.engine import Engine
from emulator.engine.explain.messages import LOOKED_AT, explain
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.journal.waits import MessageWaiter
from emulator.engine.time_slices import Window
from emulator.wire import sids

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/messages", tags=["messages"], responses=UNPROCESSABLE)


@router.get("", response_model=MessagePage, responses=responses(MessagePage), summary="List messages, or wait for them")
async def list_messages(engine: EngineDep, query: MessagesQuery, request: Request) -> Response:
    """Created messages, without rejected requests and replays. With `at_least` or `at_most`, wait."""
    listing = Listing(
        name="messages",
        find=partial(_find, engine),
        convert=records.message,
        totals=partial(totals, engine.journal),
        wait=partial(_wait, engine),
        explain=partial(_explain, engine),
        nothing_to_explain={"explanation": (), "near_misses": ()},
    )
    return await listing.respond(engine, query, request)


async def _find(engine: Engine, wanted: MessageFilter, window: Window) -> tuple[int, list[Exchange]]:
    return await engine.page(engine.journal.messages(wanted), window)


@asynccontextmanager
async def _wait(
    engine: Engine, wanted: MessageFilter, at_least: int | None, at_most: int | None
) -> AsyncIterator[MessageWaiter]:
    wait = await engine.wait(wanted, at_least=at_least, at_most=at_most)
    try:
        yield wait
    finally:
        engine.waits.end_wait(wait)


async def _explain(engine: Engine, wait: MessageWaiter) -> dict[str, Any]:
    lines, near_misses = await engine.slices.run(explain(wait, wait.ended, engine.journal), 2 * LOOKED_AT)
    return {"explanation": lines, "near_misses": await rendered_all(engine, records.near_miss, near_misses)}


@router.delete("", summary="Delete messages")
async def delete_messages(engine: EngineDep, wanted: MessageFilterQuery) -> Deleted:
    """Delete messages and their idempotency keys; the next request with the same key creates a message."""
    return Deleted(deleted=await engine.delete_messages(wanted.filter()))


@router.get("/{sid}", responses=NOT_FOUND, summary="Get a message")
async def get_message(engine: EngineDep, sid: Annotated[str, Path(examples=[MESSAGE])]) -> Message:
    """The message with this SID."""
    exchange = engine.journal.get(sid.removeprefix(sids.MESSAGE)) if sids.is_sid(sids.MESSAGE, sid) else None
    if exchange is None or exchange.created is None:
        raise HTTPException(404, f"no message {sid[:40]}; it was never created, or deleted, or evicted")
    return records.message(exchange)
