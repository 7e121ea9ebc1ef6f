"""The store under every registry: entries by key, oldest first, within a bound of the account of memory."""

from collections import OrderedDict
from collections.abc import Collection, ItemsView, Iterator
from functools import lru_cache
from typing import ClassVar, Generic, TypeVar

from emulator.engine.capacity import MemoryAccount, WhenFull
from emulator.engine.scope import Owners, Registry, Scope

K = TypeVar("K")
V = TypeVar("V")

_short_scope = lru_cache(maxsize=256)(Scope)  # most entries come in runs of one call
_LONGEST_CACHED = 1024  # what a cache holds is not in the account of memory

ENTRY = 300
"""What a store itself takes for an entry, in bytes; measured, with its place in the index."""


class Store(Generic[K, V]):
    """Entries by key, in the order in which they were put.

    A subclass names its kind and defines an entry's size and owners; neither may change while the entry is kept.

    Attributes:
        kind: the name of a row of `capacity.KINDS`.
        indexed: whether entries are found by account and call without a search.
        bound: the maximum and the use.
        evicted: how many were evicted since the last full reset.
    """

    kind: ClassVar[str]
    indexed: ClassVar[bool] = False

    def __init__(self, account: MemoryAccount) -> None:
        self.bound = account[self.kind]
        self.evicted = 0
        self._bytes = 0  # of this store: others may share its bound
        self._entries: OrderedDict[K, V] = OrderedDict()  # popping the front of a dict is not constant time
        self._by_scope: Registry[K] = Registry()
        if self.bound.kind.when_full is WhenFull.EVICT:
            self.bound.evict = self._evict

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[V]:
        return iter(self._entries.values())

    def items(self) -> ItemsView[K, V]:
        """Keys and values."""
        return self._entries.items()

    def get(self, key: K) -> V | None:
        """The value of a key."""
        return self._entries.get(key)

    def put(self, key: K, value: V) -> bool:
        """Add an entry; True when its key is new. A store that refuses replaces a value in its place.

        Raises:
            CapacityError: the kind refuses, and is full.
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
        """Remove an entry; None when there is none."""
        value = self._entries.pop(key, None)
        if value is not None:
            size = self.size_of(key, value)
            self._bytes -= size
            self.bound.release(size)
            self._unindex(key, value)
        return value

    def reset(self, scope: Scope) -> int:
        """Remove the entries of a scope; returns how many."""
        if scope == Scope():
            return self._clear()
        gone = [key for key, value in self.near(scope) if scope.owns(*self.owners_of(key, value))]
        for key in gone:
            self.remove(key)
        return len(gone)

    def of_call(self, call_sid: str) -> list[V]:
        """The entries of a call, oldest first; the store must be indexed."""
        return [self._entries[key] for key in self._by_scope.of_call(call_sid)]

    def covering(self, account_sid: str | None, call_sid: str | None) -> list[V]:
        """The entries whose scope covers this account and call; the store must be indexed."""
        return [self._entries[key] for key in self._by_scope.of(account_sid, call_sid)] if self._entries else []

    def size_of(self, key: K, value: V) -> int:
        """The memory that an entry takes, in bytes."""
        raise NotImplementedError

    def owners_of(self, key: K, value: V) -> Owners:
        """The account and call that an entry belongs to; None = all."""
        raise NotImplementedError

    def near(self, scope: Scope) -> Collection[tuple[K, V]]:
        """The entries of the scope's call, or all where an index is of no use."""
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
