"""`/_emulator/reset`: restore the initial state of a scope, or of the emulator."""

from fastapi import APIRouter, Request

from emulator.endpoints.api.reset import ResetCounts
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE, bad_value
from emulator.endpoints.inspection.query_params import ScopeQuery
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.scope import Scope

router = APIRouter(route_class=ControlRoute, tags=["reset"], responses=UNPROCESSABLE)


@router.post("/_emulator/reset", summary="Reset a scope, or everything")
async def reset(engine: EngineDep, wanted: ScopeQuery, request: Request) -> ResetCounts:
    """Delete messages, journal, idempotency keys, calls, schemas and faults of an account or call, and end its waits.

    Without a scope, delete everything, and restore the initial clock and seed.
    """
    scope, body = wanted.scope(), await request.body()
    if scope == Scope() and body.strip() not in (b"", b"{}"):
        # A misspelt scope must not delete the messages of other tests.
        raise bad_value("", body.decode(errors="replace"), "no body; send account_sid and call_sid in the query")
    history = len(engine.journal.requests(MessageFilter())) + engine.memory["idempotency_keys"].entries
    return ResetCounts(**await engine.slices.run(engine.reset_in_steps(scope), history))
