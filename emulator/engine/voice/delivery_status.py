"""What became of messages for end users."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class DeliveryStatus:
    """What became of a message for an end user: to whom it was sent and when, or why to nobody.

    Attributes:
        to: the user's identity; None = nobody.
        reason: why to nobody.
        begun: monotonic seconds.
        after: seconds until it was written to the first of the user's sockets; None while it was to none.
        waiting: to how many sockets it is yet to be written.
    """

    to: str | None
    reason: str | None = None
    begun: float = field(default=0.0, compare=False)
    after: float | None = None
    waiting: int = field(default=0, compare=False)

    def written(self, now: float) -> None:
        """It went out to one of them."""
        self.waiting -= 1
        if self.after is None:
            self.after = now - self.begun

    def lost(self, reason: str) -> None:
        """One of them is gone; with the last one it reached nobody."""
        self.waiting -= 1
        if self.after is None and not self.waiting:
            self.to, self.reason = None, reason
