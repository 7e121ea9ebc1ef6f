"""`/_emulator/calls/{CallSid}/end-user`: messages to and from the end user of a call."""

from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Response
from pydantic import AfterValidator, Field

from emulator.endpoints.inspection.bodies import JSON_TEXT, Body, json_text
from emulator.endpoints.inspection.calls import CallSid
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE
from emulator.endpoints.inspection.models import (
    RecordError,
    json_response,
    listing,
    message_json,
    rendered_all,
    saying_json,
)
from emulator.endpoints.inspection.query_params import SkipQuery
from emulator.engine.journal.filters import Filter
from emulator.engine.slices import Window
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.wire import sids
from emulator.wire.errors import CALL_IS_PSTN, CALL_NOT_ACTIVE, CALL_UNKNOWN
from emulator.wire.messages import MAX_CONTENT
from emulator.wire.signalling import CONTENT_TYPE

router = APIRouter(
    route_class=ControlRoute, prefix="/_emulator/calls/{call_sid}/end-user", tags=["end users"], responses=UNPROCESSABLE
)

_LIMIT = 1000
_WHY_NOT = {
    CALL_UNKNOWN: "it is not registered, which the option calls requires; register it with PUT",
    CALL_IS_PSTN: "its client is not a Voice SDK",
    CALL_NOT_ACTIVE: "it is not ringing or in progress",
}


class SaidBody(Body):
    """A message of the end user."""

    content: Annotated[str, AfterValidator(json_text)] = Field(
        max_length=MAX_CONTENT,
        description="JSON text",
        examples=['{"answer": "yes"}'],
        json_schema_extra=JSON_TEXT,
    )
    content_type: str = Field(CONTENT_TYPE, pattern=r"^[!-~]+$", max_length=100, examples=[CONTENT_TYPE])


class SaidView(DeferredModel):
    """A message that the end user sent."""

    sid: str = Field(examples=["KX" + "d" * 32])
    account_sid: str | None
    call_sid: str = Field(examples=["CA" + "b" * 32])
    identity: str = Field(examples=["alice"])
    content: str = Field(examples=['{"answer": "yes"}'])
    content_type: str = Field(examples=[CONTENT_TYPE])
    sequence_number: int = Field(examples=[1])
    at: str = Field(examples=["2019-12-18T20:02:01.123Z"])
    notified: int = Field(description="number of notified subscriptions", examples=[1])
    json_: Any = Field(alias="json", description="the parsed content", examples=[{"answer": "yes"}])


class EndUserView(DeferredModel):
    """Messages of a call in both directions."""

    call_sid: str = Field(examples=["CA" + "b" * 32])
    identity: str | None = Field(description="identity of the connected Voice SDK; null: none", examples=["alice"])
    received: list[dict[str, Any]] = Field(description="messages to the end user, as in /_emulator/messages")
    said: list[SaidView | RecordError]
    received_count: int = Field(description="number of messages to the end user, listed or not", examples=[0])
    said_count: int = Field(description="number of messages from the end user, listed or not", examples=[1])


@router.get(
    "", response_class=Response, responses={200: {"model": EndUserView}}, summary="List the messages of the end user"
)
async def get_end_user(engine: EngineDep, call_sid: CallSid, page: SkipQuery) -> Response:
    """List the newest messages of a call in both directions, oldest first: at most 1000 or 2 MiB per direction.

    `skip` omits the newest of each direction; the counts include all.
    """
    window = Window(_LIMIT, newest_first=True, skip=page.skip)
    party = engine.call_controller.party(call_sid)
    sayings = engine.callback_dispatcher.sayings.of_call(call_sid)
    count, found = await engine.page(engine.journal.messages(Filter(call_sid=call_sid)), window)
    received = await rendered_all(engine, message_json, found)
    said = await rendered_all(engine, saying_json, window.of(sayings))
    about = {
        "call_sid": call_sid,
        "identity": party.identity if party else None,
        "received_count": count,
        "said_count": len(sayings),
    }
    return json_response(listing("received", received[::-1])[:-1] + b", " + listing("said", said[::-1], **about)[1:])


@router.post(
    "/messages",
    status_code=201,
    response_class=Response,
    responses={201: {"model": SaidView}, 409: {"description": "The call is not active"}},
    summary="Send a message as the end user",
)
async def say(engine: EngineDep, call_sid: CallSid, body: SaidBody) -> Response:
    """Send a message as the end user; all subscriptions of the call are notified, as for a Voice SDK."""
    call, party = engine.calls.get(call_sid), engine.call_controller.party(call_sid)
    refusal = engine.calls.refusal(call.account_sid or "" if call is not None else "", call_sid)
    if refusal is not None:
        raise HTTPException(409, f"call {call_sid} cannot send messages: {_WHY_NOT[refusal]}")
    sid = sids.make(sids.MESSAGE, engine.ids.random_bytes(sids.ENTROPY_BYTES))
    saying = engine.receive_end_user_message(
        EndUserMessage(
            account_sid=call.account_sid if call is not None else None,
            call_sid=call_sid,
            identity=party.identity if party is not None else "",
            sid=sid,
            content=body.content,
            content_type=body.content_type,
        )
    )
    return json_response(saying_json(saying), 201)
