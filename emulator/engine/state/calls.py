"""Registered calls, and the effect of their state on a message."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.capacity import MemoryAccount
from emulator.engine.config import Unregistered
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire.errors import CALL_FOREIGN, CALL_IS_PSTN, CALL_NOT_ACTIVE, CALL_UNKNOWN, ErrorSpec

_OVERHEAD = ENTRY + 400  # bytes: a call and its SIDs


class Status(StrEnum):
    """Twilio's call states (twilio.com/docs/voice/api/call-resource)."""

    QUEUED = "queued"
    RINGING = "ringing"
    IN_PROGRESS = "in-progress"
    COMPLETED = "completed"
    BUSY = "busy"
    FAILED = "failed"
    NO_ANSWER = "no-answer"
    CANCELED = "canceled"


# twilio.com/docs/voice/sdks/call-message-events: on the server side a call is active in these two states.
ACTIVE = frozenset({Status.RINGING, Status.IN_PROGRESS})


class Leg(StrEnum):
    """Type of the other leg of a call."""

    VOICE_SDK = "voice-sdk"
    PSTN = "pstn"


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisteredCall:
    """A registered call; `account_sid` None = any account."""

    sid: str
    account_sid: str | None
    status: Status
    client: Leg

    def refusal(self, account_sid: str) -> ErrorSpec | None:
        """Return why this call rejects messages of an account; None if it accepts them."""
        if self.account_sid not in (None, account_sid):
            return CALL_FOREIGN
        if self.client is Leg.PSTN:
            return CALL_IS_PSTN
        return None if self.status in ACTIVE else CALL_NOT_ACTIVE


class CallRegistry(Store[str, RegisteredCall]):
    """Registered calls by CallSid, in the order of their registration."""

    kind = "calls"
    indexed = True

    def __init__(self, account: MemoryAccount, unregistered: Unregistered) -> None:
        super().__init__(account)
        self._unregistered = unregistered

    def size_of(self, key: str, value: RegisteredCall) -> int:  # noqa: ARG002  SIDs have one length
        """Memory of a call in bytes."""
        return _OVERHEAD

    def owners_of(self, key: str, value: RegisteredCall) -> Owners:
        """Account and CallSid; a call without account belongs to its CallSid only."""
        return value.account_sid, key

    def add(self, call: RegisteredCall) -> bool:
        """Register or replace a call; return True when it is new.

        Raises:
            CapacityError: too many calls are registered.
        """
        return self.put(call.sid, call)

    def refusal(self, account_sid: str, sid: str) -> ErrorSpec | None:
        """Return why a call rejects messages of an account; None if it accepts them."""
        call = self._entries.get(sid)
        if call is None:
            return None if self._unregistered is Unregistered.ANY else CALL_UNKNOWN
        return call.refusal(account_sid)
