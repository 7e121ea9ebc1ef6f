"""`/_emulator/calls`: register calls and set their state."""

from functools import partial
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response
from pydantic import Field
from typing_extensions import TypeAliasType  # pydantic requires it

from emulator.endpoints.api.calls import Call, CallList
from emulator.endpoints.inspection.bodies import IN_BODY, Body
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import FULL, NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.query_params import ScopeListingQuery
from emulator.endpoints.inspection.rendering import json_response, rendered_all
from emulator.engine.scope import Scope
from emulator.engine.state.calls import ACTIVE, Leg, RegisteredCall, Status
from emulator.engine.voice.call_control import NotReachableError
from emulator.wire import sids

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/calls", tags=["calls"], responses=UNPROCESSABLE)

CallSid = Annotated[str, Path(pattern=f"^{sids.pattern(sids.CALL)}$", examples=["CA" + "b" * 32])]


class CallBody(Body):
    """The state of a call. It accepts messages while it is ringing or in progress and its end user uses a Voice SDK."""

    account_sid: str | None = Field(
        None,
        pattern=f"^{sids.pattern(sids.ACCOUNT)}$",
        description="null: the call belongs to every account",
        examples=["AC" + "a" * 32],
    )
    status: Status = Field(Status.IN_PROGRESS, strict=False)
    client: Leg = Field(Leg.VOICE_SDK, strict=False)


class Placed(Body):
    """A call to a connected Voice SDK user."""

    to: str = Field(
        min_length=1,
        max_length=256,
        description="identity of the user, with or without the prefix client:",
        examples=["client:alice"],
    )
    from_: str = Field(
        "+15005550006",
        alias="from",
        min_length=1,
        max_length=256,
        description="the caller that the user sees",
        examples=["bob"],
    )
    account_sid: str | None = Field(
        None,
        pattern=f"^{sids.pattern(sids.ACCOUNT)}$",
        description="null: the user's account",
        examples=["AC" + "a" * 32],
    )
    parameters: dict[str, str] = Field(
        {}, max_length=100, description="custom parameters of the call", examples=[{"order": "7"}]
    )


CallPlacement = TypeAliasType("CallPlacement", Placed)


def _view(engine: EngineDep, call: RegisteredCall) -> Call:
    leg = engine.call_controller.leg(call.sid)
    return Call(
        call_sid=call.sid,
        account_sid=call.account_sid,
        status=call.status,
        client=call.client,
        identity=leg.identity if leg is not None else None,
    )


def _missing(call_sid: str) -> HTTPException:
    return HTTPException(404, f"call {call_sid} is not registered; PUT it first")


@router.get("", summary="List registered calls")
async def list_calls(engine: EngineDep, page: ScopeListingQuery) -> CallList:
    """List the registered calls of a scope; calls without an account belong to every account."""
    wanted = page.scope()
    calls = [call for call in engine.calls if wanted.overlaps(Scope(call.account_sid, call.sid))]
    listed = await rendered_all(engine, partial(_view, engine), calls[page.skip :])
    return CallList(calls=listed, count=len(calls))


@router.post("", status_code=201, responses={**FULL, **NOT_FOUND}, summary="Call a connected user")
async def place_call(engine: EngineDep, placed: Annotated[CallPlacement, IN_BODY]) -> Call:
    """Call a connected user: the Voice SDK rings until the call is accepted."""
    try:
        call_sid = engine.call_controller.place_call(
            placed.to, from_=placed.from_, account_sid=placed.account_sid, custom=placed.parameters
        )
    except NotReachableError as error:
        raise HTTPException(
            404, f"no user {str(error)[:40]!r} is registered; see GET /_emulator/users for the registered users"
        ) from None
    call = engine.calls.get(call_sid)
    assert call is not None
    return _view(engine, call)


@router.put("/{call_sid}", response_model=Call, responses={**FULL, 201: {"model": Call, "description": "Registered"}})
async def put_call(engine: EngineDep, call_sid: CallSid, state: CallBody) -> Response:
    """Register a call, or replace it (200). If it has ended, a connected Voice SDK is hung up."""
    if state.status not in ACTIVE:
        engine.call_controller.end_call(call_sid, state.status)
    leg = engine.call_controller.leg(call_sid)
    if leg is not None:
        leg.account_sid = state.account_sid
    call = RegisteredCall(sid=call_sid, account_sid=state.account_sid, status=state.status, client=state.client)
    is_new = engine.calls.add(call)
    return json_response(_view(engine, call), 201 if is_new else 200)


@router.get("/{call_sid}", responses=NOT_FOUND)
async def get_call(engine: EngineDep, call_sid: CallSid) -> Call:
    """Return a registered call."""
    call = engine.calls.get(call_sid)
    if call is None:
        raise _missing(call_sid)
    return _view(engine, call)


@router.delete("/{call_sid}", status_code=204, responses=NOT_FOUND)
async def delete_call(engine: EngineDep, call_sid: CallSid) -> None:
    """Delete a call, which ends it: it is then treated as unregistered (the option `calls`)."""
    engine.call_controller.end_call(call_sid, Status.CANCELED)
    if engine.calls.remove(call_sid) is None:
        raise _missing(call_sid)
