"""Explanations of failed waits for deliveries, as lines for humans."""

from collections.abc import Iterator

from emulator.engine.callbacks.deliveries import CallbackDelivery, DeliveryFilter, DeliveryOutcome
from emulator.engine.callbacks.dispatcher import CallbackDispatcher
from emulator.engine.explain.wording import ending
from emulator.engine.filters import belongs_to_others
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.scope import Scope
from emulator.engine.time_slices import Steps
from emulator.wire.masking import mask_text

SHOWN = 5
LOOKED_AT = 1000


def explain(wait: Waiter[DeliveryFilter], end: WaitEnd, callback_dispatcher: CallbackDispatcher) -> Steps[list[str]]:
    """Describe the wait, the subscriptions and end user messages of its scope, and the nearest deliveries.

    Works in steps, one per examined delivery.
    """
    line = ending(wait, end, ("delivery", "deliveries"), "matched", wait.wanted.described)
    nearest = yield from _nearest(wait.wanted, callback_dispatcher)
    return [line, *_situation(wait.wanted.scope, callback_dispatcher), *nearest]


def _situation(scope: Scope, callback_dispatcher: CallbackDispatcher) -> Iterator[str]:
    of_call = f" of call {scope.call_sid}" if scope.call_sid else ""
    subscribed = sum(scope.covers(each.account_sid, each.call_sid) for each in callback_dispatcher.subscriptions)
    messages = (
        callback_dispatcher.end_user_messages
        if scope.call_sid is None
        else callback_dispatcher.end_user_messages.of_call(scope.call_sid)
    )
    count = sum(scope.overlaps(Scope(each.said.account_sid, each.said.call_sid)) for each in messages)
    if not subscribed:
        yield f"there is no subscription{of_call}: create one before the end user sends a message"
    yield f"the end user{of_call} said {_counted(count)}"


def _counted(count: int) -> str:
    return f"{count} message{'s' if count > 1 else ''}" if count else "nothing"


def _nearest(wanted: DeliveryFilter, callback_dispatcher: CallbackDispatcher) -> Steps[list[str]]:
    own = DeliveryFilter(account_sid=wanted.account_sid, call_sid=wanted.call_sid)
    deliveries = callback_dispatcher.deliveries
    examined = dict.fromkeys([*reversed(deliveries.select(own)[-LOOKED_AT:]), *deliveries.newest(LOOKED_AT)])
    near = []
    for delivery in examined:
        yield
        mismatches = list(wanted.mismatches(delivery))
        if mismatches and not belongs_to_others(mismatches):
            near.append((mismatches, delivery))
    near.sort(key=lambda candidate: len(candidate[0]))  # stable: ties keep the scope's own first, then the newest
    return [f"{describe(delivery)}: {'; '.join(wanted.worded(mismatches))}" for mismatches, delivery in near[:SHOWN]]


def describe(delivery: CallbackDelivery) -> str:
    """Describe a delivery in one line."""
    notice = delivery.notice
    last = delivery.attempts[-1] if delivery.attempts else None
    how = {
        DeliveryOutcome.PENDING: "is pending",
        DeliveryOutcome.DELIVERED: f"was answered with {last.status}" if last else "was delivered",
        DeliveryOutcome.FAILED: f"failed with {delivery.code} ({last.error or last.status})" if last else "failed",
    }[delivery.outcome]
    return f"delivery {delivery.seq} of {notice.sid} for call {notice.call_sid} to {mask_text(delivery.callback)} {how}"
