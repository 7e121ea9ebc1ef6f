"""Simulated reactions to calls to an identity without a connected client: set per identity, by default an answer."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.capacity import size_of
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store


class Reaction(StrEnum):
    """Reaction of the simulated callee."""

    ANSWER = "answer"
    RING = "ring"  # ring without end
    BUSY = "busy"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class AutoAnswer:
    """Reaction of the simulated callee; `after` = seconds of ringing before an answer."""

    reaction: Reaction = Reaction.ANSWER
    after: float = 0.0


class AutoAnswers(Store[str, AutoAnswer]):
    """Reactions by identity; only a full reset removes them."""

    kind = "behaviours"

    def size_of(self, key: str, value: AutoAnswer) -> int:
        """Memory of a reaction in bytes."""
        return ENTRY + size_of(key, value, value.after)

    def owners_of(self, key: str, value: AutoAnswer) -> Owners:  # noqa: ARG002
        """No owners: an identity belongs to every account."""
        return None, None

    def for_call(self, called: str, caller: str) -> AutoAnswer:
        """Return the reaction set for the callee, else the one set for the caller, else an immediate answer."""
        return self.get(called) or self.get(caller) or AutoAnswer()
