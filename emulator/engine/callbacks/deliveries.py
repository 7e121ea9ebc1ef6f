"""Deliveries: one for each callback caused by an end user's message, with its attempts and outcome.

They change in two ways only: an attempt is added, or the outcome is set. This module sends no callbacks.
"""

from collections.abc import Callable  # noqa: TC003  resolved by get_type_hints
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import Annotated, NamedTuple

from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.filters import Filter, by_account, by_call, by_json, by_position, by_text, by_value
from emulator.engine.ids import IdGenerator
from emulator.engine.journal.waits import WaiterRegistry
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Owners, Scope
from emulator.engine.store import ENTRY, Store
from emulator.engine.time_slices import Wakeups
from emulator.wire import sids
from emulator.wire.callbacks import CALLBACK_FAILED, CallbackPayload, idempotency_token
from emulator.wire.subscriptions import UserDefinedMessageSubscription

# Bytes, measured: a delivery without its texts, with six attempts, the maximum that a retry count allows.
_OVERHEAD = ENTRY + 4_000


class DeliveryOutcome(StrEnum):
    """Outcome of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class CallbackAttempt(NamedTuple):
    """One attempt to deliver a callback, with a status or an error.

    Attributes:
        at: seconds since 1970.
        duration: seconds on the monotonic clock.
        status: status of the response.
        error: why there is no response, or why it does not count, for a human.
    """

    at: float
    duration: float
    status: int | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class CallbackDelivery:
    """A callback to a subscription.

    Attributes:
        seq: position among deliveries, from 1; never repeats.
        id: 32 hex digits.
        method: GET or POST.
        callback: the subscription's URL.
        notice: the payload.
        idempotency_token: the same for every attempt.
        created_at: seconds since 1970.
        was_reset: its scope was reset: listeners are not notified any more, and it need not be sent.
    """

    seq: int
    id: str
    subscription_sid: str
    method: str
    callback: str
    notice: CallbackPayload
    idempotency_token: str
    created_at: float
    attempts: list[CallbackAttempt] = field(default_factory=list)
    outcome: DeliveryOutcome = DeliveryOutcome.PENDING
    was_reset: bool = False

    @property
    def owners(self) -> tuple[str, str]:
        """Account and call of the subscription."""
        return self.notice.account_sid, self.notice.call_sid

    @property
    def size(self) -> int:
        """Memory in bytes, including attempts."""
        return _OVERHEAD + size_of(self.notice.content, self.callback)

    @property
    def code(self) -> int | None:
        """Twilio's error code if the delivery failed, else None."""
        return CALLBACK_FAILED if self.outcome is DeliveryOutcome.FAILED else None


_BY_SUBSCRIPTION = by_value("subscription_sid", "subscription", "only to this subscription", "ZY" + "c" * 32)
_BY_MESSAGE = by_value("notice.sid", "message", "only of this message", "KX" + "d" * 32)
_BY_OUTCOME = by_value("outcome", "outcome", "only with this outcome", "delivered")


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter(Filter[CallbackDelivery]):
    """A filter of deliveries; without values, it matches all."""

    account_sid: Annotated[str | None, by_account("notice.account_sid")] = None
    call_sid: Annotated[str | None, by_call("notice.call_sid")] = None
    subscription_sid: Annotated[str | None, _BY_SUBSCRIPTION] = None
    message_sid: Annotated[str | None, _BY_MESSAGE] = None
    outcome: Annotated[DeliveryOutcome | None, _BY_OUTCOME] = None
    after: Annotated[int, by_position("seq")] = 0
    content: Annotated[JsonSubset | None, by_json("notice.content")] = None
    contains: Annotated[str | None, by_text("notice.content")] = None


class Deliveries(Store[str, CallbackDelivery]):
    """Stored deliveries by id, oldest first; when the store is full, the oldest are evicted and counted.

    Attributes:
        last_seq: position of the newest delivery.
        waits: waits for deliveries.
        listeners: called with each new or changed delivery.
    """

    kind = "deliveries"
    indexed = True

    def __init__(self, account: MemoryAccount, wakeups: Wakeups) -> None:
        super().__init__(account)
        self.last_seq = 0
        self.waits: WaiterRegistry[CallbackDelivery, DeliveryFilter] = WaiterRegistry(account, wakeups)
        self.listeners: list[Callable[[CallbackDelivery], None]] = []

    def size_of(self, key: str, value: CallbackDelivery) -> int:  # noqa: ARG002  ids have one length
        """Memory of a delivery and its attempts in bytes."""
        return value.size

    def owners_of(self, key: str, value: CallbackDelivery) -> Owners:  # noqa: ARG002
        """Account and call of the delivery's subscription."""
        return value.owners

    def open(
        self, subscription: UserDefinedMessageSubscription, notice: CallbackPayload, *, ids: IdGenerator, now: float
    ) -> CallbackDelivery:
        """Add a new, pending delivery to a subscription."""
        self.last_seq += 1
        delivery = CallbackDelivery(
            seq=self.last_seq,
            id=ids.random_bytes(sids.ENTROPY_BYTES).hex(),
            subscription_sid=subscription.sid,
            method=subscription.method,
            callback=subscription.callback,
            notice=notice,
            idempotency_token=idempotency_token(ids.random_bytes(sids.ENTROPY_BYTES)),
            created_at=now,
        )
        self.put(delivery.id, delivery)  # if a repeated seed produced the id again, the newest keeps it
        self.waits.item_added(delivery)
        self.updated(delivery)
        return delivery

    def attempted(self, delivery: CallbackDelivery, attempt: CallbackAttempt) -> None:
        """Add an attempt to a delivery and notify the listeners."""
        delivery.attempts.append(attempt)
        self.updated(delivery)

    def settle(self, delivery: CallbackDelivery, outcome: DeliveryOutcome) -> None:
        """Set the final outcome of a delivery; unless it was reset, update waits and notify listeners."""
        if delivery.was_reset:
            delivery.outcome = outcome
            return
        self.waits.item_changed(delivery, lambda: setattr(delivery, "outcome", outcome))
        self.updated(delivery)

    def updated(self, delivery: CallbackDelivery) -> None:
        """Notify the listeners of a delivery that was not reset."""
        if not delivery.was_reset:
            for listener in self.listeners:
                listener(delivery)

    def candidates(self, wanted: DeliveryFilter) -> list[CallbackDelivery]:
        """Return the deliveries to examine for a filter, oldest first: those of its call, or all."""
        return list(self) if wanted.call_sid is None else self.of_call(wanted.call_sid)

    def select(self, wanted: DeliveryFilter) -> list[CallbackDelivery]:
        """Return the deliveries that match a filter, oldest first."""
        return list(filter(wanted.matches, self.candidates(wanted)))

    def newest(self, limit: int) -> list[CallbackDelivery]:
        """Return at most `limit` deliveries, newest first."""
        return list(islice(reversed(self._entries.values()), limit))

    def reset(self, scope: Scope) -> int:
        """Remove the deliveries of a scope; return their number."""
        gone = [delivery for _, delivery in self.near(scope) if scope.owns(*delivery.owners)]
        for delivery in gone:
            delivery.was_reset = True  # the same reset ends its waits
        return super().reset(scope)
