"""Idempotency keys and the resources they created, until a key expires or is evicted.

Twilio documents only the parameter's name; TTL, scope and limit are our choice (GET /_emulator/rules).
"""

from itertools import takewhile
from sys import getsizeof
from typing import NamedTuple

from emulator.engine.capacity import MemoryAccount
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire.resources import Resource

_OVERHEAD = ENTRY + 600  # bytes, measured: a key, its SIDs, and a message or subscription without its texts


class Key(NamedTuple):
    """A key with its resource, account and call; the same text with other owners is another key."""

    resource: str
    account_sid: str
    call_sid: str
    text: str


class Kept(NamedTuple):
    """The resource that a key created, and its expiry in seconds since 1970; numbers rise in order of storage."""

    made: Resource
    expires: float
    number: int


class Keys(Store[Key, Kept]):
    """The resource that each key created; when the store is full, the oldest keys are evicted.

    Resources stay here after their exchange is evicted from the journal: they hold what a replay needs, but no content.

    Args:
        account: the memory account.
        ttl: seconds until a key expires.
    """

    kind = "idempotency_keys"
    last_number = 0

    def __init__(self, account: MemoryAccount, *, ttl: float) -> None:
        super().__init__(account)
        self._ttl = ttl

    def size_of(self, key: Key, value: Kept) -> int:
        """Memory of a key and its resource in bytes."""
        return _OVERHEAD + getsizeof(key.text) + len(value.made.fingerprint)

    def owners_of(self, key: Key, value: Kept) -> Owners:  # noqa: ARG002
        """Account and call of the key."""
        return key.account_sid, key.call_sid

    def find(self, key: Key, now: float) -> Resource | None:
        """Return the resource that a key created; None when there is none or the key has expired."""
        kept = self.get(key)
        if kept is None:
            return None
        if kept.expires <= now:
            self.remove(key)
            return None
        return kept.made

    def keep(self, key: Key, made: Resource, now: float) -> None:
        """Store a created resource under its key."""
        self.last_number = number = self.last_number + 1
        self.put(key, Kept(made, now + self._ttl, number))

    def kept_after(self, number: int) -> list[Key]:
        """Return the keys with a higher number; all keys for 0."""
        if not number:
            return list(dict.keys(self._entries))  # iterating an OrderedDict would hash each key again
        newest_first = reversed(self._entries.items())
        return [key for key, _ in takewhile(lambda item: item[1].number > number, newest_first)]

    def forget(self, key: Key, made: Resource) -> None:
        """Remove a key if it created this resource."""
        kept = self.get(key)
        if kept is not None and kept.made is made:
            self.remove(key)
