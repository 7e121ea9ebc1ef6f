"""Configuration of the engine."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.capacity import MEMORY_LIMIT, Capacity


class Unregistered(StrEnum):
    """Treatment of an unregistered CallSid: the option `calls`."""

    ANY = "any"  # treat it as an active call
    REGISTERED = "registered"  # reject it as unknown


class OnMismatch(StrEnum):
    """Response to a known key with other parameters: the option `idempotency_mismatch`."""

    REPLAY = "replay"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineConfig:
    """Choices that Twilio's documentation leaves open, and the engine's bounds. Durations are in seconds."""

    calls: Unregistered = Unregistered.ANY
    idempotency_ttl: float = 24 * 3600
    idempotency_limit: int = 100_000
    idempotency_mismatch: OnMismatch = OnMismatch.REPLAY
    journal_limit: int = 100_000
    memory_limit: int = MEMORY_LIMIT
    journal_bytes: int | None = None
    magic: bool = True
    retry_window: float = 120
    first_sequence_number: int = 1
    deliveries_limit: int = 10_000
    connections_limit: int = 20_000

    def capacities(self) -> dict[str, Capacity]:
        """Return the configured limits that override the defaults of the memory account."""
        return {
            "journal": Capacity(self.journal_limit, self.journal_bytes),
            "idempotency_keys": Capacity(self.idempotency_limit),
            "deliveries": Capacity(self.deliveries_limit),
            "connections": Capacity(self.connections_limit),
        }
