"""The calls that somebody told us about, and what their state does to a message."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.limits import LimitReachedError
from emulator.engine.scopes import Scope
from emulator.wire.errors import CALL_FOREIGN, CALL_IS_PSTN, CALL_NOT_ACTIVE, CALL_UNKNOWN, Problem

MAX_CALLS = 10_000


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


# twilio.com/docs/voice/sdks/call-message-events: on the server side a call is active in these two.
ACTIVE = frozenset({Status.RINGING, Status.IN_PROGRESS})


class Leg(StrEnum):
    """What is at the other end of a call."""

    VOICE_SDK = "voice-sdk"
    PSTN = "pstn"


class Unregistered(StrEnum):
    """What a CallSid that nobody registered is: the option `calls`."""

    ANY = "any"  # an active call
    REGISTERED = "registered"  # no call


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A registered call; `account_sid` None = every account's."""

    sid: str
    account_sid: str | None
    status: Status
    client: Leg

    def refusal(self, account_sid: str) -> Problem | None:
        """Why this call takes no message of that account, or None when it does."""
        if self.account_sid not in (None, account_sid):
            return CALL_FOREIGN
        if self.client is Leg.PSTN:
            return CALL_IS_PSTN
        return None if self.status in ACTIVE else CALL_NOT_ACTIVE


class Calls:
    """Registered calls by CallSid, in the order of their registration."""

    def __init__(self, unregistered: Unregistered) -> None:
        self._unregistered = unregistered
        self._calls: dict[str, Call] = {}

    def put(self, call: Call) -> bool:
        """Register or replace a call; True when it is new.

        Raises:
            LimitReachedError: 10,000 calls are registered.
        """
        is_new = call.sid not in self._calls
        if is_new and len(self._calls) >= MAX_CALLS:
            raise LimitReachedError("calls", MAX_CALLS, "DELETE some or reset")
        self._calls[call.sid] = call
        return is_new

    def get(self, sid: str) -> Call | None:
        """The registered call, if any."""
        return self._calls.get(sid)

    def remove(self, sid: str) -> bool:
        """Forget a call; False when it was not registered."""
        return self._calls.pop(sid, None) is not None

    def remove_scope(self, scope: Scope) -> int:
        """Forget the calls of an account, or one call; returns how many."""
        gone = [call.sid for call in self if scope.owns(Scope(call.account_sid, call.sid))]
        for sid in gone:
            del self._calls[sid]
        return len(gone)

    def __iter__(self) -> Iterator[Call]:
        return iter(self._calls.values())

    def refusal(self, account_sid: str, sid: str) -> Problem | None:
        """Why a call takes no message of an account, or None when it does."""
        call = self._calls.get(sid)
        if call is None:
            return None if self._unregistered is Unregistered.ANY else CALL_UNKNOWN
        return call.refusal(account_sid)
