"""Certainty: each rule of the emulator states how it is known and its source."""

from dataclasses import dataclass
from enum import StrEnum


class Certainty(StrEnum):
    """How a rule is known."""

    DOCUMENTED = "documented"  # stated in Twilio's documentation
    OBSERVED = "observed"  # recorded or quoted from real traffic
    ASSUMED = "assumed"  # our choice, because no public source states it


@dataclass(frozen=True, slots=True)
class Rule:
    """A behaviour of the emulator, copied from Twilio or chosen by us.

    Attributes:
        advice: what the client can do about an error, in one or two sentences; None = the rule is not an error.
    """

    name: str
    certainty: Certainty
    summary: str
    source: str
    advice: str | None = None
