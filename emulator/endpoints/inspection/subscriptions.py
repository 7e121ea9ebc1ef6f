"""`/_emulator/subscriptions`: subscriptions to messages of end users."""

from functools import partial

from fastapi import APIRouter, Response
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE
from emulator.endpoints.inspection.models import RecordError, json_response, listing, rendered_all
from emulator.endpoints.inspection.query_params import ScopePageQuery
from emulator.wire.dates import rfc2822
from emulator.wire.masking import Masking
from emulator.wire.subscriptions import Subscription

router = APIRouter(
    route_class=ControlRoute, prefix="/_emulator/subscriptions", tags=["subscriptions"], responses=UNPROCESSABLE
)


class SubscriptionView(DeferredModel):
    """A subscription."""

    sid: str = Field(examples=["ZY" + "c" * 32])
    account_sid: str = Field(examples=["AC" + "a" * 32])
    call_sid: str = Field(examples=["CA" + "b" * 32])
    callback: str = Field(examples=["http://127.0.0.1:8000/messages"])
    method: str = Field(examples=["POST"])
    idempotency_key: str | None = Field(examples=[None])
    replays: int = Field(description="how often its idempotency key was sent again", examples=[0])
    date_created: str = Field(examples=["Wed, 18 Dec 2019 20:02:01 +0000"])


class SubscriptionList(DeferredModel):
    """All subscriptions of a scope, in the order of their creation."""

    subscriptions: list[SubscriptionView | RecordError]
    count: int = Field(description="number of subscriptions, listed or not", examples=[1])


def _json(one: Subscription, mask: Masking) -> str:
    return SubscriptionView(
        sid=one.sid,
        account_sid=one.account_sid,
        call_sid=one.call_sid,
        callback=mask.text(one.callback),
        method=one.method,
        idempotency_key=one.idempotency_key,
        replays=one.replays,
        date_created=rfc2822(one.date_created),
    ).model_dump_json()


@router.get("", response_class=Response, responses={200: {"model": SubscriptionList}}, summary="List subscriptions")
async def list_subscriptions(engine: EngineDep, mask: Mask, page: ScopePageQuery) -> Response:
    """List the subscriptions of a scope, except deleted ones."""
    wanted = page.scope()
    found = [one for one in engine.callback_dispatcher.subscriptions if wanted.covers(one.account_sid, one.call_sid)]
    texts = await rendered_all(engine, partial(_json, mask=mask), page.window.of(found))
    return json_response(listing("subscriptions", texts, count=len(found)))
