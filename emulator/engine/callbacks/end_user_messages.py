"""What end users said: the newest of it, whether somebody was told or not."""

from itertools import count
from typing import NamedTuple

from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.engine.voice.call_legs import EndUserMessage

_OVERHEAD = ENTRY + 300  # a message without its texts


class LoggedMessage(NamedTuple):
    """An end user's message.

    Attributes:
        said: the message.
        at: seconds since 1970.
        sequence_number: its place among those of its call.
        told: how many subscriptions are told of it.
    """

    said: EndUserMessage
    at: float
    sequence_number: int
    told: int

    @property
    def sid(self) -> str:
        """The message's."""
        return self.said.sid


class EndUserMessageLog(Store[int, LoggedMessage]):
    """The newest messages of end users by a running number, oldest first."""

    kind = "end_user_messages"
    indexed = True

    def __init__(self, account: MemoryAccount) -> None:
        super().__init__(account)
        self._numbers = count()

    def size_of(self, key: int, value: LoggedMessage) -> int:  # noqa: ARG002
        """The memory of a message."""
        return _OVERHEAD + size_of(*value.said)

    def owners_of(self, key: int, value: LoggedMessage) -> Owners:  # noqa: ARG002
        """The account and call of the end user."""
        return value.said.account_sid, value.said.call_sid

    def add(self, saying: LoggedMessage) -> None:
        """Add a message; the oldest are evicted where the store is full."""
        self.put(next(self._numbers), saying)
