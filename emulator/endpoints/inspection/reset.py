"""`/_emulator/reset`: restore the initial state of a scope, or of the emulator."""

from fastapi import APIRouter, Request
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE, bad_value
from emulator.endpoints.inspection.query_params import ScopeQuery
from emulator.engine.journal.filters import Filter
from emulator.engine.scope import Scope

router = APIRouter(route_class=ControlRoute, tags=["reset"], responses=UNPROCESSABLE)


class WasReset(DeferredModel):
    """The numbers of removed records."""

    requests: int = Field(description="number of exchanges, including those of messages", examples=[3])
    messages: int = Field(examples=[2])
    calls: int = Field(examples=[1])
    schemas: int = Field(examples=[0])
    faults: int = Field(description="number of fault rules", examples=[0])
    subscriptions: int = Field(examples=[0])
    deliveries: int = Field(description="number of callbacks, sent or not", examples=[0])
    waits: int = Field(description="number of ended waits", examples=[0])


@router.post("/_emulator/reset", summary="Reset a scope, or everything")
async def reset(engine: EngineDep, wanted: ScopeQuery, request: Request) -> WasReset:
    """Delete messages, journal, idempotency keys, calls, schemas and faults of an account or call, and end its waits.

    Without a scope, delete everything, and restore the initial clock and seed.
    """
    scope, body = wanted.scope(), await request.body()
    if scope == Scope() and body.strip() not in (b"", b"{}"):
        # A misspelt scope must not delete the messages of other tests.
        raise bad_value("", body.decode(errors="replace"), "no body; send account_sid and call_sid in the query")
    history = len(engine.journal.requests(Filter())) + engine.memory["idempotency_keys"].entries
    return WasReset(**await engine.slices.run(engine.reset_in_steps(scope), history))
