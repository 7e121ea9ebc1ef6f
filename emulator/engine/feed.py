"""The live feed: events to whoever reads, each at its own pace. Who falls behind is cut off, not waited for."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.engine.deliveries import Delivery
from emulator.engine.exchanges import Exchange
from emulator.engine.filters import Filter
from emulator.engine.limits import LimitReachedError
from emulator.engine.scopes import Registry, Scope

MAX_READERS = 1_000
MAX_BEHIND = 1_000


class Kind(StrEnum):
    """What an event tells."""

    REQUEST = "request"
    MESSAGE = "message"
    RESET = "reset"
    DELIVERY = "delivery"


@dataclass(frozen=True, slots=True)
class Event:
    """Something happened at this place of the journal."""

    kind: Kind
    seq: int
    about: Exchange | Scope | Delivery


@dataclass(slots=True, eq=False)
class Reader:
    """Somebody who reads events.

    Attributes:
        events: what it did not take yet.
        backlog: what happened before it came, for one that resumes.
        ended: no more will come.
        lagged: set when it was given up, because it fell behind.
    """

    wanted: Filter
    events: deque[Event] = field(default_factory=deque)
    backlog: list[Event] = field(default_factory=list)
    ended: bool = False
    lagged: asyncio.Event = field(default_factory=asyncio.Event)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, event: Event) -> None:
        """Hand an event over, or give the reader up when it is too far behind."""
        if len(self.events) >= MAX_BEHIND:
            self.ended = True
            self.events.clear()
            self.lagged.set()
        elif not self.ended:
            self.events.append(event)
        self._wake.set()

    def end(self) -> None:
        """No more events: the emulator is stopping."""
        self.ended = True
        self._wake.set()

    def wake(self) -> None:
        """There is something to take."""
        self._wake.set()

    async def wait(self) -> None:
        """Return once there is something to take, or the end."""
        await self._wake.wait()

    def take(self) -> list[Event]:
        """All events that are there."""
        taken = [*self.backlog, *self.events]
        self.backlog.clear()
        self.events.clear()
        if not self.ended:
            self._wake.clear()
        return taken


class Feed:
    """All readers, found by the account and call that they read."""

    def __init__(self) -> None:
        self._readers: Registry[Reader] = Registry()
        self._resets: deque[Event] = deque(maxlen=MAX_BEHIND)

    def __len__(self) -> int:
        return len(self._readers)

    def open(self, wanted: Filter) -> Reader:
        """Start to read; the owner must `close`.

        Raises:
            LimitReachedError: 1,000 read already.
        """
        if len(self._readers) >= MAX_READERS:
            raise LimitReachedError("event streams", MAX_READERS, "close some first")
        reader = Reader(wanted)
        self._readers.add(wanted.scope, reader)
        return reader

    def close(self, reader: Reader) -> None:
        """The owner no longer reads."""
        self._readers.remove(reader.wanted.scope, reader)

    def tell(self, exchange: Exchange) -> None:
        """An exchange was added to the journal."""
        for reader in self._readers.of(*exchange.owners):
            if reader.wanted.matches(exchange):
                for event in events_of(exchange):
                    reader.put(event)

    def tell_delivery(self, delivery: Delivery, seq: int) -> None:
        """A callback is new or was changed: told to whoever reads all of its call or account, and never again."""
        for reader in self._readers.of(*delivery.owners):
            if not reader.wanted.needs_a_look and reader.wanted.idempotency_key is None:
                reader.put(Event(Kind.DELIVERY, seq, delivery))

    def wake(self, account_sid: str | None, call_sid: str | None) -> None:
        """What was told of this account and call is no longer all: readers look again."""
        for reader in self._readers.of(account_sid, call_sid):
            reader.wake()

    def tell_reset(self, scope: Scope, seq: int) -> None:
        """A scope was reset."""
        self._resets.append(Event(Kind.RESET, seq, scope))
        for reader in list(self._readers):
            if scope.overlaps(reader.wanted.scope):
                reader.put(Event(Kind.RESET, seq, scope))

    def resets_since(self, wanted: Filter) -> list[Event]:
        """The resets that a reader who resumes may have missed; it may have seen the first."""
        return [
            event
            for event in self._resets
            if event.seq >= wanted.after and isinstance(event.about, Scope) and event.about.overlaps(wanted.scope)
        ]

    def end(self) -> None:
        """End all readers."""
        for reader in self._readers:
            reader.end()


def events_of(exchange: Exchange) -> list[Event]:
    """What an exchange tells: that a request came, and the message if it created one."""
    told = [Event(Kind.REQUEST, exchange.seq, exchange)]
    return [*told, Event(Kind.MESSAGE, exchange.seq, exchange)] if exchange.created else told
