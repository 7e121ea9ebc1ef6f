"""Who is told what the end user of a call says: subscriptions by SID and by call, in the order of their creation."""

from collections.abc import Iterator

from emulator.engine.limits import LimitReachedError
from emulator.engine.scopes import Scope
from emulator.wire.subscriptions import Subscription

MAX_SUBSCRIPTIONS = 10_000


class Subscriptions:
    """All subscriptions."""

    def __init__(self) -> None:
        self._by_sid: dict[str, Subscription] = {}
        self._by_call: dict[str, dict[str, Subscription]] = {}

    def __len__(self) -> int:
        return len(self._by_sid)

    def __iter__(self) -> Iterator[Subscription]:
        return iter(self._by_sid.values())

    def add(self, subscription: Subscription) -> None:
        """Keep a new subscription.

        Raises:
            LimitReachedError: there are 10,000.
        """
        if len(self._by_sid) >= MAX_SUBSCRIPTIONS:
            raise LimitReachedError("subscriptions", MAX_SUBSCRIPTIONS, "DELETE some or reset")
        if subscription.sid in self._by_sid:  # a seed that was set again made the SID twice: the newest has it
            self.remove(subscription.sid)
        self._by_sid[subscription.sid] = subscription
        self._by_call.setdefault(subscription.call_sid, {})[subscription.sid] = subscription

    def get(self, sid: str) -> Subscription | None:
        """The subscription of this SID."""
        return self._by_sid.get(sid)

    def of_call(self, call_sid: str, account_sid: str | None = None) -> list[Subscription]:
        """Those of a call; with an account, only its own."""
        found = self._by_call.get(call_sid, {}).values()
        return [subscription for subscription in found if account_sid in (None, subscription.account_sid)]

    def remove(self, sid: str) -> bool:
        """Forget a subscription; False when there was none."""
        subscription = self._by_sid.pop(sid, None)
        if subscription is None:
            return False
        rest = self._by_call[subscription.call_sid]
        del rest[sid]
        if not rest:
            del self._by_call[subscription.call_sid]
        return True

    def remove_scope(self, scope: Scope) -> int:
        """Forget those of an account, a call, or both; returns how many."""
        gone = [each.sid for each in self if scope.covers(each.account_sid, each.call_sid)]
        for sid in gone:
            self.remove(sid)
        return len(gone)
