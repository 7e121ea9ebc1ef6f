"""`/_emulator/calls/{CallSid}/end-user`: messages to and from the end user of a call."""

from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import AfterValidator, Field

from emulator.endpoints.api.end_users import CallMessages, MessageFromEndUser
from emulator.endpoints.api.errors import ErrorResponse
from emulator.endpoints.inspection import records
from emulator.endpoints.inspection.bodies import JSON_TEXT, Body, json_text
from emulator.endpoints.inspection.calls import CallSid
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE
from emulator.endpoints.inspection.query_params import SkipQuery
from emulator.endpoints.inspection.rendering import rendered_all
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.time_slices import Window
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


@router.get("", summary="List the messages of a call")
async def get_end_user(engine: EngineDep, call_sid: CallSid, page: SkipQuery) -> CallMessages:
    """List the newest messages of a call in both directions, oldest first: at most 1000 or 2 MiB per direction.

    `skip` omits the newest of each direction; the counts include all.
    """
    window = Window(_LIMIT, newest_first=True, skip=page.skip)
    leg = engine.call_controller.leg(call_sid)
    end_user_messages = engine.callback_dispatcher.end_user_messages.of_call(call_sid)
    count, found = await engine.page(engine.journal.messages(MessageFilter(call_sid=call_sid)), window)
    received = await rendered_all(engine, records.message, found)
    said = await rendered_all(engine, records.end_user_message, window.of(end_user_messages))
    return CallMessages(
        call_sid=call_sid,
        identity=leg.identity if leg else None,
        received=received[::-1],
        said=said[::-1],
        received_count=count,
        said_count=len(end_user_messages),
    )


@router.post(
    "/messages",
    status_code=201,
    responses={409: {"model": ErrorResponse, "description": "The call is not active"}},
    summary="Send a message as the end user",
)
async def say(engine: EngineDep, call_sid: CallSid, body: SaidBody) -> MessageFromEndUser:
    """Send a message as the end user; all subscriptions of the call are notified, as for a Voice SDK."""
    call, leg = engine.calls.get(call_sid), engine.call_controller.leg(call_sid)
    refusal = engine.calls.refusal(call.account_sid or "" if call is not None else "", call_sid)
    if refusal is not None:
        raise HTTPException(409, f"call {call_sid} cannot send messages: {_WHY_NOT[refusal]}")
    sid = sids.make(sids.MESSAGE, engine.ids.random_bytes(sids.ENTROPY_BYTES))
    saying = engine.receive_end_user_message(
        EndUserMessage(
            account_sid=call.account_sid if call is not None else None,
            call_sid=call_sid,
            identity=leg.identity if leg is not None else "",
            sid=sid,
            content=body.content,
            content_type=body.content_type,
        )
    )
    return records.end_user_message(saying)
