"""`/_emulator/messages`: created messages."""

import json
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.long_poll import Waited, page_response, responses, until_over, waited
from emulator.endpoints.inspection.models import (
    RecordError,
    json_response,
    listing,
    message_json,
    near_miss_json,
    rendered_all,
    totals,
)
from emulator.endpoints.inspection.query_params import MessageQuery, MessagesQuery, WantedQuery
from emulator.endpoints.inspection.requests import HandoverView
from emulator.engine.engine import Engine
from emulator.engine.explain.messages import LOOKED_AT, explain
from emulator.engine.journal.filters import Filter
from emulator.engine.journal.waits import MessageWaiter
from emulator.wire import sids

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/messages", tags=["messages"], responses=UNPROCESSABLE)

_EXAMPLE = "KX8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"


class SchemaErrorView(DeferredModel):
    """A violation of a schema."""

    pointer: str = Field(examples=["/to"])
    message: str


class SchemaVerdict(DeferredModel):
    """The validation result of a schema."""

    name: str
    valid: bool
    errors: list[SchemaErrorView]


class MessageView(DeferredModel):
    """A message that was created."""

    seq: int = Field(description="place in the journal, from 1", examples=[1])
    sid: str = Field(examples=[_EXAMPLE])
    account_sid: str = Field(examples=["AC" + "a" * 32])
    call_sid: str = Field(examples=["CA" + "b" * 32])
    content: str = Field(description="the text as received", examples=['{"key":"value"}'])
    json_: Any = Field(
        alias="json",
        description="the content parsed; null when it is not JSON, or an integer in it has over 4300 digits",
        examples=[{"key": "value"}],
    )
    idempotency_key: str | None = Field(examples=["1"])
    replays: int = Field(description="how often the key came again", examples=[0])
    notes: list[str] = Field(description="what is odd about the content but was accepted", examples=[[]])
    schemas: list[SchemaVerdict] = Field(description="what the schemas of its scope say", examples=[[]])
    date_created: str = Field(description="RFC 2822, as Twilio answered", examples=["Wed, 18 Dec 2019 20:02:01 +0000"])
    received_at: str = Field(description="ISO 8601, UTC", examples=["2019-12-18T20:02:01.123Z"])
    request_id: str = Field(examples=["RQ8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"])
    delivered: HandoverView | None = Field(description="who got it")


class LackView(DeferredModel):
    """A filter that an exchange did not match."""

    what: str = Field(description="the parameter that it did not match", examples=["call_sid"])
    wanted: Any
    found: Any
    differences: list[dict[str, Any]] = Field(description="for content: JSON pointers, wanted and found", examples=[[]])


class NearMissView(DeferredModel):
    """An exchange that matches most filters."""

    text: str = Field(examples=["number 1: message KX… for call CA…: it is for call CA…, not CA…"])
    lacks: list[LackView]
    request: dict[str, Any] = Field(description="the exchange, as in /_emulator/requests")


class MessagePage(Waited):
    """A page of messages."""

    messages: list[MessageView | RecordError]
    count: int = Field(description="how many match, listed or not", examples=[1])
    last_seq: int = Field(description="place of the newest exchange; ask again with `after` = this", examples=[1])
    oldest_seq: int = Field(description="place of the oldest exchange that is kept", examples=[1])
    evicted: int = Field(description="how many exchanges were dropped for want of room", examples=[0])
    near_misses: list[NearMissView | RecordError] = Field(
        default=[], description="after an unsatisfied wait: what nearly matched"
    )


class Deleted(DeferredModel):
    """The number of deleted messages."""

    deleted: int = Field(examples=[1])


@router.get(
    "",
    response_class=Response,
    responses=responses(MessagePage),
    summary="List what arrived, or wait for it",
)
async def list_messages(engine: EngineDep, query: MessagesQuery, request: Request) -> Response:
    """Created messages, without rejected requests and replays. With `at_least` or `at_most`, wait."""
    wanted = query.filter()
    more: dict[str, Any] = {}
    if query.waits:
        wait = await _wait(engine, query, wanted, request)
        more = waited(wait) | {"near_misses": []}
        if not wait.fulfilled:
            lines, near_misses = await engine.slices.run(explain(wait, wait.ended, engine.journal), 2 * LOOKED_AT)
            shown = await rendered_all(engine, near_miss_json, near_misses)
            more |= {"explanation": lines, "near_misses": [json.loads(text) for text in shown]}
    count, found = await engine.page(engine.journal.messages(wanted), query.window)
    listed = await rendered_all(engine, message_json, found)
    text = listing("messages", listed, **totals(count, engine.journal), **more)
    return page_response(text, more, strict=query.strict)


async def _wait(engine: Engine, query: MessageQuery, wanted: Filter, request: Request) -> MessageWaiter:
    wait = await engine.wait(wanted, at_least=query.at_least, at_most=query.at_most)
    try:
        await until_over(wait.over, query.seconds, request)
    finally:
        engine.waits.leave(wait)
    return wait


@router.delete("", summary="Forget messages")
async def delete_messages(engine: EngineDep, wanted: WantedQuery) -> Deleted:
    """Delete messages and their idempotency keys; the next request with the same key creates a message."""
    return Deleted(deleted=await engine.delete_messages(wanted.filter()))


@router.get(
    "/{sid}", response_class=Response, responses={**NOT_FOUND, 200: {"model": MessageView}}, summary="One message"
)
async def get_message(engine: EngineDep, sid: Annotated[str, Path(examples=[_EXAMPLE])]) -> Response:
    """The message with this SID."""
    exchange = engine.journal.get(sid.removeprefix(sids.MESSAGE)) if sids.is_sid(sids.MESSAGE, sid) else None
    if exchange is None or exchange.created is None:
        raise HTTPException(404, f"no message {sid[:40]}; it was never created, or deleted, or evicted")
    return json_response(message_json(exchange))
