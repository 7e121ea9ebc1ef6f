"""`/_emulator/deliveries`: callbacks to subscriptions, and their outcomes."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response

from emulator.endpoints.api.deliveries import Delivery, DeliveryPage
from emulator.endpoints.inspection import records
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.listing import Listing, responses
from emulator.endpoints.inspection.query_params import DeliveriesQuery
from emulator.engine.callbacks.deliveries import Deliveries, DeliveryFilter
from emulator.engine.engine import Engine
from emulator.engine.explain.deliveries import LOOKED_AT, explain
from emulator.engine.journal.waits import Waiter

router = APIRouter(
    route_class=ControlRoute, prefix="/_emulator/deliveries", tags=["deliveries"], responses=UNPROCESSABLE
)


@router.get(
    "", response_model=DeliveryPage, responses=responses(DeliveryPage), summary="List callbacks, or wait for them"
)
async def list_deliveries(engine: EngineDep, mask: Mask, query: DeliveriesQuery, request: Request) -> Response:
    """Callbacks to subscriptions. With `at_least` or `at_most`, wait. A failed delivery has the code 32711."""
    listing = Listing(
        name="deliveries",
        find=engine.page_of_deliveries,
        convert=partial(records.delivery, mask=mask),
        totals=partial(_totals, engine.callback_dispatcher.deliveries),
        wait=partial(_wait, engine),
        explain=partial(_explain, engine),
        nothing_to_explain={"explanation": ()},
    )
    return await listing.respond(engine, query, request)


def _totals(deliveries: Deliveries, count: int) -> dict[str, int]:
    return {"count": count, "last_seq": deliveries.last_seq, "evicted": deliveries.evicted}


@asynccontextmanager
async def _wait(
    engine: Engine, wanted: DeliveryFilter, at_least: int | None, at_most: int | None
) -> AsyncIterator[Waiter[DeliveryFilter]]:
    wait = await engine.wait_for_deliveries(wanted, at_least=at_least, at_most=at_most)
    try:
        yield wait
    finally:
        engine.callback_dispatcher.deliveries.waits.end_wait(wait)


async def _explain(engine: Engine, wait: Waiter[DeliveryFilter]) -> dict[str, Any]:
    steps = explain(wait, wait.ended, engine.callback_dispatcher)
    return {"explanation": await engine.slices.run(steps, 2 * LOOKED_AT)}


@router.get("/{delivery_id}", responses=NOT_FOUND, summary="Get a delivery")
async def get_delivery(
    engine: EngineDep, mask: Mask, delivery_id: Annotated[str, Path(examples=["8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"])]
) -> Delivery:
    """The delivery with this id."""
    delivery = engine.callback_dispatcher.deliveries.get(delivery_id)
    if delivery is None:
        raise HTTPException(404, f"no delivery {delivery_id[:40]}; it never existed, or was reset, or evicted")
    return records.delivery(delivery, mask)
