"""Idempotency keys: which message a key created, until its time is over or there are too many.

Nothing is documented about the parameter but its name; TTL, scope and limit are our choice (GET /_emulator/rules).
"""

from collections import OrderedDict
from enum import StrEnum
from typing import NamedTuple

from emulator.wire.messages import Message


class OnMismatch(StrEnum):
    """What other parameters under a known key get: the option `idempotency_mismatch`."""

    REPLAY = "replay"
    REJECT = "reject"


class Scope(NamedTuple):
    """What a key belongs to; the same text elsewhere is another key."""

    resource: str
    account_sid: str
    call_sid: str
    key: str


class _Kept(NamedTuple):
    message: Message
    expires: float


class Keys:
    """Messages by the key that created them, oldest first."""

    def __init__(self, *, ttl: float, limit: int) -> None:
        self._ttl = ttl
        self._limit = limit
        self._kept: OrderedDict[Scope, _Kept] = OrderedDict()  # popping the front of a dict is not constant time

    def find(self, scope: Scope, now: float) -> Message | None:
        """The message that the key created, unless its time is over."""
        kept = self._kept.get(scope)
        if kept is None:
            return None
        if kept.expires <= now:
            del self._kept[scope]
            return None
        return kept.message

    def keep(self, scope: Scope, message: Message, now: float) -> None:
        """Remember a message under its key; beyond the limit the oldest key goes."""
        self._kept[scope] = _Kept(message, now + self._ttl)
        while len(self._kept) > self._limit:
            self._kept.popitem(last=False)

    def forget(self, scope: Scope, message: Message) -> None:
        """Forget a key if it stands for this message."""
        kept = self._kept.get(scope)
        if kept is not None and kept.message is message:
            del self._kept[scope]
