"""Idempotency keys: what a key created, until it expires or is evicted.

Nothing is documented about the parameter but its name; TTL, scope and limit are our choice (GET /_emulator/rules).
"""

from itertools import takewhile
from sys import getsizeof
from typing import NamedTuple

from emulator.engine.capacity import MemoryAccount
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire.resources import Resource

_OVERHEAD = ENTRY + 600  # measured: a key, its SIDs, and a message or subscription without its texts


class Key(NamedTuple):
    """A key and what it belongs to; the same text elsewhere is another key."""

    resource: str
    account_sid: str
    call_sid: str
    text: str


class Kept(NamedTuple):
    """What a key created; numbers rise in the order in which keys are kept."""

    made: Resource
    expires: float
    number: int


class Keys(Store[Key, Kept]):
    """What each key created; where the store is full, the oldest keys are evicted.

    What was created outlives its exchange in the journal here: it holds what a replay needs, and no content.

    Args:
        account: of memory.
        ttl: seconds until a key expires.
    """

    kind = "idempotency_keys"
    last_number = 0

    def __init__(self, account: MemoryAccount, *, ttl: float) -> None:
        super().__init__(account)
        self._ttl = ttl

    def size_of(self, key: Key, value: Kept) -> int:
        """The memory of a key and of what it created."""
        return _OVERHEAD + getsizeof(key.text) + len(value.made.fingerprint)

    def owners_of(self, key: Key, value: Kept) -> Owners:  # noqa: ARG002
        """The account and call that used it."""
        return key.account_sid, key.call_sid

    def find(self, key: Key, now: float) -> Resource | None:
        """What the key created, unless it has expired."""
        kept = self.get(key)
        if kept is None:
            return None
        if kept.expires <= now:
            self.remove(key)
            return None
        return kept.made

    def keep(self, key: Key, made: Resource, now: float) -> None:
        """Remember what was created under its key."""
        self.last_number = number = self.last_number + 1
        self.put(key, Kept(made, now + self._ttl, number))

    def kept_after(self, number: int) -> list[Key]:
        """The keys with a higher number."""
        if not number:
            return list(dict.keys(self._entries))  # an OrderedDict would hash each of them again
        newest_first = reversed(self._entries.items())
        return [key for key, _ in takewhile(lambda item: item[1].number > number, newest_first)]

    def forget(self, key: Key, made: Resource) -> None:
        """Remove a key if it created this."""
        kept = self.get(key)
        if kept is not None and kept.made is made:
            self.remove(key)
