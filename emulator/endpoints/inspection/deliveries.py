"""`/_emulator/deliveries`: callbacks to subscriptions, and their outcomes."""

from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.long_poll import Waited, page_response, responses, until_over, waited
from emulator.endpoints.inspection.models import RecordError, delivery_json, json_response, listing, rendered_all
from emulator.endpoints.inspection.query_params import DeliveriesQuery, DeliveryQuery
from emulator.engine.callbacks.deliveries import DeliveryOutcome
from emulator.engine.engine import Engine
from emulator.engine.explain.deliveries import LOOKED_AT, explain

router = APIRouter(
    route_class=ControlRoute, prefix="/_emulator/deliveries", tags=["deliveries"], responses=UNPROCESSABLE
)

_EXAMPLE = "8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"


class DeliveryAttemptView(DeferredModel):
    """One attempt."""

    at: str = Field(examples=["2019-12-18T20:02:01.123Z"])
    duration: float = Field(description="seconds", examples=[0.004])
    status: int | None = Field(description="of the reply; null when there was none", examples=[204])
    error: str | None = Field(description="why it does not count", examples=[None])


class DeliveryView(DeferredModel):
    """A callback to one subscription."""

    seq: int = Field(description="place among deliveries, from 1", examples=[1])
    id: str = Field(examples=[_EXAMPLE])
    subscription_sid: str = Field(examples=["ZY" + "c" * 32])
    message_sid: str = Field(description="the end user's message", examples=["KX" + "d" * 32])
    account_sid: str = Field(examples=["AC" + "a" * 32])
    call_sid: str = Field(examples=["CA" + "b" * 32])
    method: str = Field(examples=["POST"])
    callback: str = Field(examples=["http://127.0.0.1:8000/messages"])
    content: str = Field(examples=['{"key":"value"}'])
    content_type: str = Field(examples=["application/json"])
    sequence_number: int = Field(examples=[1])
    idempotency_token: str
    created_at: str = Field(examples=["2019-12-18T20:02:01.123Z"])
    outcome: DeliveryOutcome = Field(examples=["delivered"])
    code: int | None = Field(description="Twilio's error code when it failed", examples=[None])
    attempts: list[DeliveryAttemptView]
    json_: Any = Field(alias="json", description="the content parsed", examples=[{"key": "value"}])


class DeliveryPage(Waited):
    """A page of deliveries."""

    deliveries: list[DeliveryView | RecordError]
    count: int = Field(description="how many match, listed or not", examples=[1])
    last_seq: int = Field(description="place of the newest; ask again with `after` = this", examples=[1])
    evicted: int = Field(description="how many were dropped for want of room", examples=[0])


@router.get(
    "",
    response_class=Response,
    responses=responses(DeliveryPage),
    summary="List callbacks, or wait for them",
)
async def list_deliveries(engine: EngineDep, mask: Mask, query: DeliveriesQuery, request: Request) -> Response:
    """Callbacks to subscriptions. With `at_least` or `at_most`, wait. A failed delivery has the code 32711."""
    deliveries, wanted = engine.callback_dispatcher.deliveries, query.filter()
    more = await _wait(engine, query, request) if query.waits else {}
    count, found = await engine.page_of_deliveries(wanted, query.window)
    listed = await rendered_all(engine, partial(delivery_json, mask=mask), found)
    totals = {"count": count, "last_seq": deliveries.last_seq, "evicted": deliveries.evicted}
    text = listing("deliveries", listed, **totals, **more)
    return page_response(text, more, strict=query.strict)


async def _wait(engine: Engine, query: DeliveryQuery, request: Request) -> dict[str, Any]:
    wait = await engine.wait_for_deliveries(query.filter(), at_least=query.at_least, at_most=query.at_most)
    try:
        await until_over(wait.over, query.seconds, request)
    finally:
        engine.callback_dispatcher.deliveries.waits.leave(wait)
    more = waited(wait)
    if not wait.fulfilled:
        steps = explain(wait, wait.ended, engine.callback_dispatcher)
        more["explanation"] = await engine.slices.run(steps, 2 * LOOKED_AT)
    return more


@router.get(
    "/{delivery_id}",
    response_class=Response,
    responses={**NOT_FOUND, 200: {"model": DeliveryView}},
    summary="One delivery",
)
async def get_delivery(
    engine: EngineDep, mask: Mask, delivery_id: Annotated[str, Path(examples=[_EXAMPLE])]
) -> Response:
    """The delivery with this id."""
    delivery = engine.callback_dispatcher.deliveries.get(delivery_id)
    if delivery is None:
        raise HTTPException(404, f"no delivery {delivery_id[:40]}; it never was, or was reset, or evicted")
    return json_response(delivery_json(delivery, mask))
