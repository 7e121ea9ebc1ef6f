"""`/_emulator/subscriptions`: subscriptions to messages of end users."""

from functools import partial

from fastapi import APIRouter

from emulator.endpoints.api.subscriptions import Subscription, SubscriptionList
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import UNPROCESSABLE
from emulator.endpoints.inspection.query_params import ScopePageQuery
from emulator.endpoints.inspection.rendering import rendered_all
from emulator.wire.dates import rfc2822
from emulator.wire.masking import Masking
from emulator.wire.subscriptions import UserDefinedMessageSubscription

router = APIRouter(
    route_class=ControlRoute, prefix="/_emulator/subscriptions", tags=["subscriptions"], responses=UNPROCESSABLE
)


def _view(subscription: UserDefinedMessageSubscription, mask: Masking) -> Subscription:
    return Subscription(
        sid=subscription.sid,
        account_sid=subscription.account_sid,
        call_sid=subscription.call_sid,
        callback=mask.text(subscription.callback),
        method=subscription.method,
        idempotency_key=subscription.idempotency_key,
        replays=subscription.replays,
        date_created=rfc2822(subscription.date_created),
    )


@router.get("", summary="List subscriptions")
async def list_subscriptions(engine: EngineDep, mask: Mask, page: ScopePageQuery) -> SubscriptionList:
    """List the subscriptions of a scope, except deleted ones."""
    wanted = page.scope()
    found = [
        each for each in engine.callback_dispatcher.subscriptions if wanted.covers(each.account_sid, each.call_sid)
    ]
    listed = await rendered_all(engine, partial(_view, mask=mask), page.window.of(found))
    return SubscriptionList(subscriptions=listed, count=len(found))
