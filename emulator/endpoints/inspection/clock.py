"""`/_emulator/clock`: the clock of the emulator."""

import re
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, HTTPException
from pydantic import BeforeValidator, Discriminator, Field, Tag, WithJsonSchema

from emulator.endpoints.api.clock import ClockTime
from emulator.endpoints.api.errors import ErrorResponse
from emulator.endpoints.inspection.bodies import IN_BODY, Body, Yes, members
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE, Responses
from emulator.endpoints.inspection.records import timestamp

router = APIRouter(route_class=ControlRoute, tags=["clock and seed"], responses=UNPROCESSABLE)

# The range of all date formats that the emulator writes.
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_LONGEST_STEP = 10 * 365 * 86400
# RFC 3339, from 1970 to 9998, without leap seconds.
_TIMESTAMP = (
    r"^(19[7-9][0-9]|[2-8][0-9]{3}|9[0-8][0-9]{2}|99[0-8][0-9]|999[0-8])-[0-9]{2}-[0-9]{2}"
    r"T[0-9]{2}:[0-9]{2}:[0-5][0-9](\.[0-9]+)?(Z|[+-][0-9]{2}:[0-5][0-9])$"
)
_PAST_THE_END: Responses = {409: {"model": ErrorResponse, "description": f"The clock would reach {_LATEST:%Y-%m-%d}"}}


def _timestamp(given: object) -> datetime:
    if not isinstance(given, str) or not re.fullmatch(_TIMESTAMP, given):
        raise ValueError(
            f"give a time with a timezone, from 1970 to before {_LATEST:%Y-%m-%d}, as in 2026-01-02T03:04:05Z"
        )
    return datetime.fromisoformat(given)


Timestamp = Annotated[
    datetime,
    BeforeValidator(_timestamp),
    WithJsonSchema({"type": "string", "format": "date-time", "pattern": _TIMESTAMP}),
]


class FreezeBody(Body):
    """Freeze the clock."""

    freeze: Timestamp = Field(
        description="the time to freeze the clock at (RFC 3339, without leap seconds)",
        examples=["2026-01-02T03:04:05Z"],
    )


class AdvanceBody(Body):
    """Advance the clock."""

    advance: float = Field(ge=0, le=_LONGEST_STEP, description="seconds to advance the clock by", examples=[60])


class ResetBody(Body):
    """Restore the clock's initial state."""

    reset: Yes = Field(examples=[True])


_CHANGES = ("freeze", "advance", "reset")


def _exactly_one(given: object) -> object:
    if isinstance(given, dict) and len(members(given, _CHANGES)) != 1 and given.keys() <= set(_CHANGES):
        raise ValueError('give exactly one of "freeze", "advance" and "reset": true')
    return given


def _change(given: object) -> str:
    return "clock: " + next(iter(members(given, _CHANGES)), "freeze")


ClockChange = Annotated[
    Annotated[FreezeBody, Tag("clock: freeze")]
    | Annotated[AdvanceBody, Tag("clock: advance")]
    | Annotated[ResetBody, Tag("clock: reset")],
    Discriminator(_change),
    BeforeValidator(_exactly_one),
]


def _view(engine: EngineDep) -> ClockTime:
    return ClockTime(now=timestamp(engine.clock.now()), frozen=engine.clock.frozen)


@router.get("/_emulator/clock", summary="Get the emulator's time")
async def get_clock(engine: EngineDep) -> ClockTime:
    """Return the emulator's time."""
    return _view(engine)


@router.put("/_emulator/clock", responses=_PAST_THE_END, summary="Freeze, advance or reset the clock")
async def put_clock(engine: EngineDep, change: Annotated[ClockChange, IN_BODY]) -> ClockTime:
    """Set the time of `date_created`, `Date`, the journal and key expiry; it does not affect waits."""
    if isinstance(change, FreezeBody):
        engine.clock.freeze(change.freeze.timestamp())
    elif isinstance(change, AdvanceBody):
        if engine.clock.now() + change.advance >= _LATEST.timestamp():
            raise HTTPException(409, f"the clock cannot be advanced past {_LATEST:%Y-%m-%d}")
        engine.clock.advance(change.advance)
    else:
        engine.clock.reset()
    return _view(engine)
