"""Live events: each client reads the journal from its own place. Disconnect a client that falls behind."""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import accumulate, islice
from typing import NamedTuple

from emulator.engine.callbacks.deliveries import Delivery
from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import Filter
from emulator.engine.journal.journal import Journal
from emulator.engine.scope import Owners, Scope
from emulator.engine.slices import SLICE, Steps
from emulator.engine.store import ENTRY, Store

MAX_BEHIND = 1_000
READ_BYTES = 64 * 1024
"""What is read at once ends with the exchange that makes it larger than this."""
_OVERHEAD = ENTRY + 2_500  # measured: a reader
_NOTE = 300  # measured: a note without its texts


class EventKind(StrEnum):
    """What an event tells."""

    REQUEST = "request"
    MESSAGE = "message"
    RESET = "reset"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened at this place of the journal."""

    kind: EventKind
    seq: int
    about: Exchange | Scope | Delivery


class _Note(NamedTuple):
    """An event that is not in the journal: a reset, or the id of a delivery that is new or was changed.

    Attributes:
        number: its place among notes.
        seq: the place of the newest exchange then.
    """

    number: int
    seq: int
    about: Scope | str

    @property
    def size(self) -> int:
        """Its memory in bytes."""
        about = self.about
        return _NOTE + (size_of(about.account_sid, about.call_sid) if isinstance(about, Scope) else size_of(about))


@dataclass(slots=True, eq=False)
class Subscriber:
    """A client that reads events. It holds places, not events: those are in the journal.

    Attributes:
        position: the place of the newest exchange that it read.
        noted: the number of the newest note that it read.
        live_from: the number of the newest note when it came; of older ones it reads resets only.
        behind: how many live events it did not read yet.
        catching_up: it resumed, and has not read yet what came before it.
        oldest_note: the number of the oldest note that it must still read; once that is dropped, it fell behind.
        ended: no more will come.
        lagged: set when it was given up, because it fell behind.
    """

    wanted: Filter
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
        """Whether there is something that it must still read."""
        return not self.lagged.is_set() and (self.catching_up or self.behind > 0)

    def notify(self, events: int = 1, *, note: int | None = None) -> None:
        """So many events came; give the reader up when it is too far behind."""
        self.behind += events
        self.oldest_note = self.oldest_note or note
        if self.behind > MAX_BEHIND:
            self.give_up()
        self._wake.set()

    def give_up(self) -> None:
        """It fell behind: it reads no more."""
        self.ended = True
        self.lagged.set()
        self._wake.set()

    def end(self) -> None:
        """No more events: the emulator is stopping."""
        self.ended = True
        self._wake.set()

    def wake(self) -> None:
        """There may be something to read."""
        self._wake.set()

    def rest(self) -> None:
        """All was read: wait for more."""
        if not self.ended:
            self._wake.clear()

    async def wait(self) -> None:
        """Return once there is something to read, or the end."""
        await self._wake.wait()


class EventBus(Store[Subscriber, Subscriber]):
    """All readers, found by the account and call that they read.

    Args:
        account: of memory.
        journal: where exchanges are.
        delivery: finds a delivery by its id; None when it was evicted or reset.
    """

    kind = "event_streams"
    indexed = True

    def __init__(self, account: MemoryAccount, journal: Journal, delivery: Callable[[str], Delivery | None]) -> None:
        super().__init__(account)
        self._journal = journal
        self._delivery = delivery
        self._notes: deque[_Note] = deque()
        self._notes_bound = account["event_notes"]
        self._notes_bound.evict = self._drop_note
        self._last_note = 0

    def size_of(self, key: Subscriber, value: Subscriber) -> int:  # noqa: ARG002
        """The memory of a reader."""
        return _OVERHEAD + value.wanted.size

    def owners_of(self, key: Subscriber, value: Subscriber) -> Owners:  # noqa: ARG002
        """The account and call of its filter."""
        return value.wanted.scope.account_sid, value.wanted.scope.call_sid

    def open(self, wanted: Filter, *, resumed: bool = False) -> Subscriber:
        """Start to read, a reader that resumes from after `wanted.after`; the owner must `close`.

        Raises:
            CapacityError: there are too many.
        """
        if resumed:
            reader = Subscriber(wanted, wanted.after, 0, self._last_note, catching_up=True)
            reader.wake()
        else:
            reader = Subscriber(wanted, max(wanted.after, self._journal.last_seq), self._last_note, self._last_note)
        self.put(reader, reader)
        return reader

    def close(self, reader: Subscriber) -> None:
        """The owner no longer reads."""
        self.remove(reader)

    def publish(self, exchange: Exchange) -> None:
        """An exchange was added to the journal."""
        for reader in self.covering(*exchange.owners) if self._entries else ():
            if reader.wanted.matches(exchange):
                reader.notify(2 if exchange.created else 1)

    def publish_delivery(self, delivery: Delivery) -> None:
        """A delivery is new or was changed: an event for readers of all of its call or account, and never again."""
        readers = [reader for reader in self.covering(*delivery.owners) if _takes_deliveries(reader)]
        if readers:
            self._note(delivery.id)
            for reader in readers:
                reader.notify(note=self._last_note)

    def publish_reset(self, scope: Scope) -> None:
        """A scope was reset."""
        self._note(scope)
        for reader in self:
            if scope.overlaps(reader.wanted.scope):
                reader.notify(note=self._last_note)

    def wake(self, account_sid: str | None, call_sid: str | None) -> None:
        """What was told of this account and call is no longer all: readers look again."""
        for reader in self.covering(account_sid, call_sid):
            reader.wake()

    def end(self) -> None:
        """End all readers."""
        for reader in self:
            reader.end()

    def read(self, reader: Subscriber, limit: int = SLICE) -> Steps[list[Event]]:
        """The next events, from no more than `limit` exchanges and as many notes; none when all was read."""
        exchanges, last = self._unread(reader, limit)
        noted, last = self._noted(reader, last, limit)
        events: list[Event] = []
        for exchange in exchanges:
            if exchange.seq <= last and reader.wanted.matches(exchange):
                events += events_of(exchange)
            yield
        events = sorted(events + noted, key=lambda event: event.seq)  # stable: of equals the exchange first
        reader.position = max(last, reader.position)
        reader.behind = max(0, reader.behind - len(events))
        if reader.position >= self._journal.last_seq and reader.noted == self._last_note:
            reader.behind, reader.catching_up = 0, False
            reader.rest()
        return events

    def _note(self, about: Scope | str) -> None:
        self._last_note += 1
        note = _Note(self._last_note, self._journal.last_seq, about)
        self._notes.append(note)
        self._notes_bound.charge(note.size)

    def _drop_note(self) -> None:
        self._notes_bound.release(self._notes.popleft().size)

    def _unread(self, reader: Subscriber, limit: int) -> tuple[list[Exchange], int]:
        """The next exchanges that a reader did not read yet, and the place up to which these are all."""
        wanted = replace(reader.wanted, after=reader.position)
        found = self._journal.requests(wanted).candidates(limit)
        sizes = accumulate(exchange.size for exchange in found)
        exchanges = found[: 1 + sum(size <= READ_BYTES for size in sizes)]
        is_all = len(exchanges) == len(found) < limit
        return exchanges, self._journal.last_seq if is_all else exchanges[-1].seq

    def _noted(self, reader: Subscriber, last: int, limit: int) -> tuple[list[Event], int]:
        """The next notes that a reader did not read yet, up to this place of the journal or to the one returned."""
        dropped = self._last_note - len(self._notes)
        if reader.oldest_note is not None and reader.oldest_note <= dropped:
            reader.give_up()
        reader.oldest_note = None
        events = list[Event]()
        for note in islice(self._notes, max(0, reader.noted - dropped), None):
            if note.seq > last or len(events) == limit:
                reader.oldest_note = note.number
                return events, min(last, note.seq)
            reader.noted = note.number
            event = self._event(reader, note)
            if event is not None:
                events.append(event)
        return events, last

    def _event(self, reader: Subscriber, note: _Note) -> Event | None:
        """What a note is to a reader; None = nothing."""
        if isinstance(note.about, Scope):
            is_missed = note.number <= reader.live_from and note.seq < reader.wanted.after
            is_meant = note.about.overlaps(reader.wanted.scope) and not is_missed
            return Event(EventKind.RESET, note.seq, note.about) if is_meant else None
        delivery = self._delivery(note.about)
        is_meant = note.number > reader.live_from and _takes_deliveries(reader)
        if delivery is None or not is_meant or not reader.wanted.scope.covers(*delivery.owners):
            return None
        return Event(EventKind.DELIVERY, note.seq, delivery)


def _takes_deliveries(reader: Subscriber) -> bool:
    return not reader.wanted.needs_a_look and reader.wanted.idempotency_key is None


def events_of(exchange: Exchange) -> list[Event]:
    """What an exchange tells: that a request came, and the message if it created one."""
    told = [Event(EventKind.REQUEST, exchange.seq, exchange)]
    return [*told, Event(EventKind.MESSAGE, exchange.seq, exchange)] if exchange.created else told
