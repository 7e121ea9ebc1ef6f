"""Deliveries: one for each callback that an end user's message causes; what became of it, found and waited for.

They change in two steps only: an attempt is added, the outcome is settled. Making them is another's work.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import NamedTuple

from emulator.engine.chance import Chance
from emulator.engine.filters import Mismatch, Part, text_mismatches
from emulator.engine.scopes import Scope
from emulator.engine.waiting import WaitFor, WaitsFor
from emulator.wire import sids
from emulator.wire.callbacks import CALLBACK_FAILED, Notice, idempotency_token
from emulator.wire.subscriptions import Subscription

# Measured: what a delivery with one attempt weighs in memory beside its texts.
_OVERHEAD = 1500


class Outcome(StrEnum):
    """What became of a delivery."""

    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"


class Attempt(NamedTuple):
    """One try: a status or an error.

    Attributes:
        at: seconds since 1970.
        duration: seconds on the monotonic clock.
        status: of the reply.
        error: why there is no reply, or why it does not count, for a human.
    """

    at: float
    duration: float
    status: int | None = None
    error: str | None = None


@dataclass(slots=True, kw_only=True, eq=False)
class Delivery:
    """A callback to make.

    Attributes:
        seq: its place among deliveries, from 1; never repeats.
        id: 32 hex digits.
        method: GET or POST.
        callback: the subscription's URL.
        notice: what it tells.
        idempotency_token: the same for every attempt.
        created_at: seconds since 1970.
        was_reset: its scope was reset: it is told to nobody any more, and need not be made.
    """

    seq: int
    id: str
    subscription_sid: str
    method: str
    callback: str
    notice: Notice
    idempotency_token: str
    created_at: float
    attempts: list[Attempt] = field(default_factory=list)
    outcome: Outcome = Outcome.PENDING
    was_reset: bool = False

    @property
    def owners(self) -> tuple[str, str]:
        """The account and call that it belongs to."""
        return self.notice.account_sid, self.notice.call_sid

    @property
    def size(self) -> int:
        """Roughly what it weighs in memory, in bytes; its attempts are few and short."""
        return _OVERHEAD + len(self.notice.content) + len(self.callback)

    @property
    def code(self) -> int | None:
        """Twilio's error code when it failed."""
        return CALLBACK_FAILED if self.outcome is Outcome.FAILED else None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFilter:
    """Which deliveries are meant; None = any."""

    account_sid: str | None = None
    call_sid: str | None = None
    subscription_sid: str | None = None
    message_sid: str | None = None
    outcome: Outcome | None = None
    after: int = 0
    content: Part | None = None
    contains: str | None = None

    @property
    def scope(self) -> Scope:
        """The account and call."""
        return Scope(self.account_sid, self.call_sid)

    def matches(self, delivery: Delivery, /) -> bool:
        """Whether a delivery is meant."""
        return next(self.mismatches(delivery), None) is None

    def mismatches(self, delivery: Delivery) -> Iterator[Mismatch]:
        """What a delivery lacks to be meant."""
        notice = delivery.notice
        for what, wanted, found in (
            ("account_sid", self.account_sid, notice.account_sid),
            ("call_sid", self.call_sid, notice.call_sid),
            ("subscription_sid", self.subscription_sid, delivery.subscription_sid),
            ("message_sid", self.message_sid, notice.sid),
            ("outcome", self.outcome, delivery.outcome),
        ):
            if wanted not in (None, found):
                yield Mismatch(what, wanted, found)
        if delivery.seq <= self.after:
            yield Mismatch("after", self.after, delivery.seq)
        yield from text_mismatches(notice.content, self.content, self.contains)


