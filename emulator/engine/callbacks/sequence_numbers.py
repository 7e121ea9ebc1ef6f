"""`SequenceNumber`: counts what the end user of each call sent."""

from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store

_Call = tuple[str | None, str]
"""Account and call; an account of None = a call of no account."""


class SequenceNumbers(Store[_Call, int]):
    """The next number of each call; where the store is full, the call that was silent longest starts again.

    Args:
        account: of memory.
        first: the first number. Twilio's text says 0, its sample shows 1.
    """

    kind = "sequence_numbers"

    def __init__(self, account: MemoryAccount, first: int = 1) -> None:
        super().__init__(account)
        self._first = first

    def size_of(self, key: _Call, value: int) -> int:  # noqa: ARG002
        """The memory of a call's number."""
        return ENTRY + size_of(key)

    def owners_of(self, key: _Call, value: int) -> Owners:  # noqa: ARG002
        """The call that is counted."""
        return key

    def take(self, account_sid: str | None, call_sid: str) -> int:
        """The number of a call's next message."""
        owners = account_sid, call_sid
        number = self.get(owners)
        number = self._first if number is None else number
        self.put(owners, number + 1)
        return number
