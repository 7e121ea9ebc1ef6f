"""Log of the newest messages from end users, with or without subscriptions."""

from itertools import count
from typing import NamedTuple

from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.engine.voice.call_legs import EndUserMessage

_OVERHEAD = ENTRY + 300  # bytes: a message without its texts


class LoggedMessage(NamedTuple):
    """A logged message of an end user.

    Attributes:
        said: the message.
        at: seconds since 1970.
        sequence_number: position among the messages of its call.
        notified: number of notified subscriptions.
    """

    said: EndUserMessage
    at: float
    sequence_number: int
    notified: int

    @property
    def sid(self) -> str:
        """SID of the message."""
        return self.said.sid


class EndUserMessageLog(Store[int, LoggedMessage]):
    """The newest messages of end users by a running number, oldest first."""

    kind = "end_user_messages"
    indexed = True

    def __init__(self, account: MemoryAccount) -> None:
        super().__init__(account)
        self._numbers = count()

    def size_of(self, key: int, value: LoggedMessage) -> int:  # noqa: ARG002
        """Memory of a message in bytes."""
        return _OVERHEAD + size_of(*value.said)

    def owners_of(self, key: int, value: LoggedMessage) -> Owners:  # noqa: ARG002
        """Account and call of the end user."""
        return value.said.account_sid, value.said.call_sid

    def add(self, saying: LoggedMessage) -> None:
        """Add a message; evict the oldest when the store is full."""
        self.put(next(self._numbers), saying)
