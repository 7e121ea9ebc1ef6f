"""The memory account: limit, use and overflow behaviour of each kind of state.

A kind that refuses raises `CapacityError`; the response is 429 with the name of the bound. A kind that evicts drops its
oldest entries. When the whole account is full, the largest evictable kind evicts, so history never prevents a test from
registering what it needs.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from sys import getsizeof
from typing import NamedTuple

MEMORY_LIMIT = 512 * 1024**2
MEMORY = "memory"
"""Name of the bound on all kinds together."""


class CapacityError(Exception):
    """A bound was reached.

    Attributes:
        name: name of the bound.
        maximum: value of the bound, in entries or in bytes.
    """

    def __init__(self, name: str, maximum: int, remedy: str, unit: str = "") -> None:
        super().__init__(f"{name} reached: at most {maximum}{unit and f' {unit}'}; {remedy}")
        self.name = name
        self.maximum = maximum


class WhenFull(StrEnum):
    """Handling of a new entry when its kind is full."""

    EVICT = "evict"  # keep it and drop the oldest entries of the kind
    REFUSE = "refuse"  # 429
    WAIT = "wait"  # accept it once there is space


class Kind(NamedTuple):
    """A kind of state.

    Attributes:
        name: name in `/readyz` and in a 429.
        entries: maximum number of entries.
        percent: maximum share of the memory limit.
        when_full: handling of a new entry when the kind is full.
        remedy: advice to the client in a 429.
    """

    name: str
    entries: int
    percent: int
    when_full: WhenFull
    remedy: str = "delete some or reset"


_EVICT, _REFUSE, _WAIT = WhenFull.EVICT, WhenFull.REFUSE, WhenFull.WAIT

KINDS: tuple[Kind, ...] = (
    Kind("journal", 100_000, 50, _EVICT),
    Kind("idempotency_keys", 100_000, 20, _EVICT),
    Kind("deliveries", 10_000, 12, _EVICT),
    Kind("end_user_messages", 10_000, 6, _EVICT),
    Kind("sequence_numbers", 10_000, 1, _EVICT),
    Kind("magic_sids", 10_000, 1, _EVICT),
    Kind("unsent_responses", 20_000, 12, _EVICT),
    Kind("connections", 20_000, 20, _WAIT, "close some first"),
    Kind("request_bodies", 20_000, 6, _REFUSE, "send fewer at once"),
    Kind("requests_in_progress", 10_000, 12, _REFUSE, "let some end first"),
    Kind("faults", 10_000, 2, _REFUSE),
    Kind("schemas", 100, 5, _REFUSE),
    Kind("subscriptions", 10_000, 2, _REFUSE),
    Kind("connected_users", 10_000, 2, _REFUSE, "disconnect some first"),
    Kind("waits", 10_000, 4, _REFUSE, "let some end first"),
    Kind("calls", 10_000, 2, _REFUSE),
    Kind("voice_calls", 10_000, 2, _REFUSE, "hang up some first"),
    Kind("behaviours", 10_000, 1, _REFUSE),
    Kind("event_streams", 1_000, 1, _REFUSE, "close some first"),
    Kind("delayed_responses", 10_000, 1, _REFUSE, "let some go first"),
    Kind("event_notes", 10_000, 1, _EVICT),
)
"""All kinds. Kinds that do not evict may take 60 % of the limit together, which leaves 40 % for history."""


class Capacity(NamedTuple):
    """Overrides of a kind's limits; None = the default."""

    entries: int | None = None
    max_bytes: int | None = None


@dataclass(slots=True, eq=False)
class Bound:
    """Limits and current use of a kind in one account.

    Attributes:
        evict: drops and releases the oldest entry; set by the store of the kind.
    """

    account: "MemoryAccount"
    kind: Kind
    max_entries: int
    max_bytes: int
    entries: int = 0
    bytes: int = 0
    evict: Callable[[], None] | None = None

    def charge(self, size: int, entries: int = 1) -> None:
        """Add new entries to the use; if the kind evicts, call this after the entry is in its store.

        Raises:
            CapacityError: the kind does not evict, and the kind or the account is full.
        """
        if self.kind.when_full is not WhenFull.EVICT:
            self._refuse_excess(size, entries)
        self.hold(size, entries)

    def hold(self, size: int, entries: int = 1) -> None:
        """Add entries that are already in memory to the use, even if a kind that does not evict is full."""
        self.entries += entries
        self.bytes += size
        self.account.bytes += size
        if self.evict is not None:
            while self.entries > 1 and (self.entries > self.max_entries or self.bytes > self.max_bytes):
                self.evict()
        if self.account.bytes > self.account.limit:
            self.account.reclaim()

    def release(self, size: int, entries: int = 1) -> None:
        """Subtract removed entries from the use."""
        self.entries -= entries
        self.bytes -= size
        self.account.bytes -= size

    def _refuse_excess(self, size: int, entries: int) -> None:
        name, remedy = self.kind.name, self.kind.remedy
        if self.entries + entries > self.max_entries:
            raise CapacityError(name, self.max_entries, remedy)
        if self.bytes + size > self.max_bytes:
            raise CapacityError(name, self.max_bytes, remedy, "bytes")
        if self.account.bytes + size > self.account.limit and not self.account.reclaim(size):
            raise CapacityError(MEMORY, self.account.limit, remedy, "bytes")


class MemoryAccount:
    """All bounds of one emulator.

    Args:
        limit: maximum bytes of all kinds together.
        capacities: overrides of the limits by kind.

    Attributes:
        bytes: current bytes of all kinds together.
    """

    def __init__(self, limit: int = MEMORY_LIMIT, capacities: Mapping[str, Capacity] | None = None) -> None:
        self.limit = limit
        self.bytes = 0
        self._bounds = {kind.name: self._bound(kind, (capacities or {}).get(kind.name, Capacity())) for kind in KINDS}

    def __getitem__(self, name: str) -> Bound:
        return self._bounds[name]

    @property
    def bounds(self) -> tuple[Bound, ...]:
        """The bounds in the order of `KINDS`."""
        return tuple(self._bounds.values())

    def charge(self, name: str, size: int, entries: int = 0) -> None:
        """Add bytes held outside a store, for example buffers and request bodies of connections.

        Raises:
            CapacityError: the kind does not evict, and the kind or the account is full.
        """
        self._bounds[name].charge(size, entries)

    def release(self, name: str, size: int, entries: int = 0) -> None:
        """Subtract bytes that were charged and are no longer held."""
        self._bounds[name].release(size, entries)

    def reclaim(self, wanted: int = 0) -> bool:
        """Evict from the largest evictable kind until `wanted` bytes fit; return False when they cannot.

        Each kind keeps its newest entry.
        """
        while self.bytes + wanted > self.limit:
            evicting = [bound for bound in self._bounds.values() if bound.evict is not None and bound.entries > 1]
            if not evicting:
                return False
            largest = max(evicting, key=lambda bound: bound.bytes)
            assert largest.evict is not None
            largest.evict()
        return True

    def _bound(self, kind: Kind, capacity: Capacity) -> Bound:
        share = self.limit * kind.percent // 100
        return Bound(self, kind, capacity.entries or kind.entries, capacity.max_bytes or share)


def size_of(*values: object) -> int:
    """Return the memory of JSON values and strings in bytes; a value that occurs twice counts twice."""
    size, rest = 0, list(values)
    while rest:
        value = rest.pop()
        size += getsizeof(value)
        if isinstance(value, dict):
            rest += value.keys()
            rest += value.values()
        elif isinstance(value, list | tuple):
            rest += value
    return size
