"""Live events: each subscriber reads the journal from its own position. Disconnect a client that falls behind."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate, islice
from typing import NamedTuple

from emulator.engine.callbacks.deliveries import CallbackDelivery
from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.journal.journal import Journal
from emulator.engine.scope import Owners, Scope
from emulator.engine.store import ENTRY, Store
from emulator.engine.time_slices import SLICE, Steps

MAX_BEHIND = 1_000
READ_BYTES = 64 * 1024
"""Bytes after which a read ends; it includes the exchange that exceeds this."""
_OVERHEAD = ENTRY + 2_500  # bytes, measured: a subscriber
_NOTE = 300  # bytes, measured: a note without its texts


class EventKind(StrEnum):
    """Type of an event."""

    REQUEST = "request"
    MESSAGE = "message"
    RESET = "reset"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Event:
    """An event at a position (`seq`) of the journal."""

    kind: EventKind
    seq: int
    about: Exchange | Scope | CallbackDelivery


_OF_DELIVERIES = {"account_sid", "call_sid", "after"}
"""The filters that a stream may have and still contain deliveries."""


class _Note(NamedTuple):
    """An event that is not in the journal: a reset, or the id of a new or changed delivery.

    Attributes:
        number: position among notes.
        seq: position of the newest exchange at that time.
    """

    number: int
    seq: int
    about: Scope | str

    @property
    def size(self) -> int:
        """Memory in bytes."""
        about = self.about
        return _NOTE + (size_of(about.account_sid, about.call_sid) if isinstance(about, Scope) else size_of(about))


@dataclass(slots=True, eq=False)
class Subscriber:
    """A client that reads events. It stores positions, not events: those are in the journal.

    Attributes:
        position: `seq` of the newest exchange that it has read.
        noted: number of the newest note that it has read.
        live_from: number of the newest note when it subscribed; of older notes it reads resets only.
        behind: number of unread live events.
        catching_up: it resumed and has not read all earlier events yet.
        oldest_note: number of the oldest unread note; the subscriber overflows once that note is dropped.
        ended: no more events follow.
        lagged: set when the subscriber overflowed, that is, fell too far behind.
    """

    wanted: MessageFilter
    position: int
    noted: int
    live_from: int
    behind: int = 0
    catching_up: bool = False
    oldest_note: int | None = None
    ended: bool = False
    lagged: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def is_behind(self) -> bool:
        """Whether unread events remain."""
        return not self.lagged.is_set() and (self.catching_up or self.behind > 0)

    def notify(self, events: int = 1, *, note: int | None = None) -> None:
        """Count new events; end the subscriber with `lagged` when it is more than `MAX_BEHIND` events behind."""
        self.behind += events
        self.oldest_note = self.oldest_note or note
        if self.behind > MAX_BEHIND:
            self.give_up()
        self._wake.set()

    def give_up(self) -> None:
        """End the subscriber because it fell behind; set `lagged`."""
        self.ended = True
        self.lagged.set()
        self._wake.set()

    def end(self) -> None:
        """End the subscriber: the emulator is stopping."""
        self.ended = True
        self._wake.set()

    def wake(self) -> None:
        """Wake a pending `wait`: there may be unread events."""
        self._wake.set()

    def rest(self) -> None:
        """Let the next `wait` block: all events were read."""
        if not self.ended:
            self._wake.clear()

    async def wait(self) -> None:
        """Return once there may be events to read, or the subscriber has ended."""
        await self._wake.wait()


class EventBus(Store[Subscriber, Subscriber]):
    """All subscribers, indexed by the account and call of their filters.

    Args:
        account: the memory account.
        journal: source of the exchanges.
        delivery: returns a delivery by id; None if it was evicted or reset.
    """

    kind = "event_streams"
    indexed = True

    def __init__(
        self, account: MemoryAccount, journal: Journal, delivery: Callable[[str], CallbackDelivery | None]
    ) -> None:
        super().__init__(account)
        self._journal = journal
        self._delivery = delivery
        self._notes: deque[_Note] = deque()
        self._notes_bound = account["event_notes"]
        self._notes_bound.evict = self._drop_note
        self._last_note = 0

    def size_of(self, key: Subscriber, value: Subscriber) -> int:  # noqa: ARG002
        """Memory of a subscriber in bytes."""
        return _OVERHEAD + value.wanted.size

    def owners_of(self, key: Subscriber, value: Subscriber) -> Owners:  # noqa: ARG002
        """Account and call of the subscriber's filter."""
        return value.wanted.scope.account_sid, value.wanted.scope.call_sid

    def open(self, wanted: MessageFilter, *, resumed: bool = False) -> Subscriber:
        """Add a subscriber; if `resumed`, it starts after `wanted.after`. The caller must call `close`.

        Raises:
            CapacityError: too many subscribers.
        """
        if resumed:
            subscriber = Subscriber(wanted, wanted.after, 0, self._last_note, catching_up=True)
            subscriber.wake()
        else:
            subscriber = Subscriber(wanted, max(wanted.after, self._journal.last_seq), self._last_note, self._last_note)
        self.put(subscriber, subscriber)
        return subscriber

    def close(self, subscriber: Subscriber) -> None:
        """Remove a subscriber."""
        self.remove(subscriber)

    def publish(self, exchange: Exchange) -> None:
        """Notify the matching subscribers of an exchange that was added to the journal."""
        for subscriber in self.covering(*exchange.owners) if self._entries else ():
            if subscriber.wanted.matches(exchange):
                subscriber.notify(2 if exchange.created else 1)

    def publish_delivery(self, delivery: CallbackDelivery) -> None:
        """Publish a new or changed delivery, as a live event only.

        Subscribers receive it unless they filter by more than account and call.
        """
        subscribers = [subscriber for subscriber in self.covering(*delivery.owners) if _takes_deliveries(subscriber)]
        if subscribers:
            self._note(delivery.id)
            for subscriber in subscribers:
                subscriber.notify(note=self._last_note)

    def publish_reset(self, scope: Scope) -> None:
        """Publish the reset of a scope to all subscribers whose scopes overlap it."""
        self._note(scope)
        for subscriber in self:
            if scope.overlaps(subscriber.wanted.scope):
                subscriber.notify(note=self._last_note)

    def wake(self, account_sid: str | None, call_sid: str | None) -> None:
        """Wake the subscribers of this account and call, because data already sent to them has changed."""
        for subscriber in self.covering(account_sid, call_sid):
            subscriber.wake()

    def end(self) -> None:
        """End all subscribers."""
        for subscriber in self:
            subscriber.end()

    def read(self, subscriber: Subscriber, limit: int = SLICE) -> Steps[list[Event]]:
        """Return the next events, from at most `limit` exchanges and `limit` notes; empty when all were read."""
        exchanges, last = self._unread(subscriber, limit)
        noted, last = self._noted(subscriber, last, limit)
        events: list[Event] = []
        for exchange in exchanges:
            if exchange.seq <= last and subscriber.wanted.matches(exchange):
                events += events_of(exchange)
            yield
        events = sorted(events + noted, key=lambda event: event.seq)  # stable: at the same seq, exchanges come first
        subscriber.position = max(last, subscriber.position)
        subscriber.behind = max(0, subscriber.behind - len(events))
        if subscriber.position >= self._journal.last_seq and subscriber.noted == self._last_note:
            subscriber.behind, subscriber.catching_up = 0, False
            subscriber.rest()
        return events

    def _note(self, about: Scope | str) -> None:
        self._last_note += 1
        note = _Note(self._last_note, self._journal.last_seq, about)
        self._notes.append(note)
        self._notes_bound.charge(note.size)

    def _drop_note(self) -> None:
        self._notes_bound.release(self._notes.popleft().size)

    def _unread(self, subscriber: Subscriber, limit: int) -> tuple[list[Exchange], int]:
        """Return the next unread exchanges, and the seq up to which they are complete."""
        wanted = replace(subscriber.wanted, after=subscriber.position)
        found = self._journal.requests(wanted).candidates(limit)
        sizes = accumulate(exchange.size for exchange in found)
        exchanges = found[: 1 + sum(size <= READ_BYTES for size in sizes)]
        is_all = len(exchanges) == len(found) < limit
        return exchanges, self._journal.last_seq if is_all else exchanges[-1].seq

    def _noted(self, subscriber: Subscriber, last: int, limit: int) -> tuple[list[Event], int]:
        """Return the events of the next unread notes up to seq `last`, and the seq up to which they are complete."""
        dropped = self._last_note - len(self._notes)
        if subscriber.oldest_note is not None and subscriber.oldest_note <= dropped:
            subscriber.give_up()
        subscriber.oldest_note = None
        events = list[Event]()
        for note in islice(self._notes, max(0, subscriber.noted - dropped), None):
            if note.seq > last or len(events) == limit:
                subscriber.oldest_note = note.number
                return events, min(last, note.seq)
            subscriber.noted = note.number
            event = self._event(subscriber, note)
            if event is not None:
                events.append(event)
        return events, last

    def _event(self, subscriber: Subscriber, note: _Note) -> Event | None:
        """Return the event of a note for a subscriber; None if its filter excludes it."""
        if isinstance(note.about, Scope):
            is_missed = note.number <= subscriber.live_from and note.seq < subscriber.wanted.after
            is_meant = note.about.overlaps(subscriber.wanted.scope) and not is_missed
            return Event(EventKind.RESET, note.seq, note.about) if is_meant else None
        delivery = self._delivery(note.about)
        is_meant = note.number > subscriber.live_from and _takes_deliveries(subscriber)
        if delivery is None or not is_meant or not subscriber.wanted.scope.covers(*delivery.owners):
            return None
        return Event(EventKind.DELIVERY, note.seq, delivery)


def _takes_deliveries(subscriber: Subscriber) -> bool:
    return {given.name for given in subscriber.wanted.given} <= _OF_DELIVERIES


def events_of(exchange: Exchange) -> list[Event]:
    """Return the events of an exchange: a request, and a message if it created one."""
    events = [Event(EventKind.REQUEST, exchange.seq, exchange)]
    return [*events, Event(EventKind.MESSAGE, exchange.seq, exchange)] if exchange.created else events
