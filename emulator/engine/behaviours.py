"""What happens to a call for which nobody is there: set per identity, else it is answered at once."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.limits import LimitReachedError

MAX_BEHAVIOURS = 10_000


class Reaction(StrEnum):
    """What the other end does."""

    ANSWER = "answer"
    RING = "ring"  # and nothing else
    BUSY = "busy"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What the other end does, and after how many seconds of ringing it answers."""

    reaction: Reaction = Reaction.ANSWER
    after: float = 0.0


class Behaviours:
    """Behaviours by identity."""

    def __init__(self) -> None:
        self._by_identity: dict[str, Behaviour] = {}

    def put(self, identity: str, behaviour: Behaviour) -> None:
        """Say what happens to calls to this identity, and to those of it.

        Raises:
            LimitReachedError: 10,000 are set.
        """
        if identity not in self._by_identity and len(self._by_identity) >= MAX_BEHAVIOURS:
            raise LimitReachedError("behaviours", MAX_BEHAVIOURS, "DELETE some or reset")
        self._by_identity[identity] = behaviour

    def remove(self, identity: str) -> bool:
        """Back to what is usual; False when it was so."""
        return self._by_identity.pop(identity, None) is not None

    def clear(self) -> None:
        """Back to what is usual for all."""
        self._by_identity.clear()

    def of_call(self, called: str, caller: str) -> Behaviour:
        """What happens to a call: what was set for the called, else for the caller."""
        return self._by_identity.get(called) or self._by_identity.get(caller) or Behaviour()

    def items(self) -> list[tuple[str, Behaviour]]:
        """All that were set."""
        return list(self._by_identity.items())
