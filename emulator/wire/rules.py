"""How sure we are: each rule of the emulator carries a certainty and the source it was read from."""

from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """How a rule is known."""

    DOCUMENTED = "documented"  # Twilio says so
    OBSERVED = "observed"  # somebody recorded or quoted it from the wire
    ASSUMED = "assumed"  # our choice, because nothing public tells


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One thing that the emulator does because Twilio does it, or because we had to choose."""

    name: str
    says: str
    certainty: Certainty
    source: str
