"""`SequenceNumber`: counts the messages of the end user of each call."""

from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store

_Call = tuple[str | None, str]
"""Account and call; account None = a call without account."""


class SequenceNumbers(Store[_Call, int]):
    """The next number of each call; when the store is full, the least recently active call is evicted and restarts.

    Args:
        account: the memory account.
        first: the first number. Twilio's text says 0, its sample shows 1.
    """

    kind = "sequence_numbers"

    def __init__(self, account: MemoryAccount, first: int = 1) -> None:
        super().__init__(account)
        self._first = first

    def size_of(self, key: _Call, value: int) -> int:  # noqa: ARG002
        """Memory of a call's number in bytes."""
        return ENTRY + size_of(key)

    def owners_of(self, key: _Call, value: int) -> Owners:  # noqa: ARG002
        """Account and call of the number."""
        return key

    def take(self, account_sid: str | None, call_sid: str) -> int:
        """Return the number of a call's next message and increment it."""
        owners = account_sid, call_sid
        number = self.get(owners)
        number = self._first if number is None else number
        self.put(owners, number + 1)
        return number
