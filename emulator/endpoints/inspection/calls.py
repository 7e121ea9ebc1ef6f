"""`/_emulator/calls`: telling the emulator what state a call is in."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Response
from pydantic import BaseModel, ConfigDict, Field

from emulator.endpoints.inspection.engine import Engine
from emulator.endpoints.inspection.problems import FULL, NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.queries import ScopeQuery
from emulator.engine.calls import Call, Leg, Status
from emulator.engine.scopes import Scope
from emulator.wire import sids

router = APIRouter(prefix="/_emulator/calls", tags=["calls"], responses=UNPROCESSABLE)

CallSid = Annotated[str, Path(pattern=f"^{sids.pattern(sids.CALL)}$", examples=["CA" + "b" * 32])]


class CallState(BaseModel):
    """What a call is; a message passes while it is ringing or in progress and its other end is a Voice SDK."""

    model_config = ConfigDict(extra="forbid")

    account_sid: str | None = Field(
        None,
        pattern=f"^{sids.pattern(sids.ACCOUNT)}$",
        description="null = every account's",
        examples=["AC" + "a" * 32],
    )
    status: Status = Status.IN_PROGRESS
    client: Leg = Leg.VOICE_SDK


class CallView(CallState):
    """A registered call."""

    call_sid: str = Field(examples=["CA" + "b" * 32])


class CallList(BaseModel):
    """All registered calls, in the order of their registration."""

    calls: list[CallView]
    count: int = Field(examples=[1])


def _view(call: Call) -> CallView:
    return CallView(call_sid=call.sid, account_sid=call.account_sid, status=call.status, client=call.client)


def _missing(call_sid: str) -> HTTPException:
    return HTTPException(404, f"call {call_sid} is not registered; PUT it first")


@router.get("", summary="List registered calls")
async def list_calls(engine: Engine, scope: ScopeQuery) -> CallList:
    """The registered calls of a scope; those of no account are everybody's."""
    wanted = scope.scope()
    calls = [_view(call) for call in engine.calls if wanted.overlaps(Scope(call.account_sid, call.sid))]
    return CallList(calls=calls, count=len(calls))


@router.put("/{call_sid}", responses={**FULL, 201: {"model": CallView, "description": "Registered anew"}})
async def put_call(engine: Engine, call_sid: CallSid, state: CallState, response: Response) -> CallView:
    """Register a call, or replace what is known of it (200)."""
    call = Call(sid=call_sid, account_sid=state.account_sid, status=state.status, client=state.client)
    if engine.calls.put(call):
        response.status_code = 201
    return _view(call)


@router.get("/{call_sid}", responses=NOT_FOUND)
async def get_call(engine: Engine, call_sid: CallSid) -> CallView:
    """What is known of a call."""
    call = engine.calls.get(call_sid)
    if call is None:
        raise _missing(call_sid)
    return _view(call)


@router.delete("/{call_sid}", status_code=204, responses=NOT_FOUND)
async def delete_call(engine: Engine, call_sid: CallSid) -> None:
    """Forget a call: it is again what the option `calls` says of unregistered ones."""
    if not engine.calls.remove(call_sid):
        raise _missing(call_sid)
