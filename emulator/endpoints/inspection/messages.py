"""`/_emulator/messages`: what was created."""

from typing import Any

from fastapi import APIRouter, HTTPException, Response
from pydantic import BaseModel, Field

from emulator.endpoints.inspection.engine import Engine
from emulator.endpoints.inspection.problems import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.queries import PageQuery, WantedQuery
from emulator.endpoints.inspection.views import listing, message_json
from emulator.wire import sids

router = APIRouter(prefix="/_emulator/messages", tags=["messages"], responses=UNPROCESSABLE)


class MessageView(BaseModel):
    """A message that was created."""

    seq: int = Field(description="place in the journal, from 1", examples=[1])
    sid: str = Field(examples=["KX8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"])
    account_sid: str = Field(examples=["AC" + "a" * 32])
    call_sid: str = Field(examples=["CA" + "b" * 32])
    content: str = Field(description="the text as received", examples=['{"key":"value"}'])
    json_: Any = Field(
        alias="json",
        description="the content parsed; null when it is not JSON or a whole number in it has over 4300 digits",
        examples=[{"key": "value"}],
    )
    idempotency_key: str | None = Field(examples=["1"])
    replays: int = Field(description="how often the key came again", examples=[0])
    notes: list[str] = Field(description="what is odd about the content but was accepted", examples=[[]])
    date_created: str = Field(description="RFC 2822, as Twilio answered", examples=["Wed, 18 Dec 2019 20:02:01 +0000"])
    received_at: str = Field(description="ISO 8601, UTC", examples=["2019-12-18T20:02:01.123Z"])
    request_id: str = Field(examples=["RQ8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"])


class MessagePage(BaseModel):
    """A page of messages and what tells whether it is everything."""

    messages: list[MessageView]
    count: int = Field(description="how many match, listed or not", examples=[1])
    last_seq: int = Field(description="place of the newest exchange; ask again with `after` = this", examples=[1])
    oldest_seq: int = Field(description="place of the oldest exchange that is kept", examples=[1])
    evicted: int = Field(description="how many exchanges were dropped for want of room", examples=[0])


class Deleted(BaseModel):
    """How many were forgotten."""

    deleted: int = Field(examples=[1])


def _json(text: str) -> Response:
    return Response(text, media_type="application/json")


@router.get("", response_class=Response, responses={200: {"model": MessagePage}}, summary="List what arrived")
async def list_messages(engine: Engine, page: PageQuery) -> Response:
    """Messages that were created, refusals and replays not among them."""
    found = engine.journal.messages(page.filter())
    listed = found.page(page.limit, newest_first=page.order == "newest")
    return _json(listing("messages", map(message_json, listed), len(found), engine.journal))


@router.delete("", summary="Forget messages")
async def delete_messages(engine: Engine, wanted: WantedQuery) -> Deleted:
    """Forget messages and the idempotency keys that created them: the next request with such a key creates again."""
    return Deleted(deleted=engine.delete_messages(wanted.filter()))


@router.get(
    "/{sid}", response_class=Response, responses={**NOT_FOUND, 200: {"model": MessageView}}, summary="One message"
)
async def get_message(engine: Engine, sid: str) -> Response:
    """The message with this SID."""
    exchange = engine.journal.get(sid.removeprefix(sids.MESSAGE)) if sids.is_sid(sids.MESSAGE, sid) else None
    if exchange is None or exchange.created is None:
        raise HTTPException(404, f"no message {sid[:40]}; it was never created, or deleted, or evicted")
    return _json(message_json(exchange))
