"""Idempotency keys: what a key created, until it expires or is evicted.

Nothing is documented about the parameter but its name; TTL, scope and limit are our choice (GET /_emulator/rules).
"""

from enum import StrEnum
from sys import getsizeof
from typing import NamedTuple

from emulator.engine.capacity import MemoryAccount
from emulator.engine.scopes import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire.resources import Made

_OVERHEAD = ENTRY + 600  # measured: a key, its SIDs, and a message or subscription without its texts


class OnMismatch(StrEnum):
    """What other parameters under a known key get: the option `idempotency_mismatch`."""

    REPLAY = "replay"
    REJECT = "reject"


class Key(NamedTuple):
    """A key and what it belongs to; the same text elsewhere is another key."""

    resource: str
    account_sid: str
    call_sid: str
    text: str


class _Kept(NamedTuple):
    made: Made
    expires: float


class Keys(Store[Key, _Kept]):
    """What each key created; where the store is full, the oldest keys are evicted.

    What was created outlives its exchange in the journal here: it holds what a replay needs, and no content.

    Args:
        account: of memory.
        ttl: seconds until a key expires.
    """

    kind = "idempotency_keys"

    def __init__(self, account: MemoryAccount, *, ttl: float) -> None:
        super().__init__(account)
        self._ttl = ttl

    def size_of(self, key: Key, value: _Kept) -> int:
        """The memory of a key and of what it created."""
        return _OVERHEAD + getsizeof(key.text) + len(value.made.fingerprint)

    def owners_of(self, key: Key, value: _Kept) -> Owners:  # noqa: ARG002
        """The account and call that used it."""
        return key.account_sid, key.call_sid

    def find(self, key: Key, now: float) -> Made | None:
        """What the key created, unless it has expired."""
        kept = self.get(key)
        if kept is None:
            return None
        if kept.expires <= now:
            self.remove(key)
            return None
        return kept.made

    def keep(self, key: Key, made: Made, now: float) -> None:
        """Remember what was created under its key."""
        self.put(key, _Kept(made, now + self._ttl))

    def forget(self, key: Key, made: Made) -> None:
        """Remove a key if it created this."""
        kept = self.get(key)
        if kept is not None and kept.made is made:
            self.remove(key)
