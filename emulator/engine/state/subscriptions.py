"""Subscriptions to the messages of end users, by SID and by call, in the order of their creation."""

from emulator.engine.capacity import size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire.subscriptions import Subscription

_OVERHEAD = ENTRY + 600  # a subscription and its SIDs


class Subscriptions(Store[str, Subscription]):
    """All subscriptions."""

    kind = "subscriptions"
    indexed = True

    def size_of(self, key: str, value: Subscription) -> int:  # noqa: ARG002  SIDs have one length
        """The memory of a subscription."""
        return _OVERHEAD + size_of(value.callback, value.idempotency_key)

    def owners_of(self, key: str, value: Subscription) -> Owners:  # noqa: ARG002
        """The account and call that created it."""
        return value.account_sid, value.call_sid

    def add(self, subscription: Subscription) -> None:
        """Add a new subscription.

        Raises:
            CapacityError: there are too many.
        """
        self.remove(subscription.sid)  # a seed that was set again made the SID twice: the newest has it
        self.put(subscription.sid, subscription)
