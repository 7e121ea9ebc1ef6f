"""Delivery status of messages to end users."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class DeliveryStatus:
    """Delivery status of a message to an end user: recipient and time, or why there is no recipient.

    Attributes:
        to: identity of the client; None = not delivered.
        reason: why it was not delivered.
        begun: monotonic seconds.
        after: seconds until it was written to the first of the client's sockets; None until then.
        waiting: number of sockets to which it is not written yet.
    """

    to: str | None
    reason: str | None = None
    begun: float = field(default=0.0, compare=False)
    after: float | None = None
    waiting: int = field(default=0, compare=False)

    def written(self, now: float) -> None:
        """Record that the message was written to one of the sockets."""
        self.waiting -= 1
        if self.after is None:
            self.after = now - self.begun

    def lost(self, reason: str) -> None:
        """Record that one of the sockets was lost; if all are lost before a write, the message is not delivered."""
        self.waiting -= 1
        if self.after is None and not self.waiting:
            self.to, self.reason = None, reason
