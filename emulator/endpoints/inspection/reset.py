"""`/_emulator/reset`: a clean start for one test, or for all."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from emulator.endpoints.inspection.engine import Engine
from emulator.endpoints.inspection.problems import UNPROCESSABLE
from emulator.endpoints.inspection.queries import ScopeQuery

router = APIRouter(tags=["reset"], responses=UNPROCESSABLE)


class WasReset(BaseModel):
    """What a reset removed."""

    requests: int = Field(description="exchanges, messages among them", examples=[3])
    messages: int = Field(examples=[2])
    calls: int = Field(examples=[1])
    schemas: int = Field(examples=[0])
    waits: int = Field(description="waits that were ended", examples=[0])


@router.post("/_emulator/reset", summary="Forget a scope, or everything")
async def reset(engine: Engine, scope: ScopeQuery) -> WasReset:
    """Forget messages, journal, idempotency keys, calls and schemas of an account or call, and end its waits.

    Without a scope everything goes, and clock and seed are as they were at the start.
    """
    return WasReset(**engine.reset(scope.scope()))
