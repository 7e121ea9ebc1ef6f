"""`/_emulator/seed`: the random seed of identifiers."""

from fastapi import APIRouter
from pydantic import Field

from emulator.endpoints.api.seed import Seed
from emulator.endpoints.inspection.bodies import Body
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE

router = APIRouter(route_class=ControlRoute, tags=["clock and seed"], responses=UNPROCESSABLE)


class SeedBody(Body):
    """The seed of identifiers; null = random."""

    seed: int | None = Field(ge=0, le=10**15 - 1, examples=[7])


@router.get("/_emulator/seed", summary="Get the seed")
async def get_seed(engine: EngineDep) -> Seed:
    """Return the seed of identifiers."""
    return Seed(seed=engine.ids.current_seed)


@router.put("/_emulator/seed", summary="Set the seed")
async def put_seed(engine: EngineDep, body: SeedBody) -> Seed:
    """Restart the sequence of SIDs and request ids from this seed."""
    engine.ids.seed(body.seed)
    return Seed(seed=body.seed)
