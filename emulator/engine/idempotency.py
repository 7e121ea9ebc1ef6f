"""Idempotency keys: what a key created, until its time is over or there are too many.

Nothing is documented about the parameter but its name; TTL, scope and limit are our choice (GET /_emulator/rules).
"""

from collections import OrderedDict
from enum import StrEnum
from typing import NamedTuple

from emulator.engine.scopes import Scope
from emulator.wire.resources import Made


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


class Keys:
    """What was made, by the key that made it, oldest first."""

    def __init__(self, *, ttl: float, limit: int) -> None:
        self._ttl = ttl
        self._limit = limit
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()  # popping the front of a dict is not constant time

    def find(self, key: Key, now: float) -> Made | None:
        """What the key created, unless its time is over."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        if kept.expires <= now:
            del self._kept[key]
            return None
        return kept.made

    def keep(self, key: Key, made: Made, now: float) -> None:
        """Remember what was made under its key; beyond the limit the oldest key goes."""
        self._kept[key] = _Kept(made, now + self._ttl)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def forget_scope(self, scope: Scope) -> None:
        """Forget all keys of an account or call."""
        for key in [key for key in self._kept if scope.covers(key.account_sid, key.call_sid)]:
            del self._kept[key]

    def forget(self, key: Key, made: Made) -> None:
        """Forget a key if it stands for this made."""
        kept = self._kept.get(key)
        if kept is not None and kept.made is made:
            del self._kept[key]
