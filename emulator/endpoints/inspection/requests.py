"""`/_emulator/requests`: all exchanges of the Twilio surface, accepted or rejected."""

from typing import Annotated

from fastapi import APIRouter, HTTPException, Path

from emulator.endpoints.api.model import REQUEST
from emulator.endpoints.api.requests import RequestDetail, RequestList
from emulator.endpoints.inspection import records
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.query_params import RequestPageQuery
from emulator.endpoints.inspection.rendering import rendered_all, totals
from emulator.wire import sids

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/requests", tags=["requests"], responses=UNPROCESSABLE)


@router.get("", summary="List every request")
async def list_requests(engine: EngineDep, page: RequestPageQuery) -> RequestList:
    """All exchanges of the Twilio surface: created, replayed, rejected; without control and health requests."""
    count, found = await engine.page(engine.journal.requests(page.filter()), page.window)
    listed = await rendered_all(engine, records.request, found)
    return RequestList(requests=listed, **totals(engine.journal, count))


@router.get("/{request_id}", responses=NOT_FOUND, summary="Get a request")
async def get_request(
    engine: EngineDep, mask: Mask, request_id: Annotated[str, Path(examples=[REQUEST])]
) -> RequestDetail:
    """Request and response of one exchange, by its Twilio-Request-Id."""
    known = sids.is_sid(sids.REQUEST, request_id)
    exchange = engine.journal.get(request_id.removeprefix(sids.REQUEST)) if known else None
    if exchange is None:
        raise HTTPException(404, f"no request {request_id[:40]}; it may have been reset or evicted")
    return records.exchange(exchange, mask)
