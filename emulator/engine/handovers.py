"""What became of messages for end users."""

from dataclasses import dataclass, field


@dataclass(slots=True)
class Handover:
    """What became of a message for an end user: to whom it was sent and when, or why to nobody.

    Attributes:
        to: the user's identity; None = nobody.
        reason: why to nobody.
        begun: monotonic seconds.
        after: seconds until it was written to the user's socket; None while it was not.
    """

    to: str | None
    reason: str | None = None
    begun: float = field(default=0.0, compare=False)
    after: float | None = None
