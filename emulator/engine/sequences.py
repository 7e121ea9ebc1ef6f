"""`SequenceNumber`: counts what the end user of each call sent."""

from collections import OrderedDict

from emulator.engine.scopes import Scope

MAX_CALLS = 10_000


class Sequences:
    """The next number of each call; beyond 10,000 calls the one that was silent longest begins anew.

    Args:
        first: the first number. Twilio's text says 0, its sample shows 1.
    """

    def __init__(self, first: int = 1) -> None:
        self._first = first
        self._next: OrderedDict[tuple[str | None, str], int] = OrderedDict()

    def take(self, account_sid: str | None, call_sid: str) -> int:
        """The number of a call's next message; `account_sid` None = a call of no account."""
        owners = account_sid, call_sid
        number = self._next.pop(owners, self._first)
        self._next[owners] = number + 1
        if len(self._next) > MAX_CALLS:
            self._next.popitem(last=False)
        return number

    def forget_scope(self, scope: Scope) -> None:
        """Count from the first number again in the calls of a scope."""
        for owners in [owners for owners in self._next if scope.owns(Scope(*owners))]:
            del self._next[owners]
