"""What happens to a call for which nobody is there: set per identity, else it is answered at once."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.capacity import size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store


class Reaction(StrEnum):
    """What the other end does."""

    ANSWER = "answer"
    RING = "ring"  # and nothing else
    BUSY = "busy"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class AutoAnswer:
    """What the other end does, and after how many seconds of ringing it answers."""

    reaction: Reaction = Reaction.ANSWER
    after: float = 0.0


class AutoAnswers(Store[str, AutoAnswer]):
    """Behaviours by identity; only a full reset removes them."""

    kind = "behaviours"

    def size_of(self, key: str, value: AutoAnswer) -> int:
        """The memory of a behaviour."""
        return ENTRY + size_of(key, value, value.after)

    def owners_of(self, key: str, value: AutoAnswer) -> Owners:  # noqa: ARG002
        """An identity belongs to every account."""
        return None, None

    def for_call(self, called: str, caller: str) -> AutoAnswer:
        """What happens to a call: what was set for the called, else for the caller."""
        return self.get(called) or self.get(caller) or AutoAnswer()
