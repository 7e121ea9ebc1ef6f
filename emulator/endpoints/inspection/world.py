"""`/_emulator/clock` and `/_emulator/seed`: time and chance of the whole process."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from emulator.endpoints.inspection.engine import Engine
from emulator.endpoints.inspection.problems import UNPROCESSABLE, bad_value
from emulator.wire.dates import iso8601

router = APIRouter(tags=["time and chance"], responses=UNPROCESSABLE)

# What every form of a date that the emulator writes can hold.
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(9999, 1, 1, tzinfo=UTC)
_LONGEST_STEP = 10 * 365 * 86400


def _text(given: object) -> object:
    if not isinstance(given, str):
        raise ValueError("give a text, as in 2026-01-02T03:04:05Z")  # noqa: TRY004  pydantic's word for a bad value
    return given


class ClockChange(BaseModel):
    """One of three."""

    model_config = ConfigDict(extra="forbid", strict=True)

    freeze: Annotated[AwareDatetime, Field(ge=_EARLIEST, lt=_LATEST, strict=False), BeforeValidator(_text)] | None = (
        Field(None, description="stand still at this time (ISO 8601 with a zone)", examples=["2026-01-02T03:04:05Z"])
    )
    advance: float | None = Field(
        None, ge=0, le=_LONGEST_STEP, description="go forward by so many seconds", examples=[60]
    )
    reset: bool | None = Field(None, description="true = as at the start", examples=[True])

    @model_validator(mode="after")
    def _exactly_one(self) -> "ClockChange":
        if (self.freeze is not None) + (self.advance is not None) + (self.reset is True) != 1:
            raise ValueError('give exactly one of "freeze", "advance" and "reset": true')
        return self


class ClockView(BaseModel):
    """The emulator's time."""

    now: str = Field(examples=["2026-01-02T03:04:05.000Z"])
    frozen: bool = Field(examples=[True])


class Seed(BaseModel):
    """Where the sequence of identifiers starts; null = at random."""

    model_config = ConfigDict(extra="forbid")

    seed: int | None = Field(ge=0, le=10**15 - 1, examples=[7])

    @field_validator("seed", mode="before")
    @classmethod
    def _is_no_switch(cls, seed: object) -> object:
        if isinstance(seed, bool):
            raise ValueError("give a whole number or null")  # noqa: TRY004  pydantic's word for a bad value
        return seed


def _view(engine: Engine) -> ClockView:
    return ClockView(now=iso8601(engine.clock.now()), frozen=engine.clock.frozen)


@router.get("/_emulator/clock", summary="What time is it here?")
async def get_clock(engine: Engine) -> ClockView:
    """The emulator's time."""
    return _view(engine)


@router.put("/_emulator/clock", summary="Freeze or advance the clock")
async def put_clock(engine: Engine, change: ClockChange) -> ClockView:
    """Change the time of `date_created`, `Date`, the journal and key expiry; waits run on."""
    if change.freeze is not None:
        engine.clock.freeze(change.freeze.timestamp())
    elif change.advance is not None:
        if engine.clock.now() + change.advance >= _LATEST.timestamp():
            raise bad_value("/advance", change.advance, f"the clock goes no further than {_LATEST:%Y-%m-%d}")
        engine.clock.advance(change.advance)
    else:
        engine.clock.reset()
    return _view(engine)


@router.get("/_emulator/seed", summary="The seed")
async def get_seed(engine: Engine) -> Seed:
    """The seed that identifiers are made from."""
    return Seed(seed=engine.chance.current_seed)


@router.put("/_emulator/seed", summary="Make identifiers reproducible")
async def put_seed(engine: Engine, seed: Seed) -> Seed:
    """SIDs and request ids become the sequence of this seed, from its beginning."""
    engine.chance.seed(seed.seed)
    return seed
