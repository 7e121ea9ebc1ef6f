"""Base class of all stores: entries by key, oldest first, within a bound of the memory account."""

from collections import OrderedDict
from collections.abc import Collection, ItemsView, Iterator
from functools import lru_cache
from typing import ClassVar, Generic, TypeVar

from emulator.engine.capacity import MemoryAccount, WhenFull
from emulator.engine.scope import Owners, Registry, Scope

K = TypeVar("K")
V = TypeVar("V")

_short_scope = lru_cache(maxsize=256)(Scope)  # consecutive entries usually belong to the same call
_LONGEST_CACHED = 1024  # characters; the memory account does not include caches

ENTRY = 300
"""Bytes that a store itself takes per entry, including the index; measured."""


class Store(Generic[K, V]):
    """Entries by key, in insertion order.

    A subclass sets `kind` and defines an entry's size and owners; neither may change while the entry is stored.

    Attributes:
        kind: name of a row of `capacity.KINDS`.
        indexed: whether an index finds entries by account and call.
        bound: limits and current use.
        evicted: number of evicted entries since the last full reset.
    """

    kind: ClassVar[str]
    indexed: ClassVar[bool] = False

    def __init__(self, account: MemoryAccount) -> None:
        self.bound = account[self.kind]
        self.evicted = 0
        self._bytes = 0  # of this store only: other stores may share its bound
        self._entries: OrderedDict[K, V] = OrderedDict()  # popping the front of a dict is not constant time
        self._by_scope: Registry[K] = Registry()
        if self.bound.kind.when_full is WhenFull.EVICT:
            self.bound.evict = self._evict

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[V]:
        return iter(self._entries.values())

    def items(self) -> ItemsView[K, V]:
        """Return a view of keys and values, oldest first."""
        return self._entries.items()

    def get(self, key: K) -> V | None:
        """Return the value of a key; None when absent."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> bool:
        """Add or replace an entry; return True when its key is new.

        A replaced entry becomes the newest if the kind evicts; otherwise it keeps its position.

        Raises:
            CapacityError: the kind does not evict, and is full.
        """
        size, old = self.size_of(key, value), self._entries.get(key)
        if old is None:
            self.bound.charge(size)
        elif self.bound.evict is None:
            size -= self.size_of(key, old)
            self.bound.charge(size, 0)
            self._unindex(key, old)
        else:
            self.remove(key)
            self.bound.charge(size)
        self._bytes += size
        self._entries[key] = value
        if self.indexed:
            self._by_scope.add(_scope_of(*self.owners_of(key, value)), key)
        return old is None

    def remove(self, key: K) -> V | None:
        """Remove an entry and return its value; None when absent."""
        value = self._entries.pop(key, None)
        if value is not None:
            size = self.size_of(key, value)
            self._bytes -= size
            self.bound.release(size)
            self._unindex(key, value)
        return value

    def reset(self, scope: Scope) -> int:
        """Remove the entries of a scope; return their number."""
        if scope == Scope():
            return self._clear()
        gone = [key for key, value in self.near(scope) if scope.owns(*self.owners_of(key, value))]
        for key in gone:
            self.remove(key)
        return len(gone)

    def of_call(self, call_sid: str) -> list[V]:
        """Return the entries of a call, oldest first; the store must be indexed."""
        return [self._entries[key] for key in self._by_scope.of_call(call_sid)]

    def covering(self, account_sid: str | None, call_sid: str | None) -> list[V]:
        """Return the entries whose scope covers this account and call; the store must be indexed."""
        return [self._entries[key] for key in self._by_scope.of(account_sid, call_sid)] if self._entries else []

    def size_of(self, key: K, value: V) -> int:
        """Return the memory of an entry in bytes."""
        raise NotImplementedError

    def owners_of(self, key: K, value: V) -> Owners:
        """Return the account and call that an entry belongs to; None = all."""
        raise NotImplementedError

    def near(self, scope: Scope) -> Collection[tuple[K, V]]:
        """Return the entries of the scope's call, or all entries when the index does not help."""
        if self.indexed and scope.call_sid is not None:
            return [(key, self._entries[key]) for key in self._by_scope.of_call(scope.call_sid)]
        return self._entries.items()

    def _clear(self) -> int:
        count = len(self._entries)
        self._entries = OrderedDict()
        self._by_scope = Registry()
        self.bound.release(self._bytes, count)
        self._bytes = self.evicted = 0
        return count

    def _evict(self) -> None:
        self.remove(next(iter(self._entries)))
        self.evicted += 1

    def _unindex(self, key: K, value: V) -> None:
        if self.indexed:
            self._by_scope.remove(_scope_of(*self.owners_of(key, value)), key)


def _scope_of(account_sid: str | None, call_sid: str | None) -> Scope:
    is_short = len(account_sid or "") + len(call_sid or "") <= _LONGEST_CACHED
    return _short_scope(account_sid, call_sid) if is_short else Scope(account_sid, call_sid)
