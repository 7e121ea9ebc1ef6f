"""Why a wait for deliveries is unsatisfied, in lines for humans."""

from collections.abc import Iterator

from emulator.engine.callbacks.deliveries import Delivery, DeliveryFilter, DeliveryOutcome
from emulator.engine.callbacks.dispatcher import CallbackDispatcher
from emulator.engine.explain.wording import ending
from emulator.engine.journal.filters import are_anothers
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.scope import Scope
from emulator.engine.slices import Steps
from emulator.wire.masking import mask_text

SHOWN = 5
LOOKED_AT = 1000


def explain(wait: Waiter[DeliveryFilter], end: WaitEnd, callback_dispatcher: CallbackDispatcher) -> Steps[list[str]]:
    """What was wanted and came, whether anything was said and to whom, and the deliveries that come nearest.

    Work in steps, one of each delivery that is looked at.
    """
    line = ending(wait, end, ("delivery", "deliveries"), "matched")
    nearest = yield from _nearest(wait.wanted, callback_dispatcher)
    return [line, *_situation(wait.wanted.scope, callback_dispatcher), *nearest]


def _situation(scope: Scope, callback_dispatcher: CallbackDispatcher) -> Iterator[str]:
    whose = f" of call {scope.call_sid}" if scope.call_sid else ""
    subscribed = sum(scope.covers(one.account_sid, one.call_sid) for one in callback_dispatcher.subscriptions)
    sayings = (
        callback_dispatcher.sayings if scope.call_sid is None else callback_dispatcher.sayings.of_call(scope.call_sid)
    )
    said = sum(scope.overlaps(Scope(one.said.account_sid, one.said.call_sid)) for one in sayings)
    if not subscribed:
        yield f"there is no subscription{whose}: create one, and then let the end user speak"
    yield f"the end user{whose} said {_counted(said)}"


def _counted(said: int) -> str:
    return f"{said} message{'s' if said > 1 else ''}" if said else "nothing"


def _nearest(wanted: DeliveryFilter, callback_dispatcher: CallbackDispatcher) -> Steps[list[str]]:
    own = DeliveryFilter(account_sid=wanted.account_sid, call_sid=wanted.call_sid)
    deliveries = callback_dispatcher.deliveries
    looked_at = dict.fromkeys([*reversed(deliveries.select(own)[-LOOKED_AT:]), *deliveries.newest(LOOKED_AT)])
    near = []
    for delivery in looked_at:
        yield
        mismatches = list(wanted.mismatches(delivery))
        if mismatches and not are_anothers(mismatches):
            near.append((mismatches, delivery))
    near.sort(key=lambda one: len(one[0]))  # stable: the scope's own first, of equals the newest
    return [
        f"{told(delivery)}: it lacks {', '.join(f'{one.what} {str(one.wanted)!r}' for one in mismatches)}"
        for mismatches, delivery in near[:SHOWN]
    ]


def told(delivery: Delivery) -> str:
    """A delivery in words."""
    notice = delivery.notice
    last = delivery.attempts[-1] if delivery.attempts else None
    how = {
        DeliveryOutcome.PENDING: "is pending",
        DeliveryOutcome.DELIVERED: f"was answered with {last.status}" if last else "was delivered",
        DeliveryOutcome.FAILED: f"failed with {delivery.code} ({last.error or last.status})" if last else "failed",
    }[delivery.outcome]
    return f"delivery {delivery.seq} of {notice.sid} for call {notice.call_sid} to {mask_text(delivery.callback)} {how}"
