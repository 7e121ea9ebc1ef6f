"""Subscriptions to end users' messages, by SID and by call, in order of creation."""

from emulator.engine.capacity import size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire.subscriptions import UserDefinedMessageSubscription

_OVERHEAD = ENTRY + 600  # bytes: a subscription and its SIDs


class Subscriptions(Store[str, UserDefinedMessageSubscription]):
    """All subscriptions by SID."""

    kind = "subscriptions"
    indexed = True

    def size_of(self, key: str, value: UserDefinedMessageSubscription) -> int:  # noqa: ARG002  SIDs have one length
        """Memory of a subscription in bytes."""
        return _OVERHEAD + size_of(value.callback, value.idempotency_key)

    def owners_of(self, key: str, value: UserDefinedMessageSubscription) -> Owners:  # noqa: ARG002
        """Account and call of the subscription."""
        return value.account_sid, value.call_sid

    def add(self, subscription: UserDefinedMessageSubscription) -> None:
        """Add a new subscription.

        Raises:
            CapacityError: too many subscriptions.
        """
        self.remove(subscription.sid)  # if a repeated seed produced the SID again, the newest keeps it
        self.put(subscription.sid, subscription)