class Deliveries:
    """All deliveries that are kept, oldest first; beyond the limits the oldest is evicted, and counted.

    Args:
        limit: how many are kept.
        max_bytes: how much memory they may take, roughly.

    Attributes:
        last_seq: the place of the newest.
        evicted: how many are kept no longer.
        waits: who waits for some.
        listeners: called with each delivery that is new or was changed.
    """

    def __init__(self, *, limit: int, max_bytes: int = 64 * 1024 * 1024) -> None:
        self._limit = limit
        self._max_bytes = max_bytes
        self._bytes = 0
        self._by_id: dict[str, Delivery] = {}
        self._by_call: dict[str, dict[str, Delivery]] = {}
        self.last_seq = 0
        self.evicted = 0
        self.waits: WaitsFor[Delivery, DeliveryFilter] = WaitsFor()
        self.listeners: list[Callable[[Delivery], None]] = []

    def __len__(self) -> int:
        return len(self._by_id)

    def open(self, subscription: Subscription, notice: Notice, *, chance: Chance, now: float) -> Delivery:
        """A subscription must be told: keep a new, pending delivery."""
        self.last_seq += 1
        delivery = Delivery(
            seq=self.last_seq,
            id=chance.take(sids.ENTROPY_BYTES).hex(),
            subscription_sid=subscription.sid,
            method=subscription.method,
            callback=subscription.callback,
            notice=notice,
            idempotency_token=idempotency_token(chance.take(sids.ENTROPY_BYTES)),
            created_at=now,
        )
        self._forget(delivery.id)  # a seed that was set again made the id twice: the newest has it
        self._by_id[delivery.id] = delivery
        self._by_call.setdefault(notice.call_sid, {})[delivery.id] = delivery
        self._bytes += delivery.size
        while len(self._by_id) > self._limit or (self._bytes > self._max_bytes and len(self._by_id) > 1):
            self._forget(next(iter(self._by_id)))
            self.evicted += 1
        self.waits.saw(delivery)
        self.updated(delivery)
        return delivery

    def attempted(self, delivery: Delivery, attempt: Attempt) -> None:
        """A delivery was tried."""
        delivery.attempts.append(attempt)
        self.updated(delivery)

    def settle(self, delivery: Delivery, outcome: Outcome) -> None:
        """A delivery is over."""
        if delivery.was_reset:
            delivery.outcome = outcome
            return
        self.waits.saw_change(delivery, lambda: setattr(delivery, "outcome", outcome))
        self.updated(delivery)

    def updated(self, delivery: Delivery) -> None:
        """Tell the listeners of a delivery, unless it was reset."""
        if not delivery.was_reset:
            for listener in self.listeners:
                listener(delivery)

    def get(self, hex_id: str) -> Delivery | None:
        """The delivery of this id."""
        return self._by_id.get(hex_id)

    def select(self, wanted: DeliveryFilter, *, newest_first: bool = False) -> Iterator[Delivery]:
        """The deliveries that a filter means."""
        shelf = self._by_id if wanted.call_sid is None else self._by_call.get(wanted.call_sid, {})
        return filter(wanted.matches, reversed(shelf.values()) if newest_first else shelf.values())

    def page(self, wanted: DeliveryFilter, limit: int, *, newest_first: bool) -> list[Delivery]:
        """The first `limit` deliveries from the wanted end."""
        return list(islice(self.select(wanted, newest_first=newest_first), limit))

    def count(self, wanted: DeliveryFilter) -> int:
        """How many a filter means."""
        return sum(1 for _ in self.select(wanted))

    def wait(self, wanted: DeliveryFilter, *, at_least: int | None, at_most: int | None) -> WaitFor[DeliveryFilter]:
        """Start to wait for deliveries; the owner must leave `waits`.

        Raises:
            LimitReachedError: 10,000 wait already.
        """
        return self.waits.begin(wanted, at_least=at_least, at_most=at_most, count=self.count(wanted))

    def remove_scope(self, scope: Scope) -> int:
        """Forget the deliveries of an account, a call, or both; returns how many."""
        gone = [delivery for delivery in self._by_id.values() if scope.covers(*delivery.owners)]
        for delivery in gone:
            self._forget(delivery.id)
            delivery.was_reset = True
        self.waits.forgot(gone)
        if scope == Scope():
            self.evicted = 0
        return len(gone)

    def _forget(self, hex_id: str) -> None:
        delivery = self._by_id.pop(hex_id, None)
        if delivery is None:
            return
        self._bytes -= delivery.size
        rest = self._by_call[delivery.notice.call_sid]
        del rest[hex_id]
        if not rest:
            del self._by_call[delivery.notice.call_sid]
