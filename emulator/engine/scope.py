"""Scopes (an account, a call, both or everything: the part of the state that a test owns), and an index by scope."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Owners = tuple[str | None, str | None]
"""Account and call; None = all of them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """An account, a call, both, or (both None) everything."""

    account_sid: str | None = None
    call_sid: str | None = None

    def covers(self, account_sid: str | None, call_sid: str | None) -> bool:
        """Whether an item of this account and call is in the scope."""
        return self.account_sid in (None, account_sid) and self.call_sid in (None, call_sid)

    def owns(self, account_sid: str | None, call_sid: str | None) -> bool:
        """Whether a reset of this scope removes an item with these owners; without an account, its CallSid decides."""
        if account_sid is None and call_sid is not None:
            return self == Scope() or self.call_sid == call_sid
        return self.covers(account_sid, call_sid)

    def overlaps(self, other: "Scope") -> bool:
        """Whether an item can be in both scopes."""
        pairs = ((self.account_sid, other.account_sid), (self.call_sid, other.call_sid))
        return all(mine is None or others is None or mine == others for mine, others in pairs)


class Registry(Generic[T]):
    """An index of items by scope. A look-up examines only items of the call, of the account, and without owners."""

    def __init__(self) -> None:
        self._by_call: defaultdict[str, dict[T, Scope]] = defaultdict(dict)
        self._by_account: defaultdict[str, dict[T, Scope]] = defaultdict(dict)
        self._everywhere: dict[T, Scope] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[T]:
        return (thing for thing, _ in self.items())

    def items(self) -> Iterator[tuple[T, Scope]]:
        """Iterate over items and their scopes."""
        for shelf in (*self._by_call.values(), *self._by_account.values(), self._everywhere):
            yield from shelf.items()

    def add(self, scope: Scope, thing: T) -> None:
        """Add an item under a scope."""
        self._shelf(scope)[thing] = scope
        self._count += 1

    def remove(self, scope: Scope, thing: T) -> None:
        """Remove an item; no error when it is not present."""
        shelf = self._shelf(scope)
        if shelf.pop(thing, None) is not None:
            self._count -= 1
        if shelf:
            return
        if scope.call_sid is not None:
            del self._by_call[scope.call_sid]
        elif scope.account_sid is not None:
            del self._by_account[scope.account_sid]

    def of(self, account_sid: str | None, call_sid: str | None) -> list[T]:
        """Return the items whose scope covers this account and call."""
        if not self._count:
            return []
        shelves = (self._by_call.get(call_sid or ""), self._by_account.get(account_sid or ""), self._everywhere)
        return [
            thing for shelf in shelves if shelf for thing, scope in shelf.items() if scope.covers(account_sid, call_sid)
        ]

    def of_call(self, call_sid: str) -> list[T]:
        """Return the items of a call, whatever their account."""
        return list(self._by_call.get(call_sid, ()))

    def _shelf(self, scope: Scope) -> dict[T, Scope]:
        if scope.call_sid is not None:
            return self._by_call[scope.call_sid]
        return self._everywhere if scope.account_sid is None else self._by_account[scope.account_sid]
