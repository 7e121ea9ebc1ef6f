"""Magic CallSids that select a fault, like Twilio's magic numbers: an unmodified program triggers it by using them."""

from hashlib import sha256
from typing import NamedTuple

from emulator.engine.capacity import MemoryAccount, size_of
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.fault_kind import FaultAction
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.request_facts import RequestFacts
from emulator.engine.scope import Owners
from emulator.engine.store import ENTRY, Store
from emulator.wire import errors
from emulator.wire.errors import ErrorSpec

_PREFIX = "fa11"
_ENDING = 8  # number of final hex digits that select the fault


class MagicCall(NamedTuple):
    """The fault selected by the last eight hex digits of a CallSid."""

    ending: str
    does: str
    delay: float = 0.0
    action: FaultAction | None = None
    once: bool = False  # per key, or content where there is no key

    @property
    def corrupts_response(self) -> bool:
        """Whether the request is processed and the response then corrupted."""
        return self.action is not None and self.action.corrupts_response


def _answered(problem: ErrorSpec) -> MagicCall:
    code = f"/{problem.code}" if problem.code else ""
    does = f"{int(problem.status)}{code} {problem.message}; the request is not processed"
    return MagicCall(f"{_PREFIX}{problem.status:04d}", does, action=ReplyFault(problem))


MAGIC_CALLS: tuple[MagicCall, ...] = (
    *map(
        _answered,
        (
            errors.FORM_BROKEN,
            errors.TOKEN_WRONG,
            errors.PATH_UNKNOWN,
            errors.TOO_MANY_REQUESTS,
            errors.INTERNAL_ERROR,
            errors.SERVICE_UNAVAILABLE,
        ),
    ),
    MagicCall("fa11dead", "connection reset; the request is not processed", action=DropFault(Drop.BEFORE)),
    MagicCall(
        "fa111057",
        "created, and the response is lost: connection reset; once per key (without a key: once per content)",
        action=DropFault(Drop.AFTER),
        once=True,
    ),
    MagicCall("fa115100", "response after 5 seconds", delay=5.0),
)
_LOOKS = frozenset({_PREFIX, _PREFIX.upper(), _PREFIX.title(), "fA11"})  # faster than lowercasing each CallSid
_BY_ENDING = {call.ending: call for call in MAGIC_CALLS}


_Attempt = tuple[str, str, bytes]
"""Account, call, and a digest of the resource and the key or fingerprint."""


class MagicSids(Store[_Attempt, bool]):
    """Matches magic CallSids, and stores the attempts of faults that apply only once.

    Args:
        account: the memory account.
        on: whether magic CallSids are enabled.
    """

    kind = "magic_sids"

    def __init__(self, account: MemoryAccount, *, on: bool) -> None:
        super().__init__(account)
        self._looks = _LOOKS if on else frozenset()

    def size_of(self, key: _Attempt, value: bool) -> int:  # noqa: ARG002, FBT001
        """Memory of an attempt in bytes."""
        return ENTRY + size_of(key)

    def owners_of(self, key: _Attempt, value: bool) -> Owners:  # noqa: ARG002, FBT001
        """Account and call of the attempt."""
        return key[:2]

    def may_apply(self, call_sid: str) -> bool:
        """Whether a CallSid may be magic; a fast test with false positives."""
        return call_sid[-_ENDING:-4] in self._looks

    def choose(self, facts: RequestFacts) -> InjectedFault | None:
        """Return the fault of a request; None when its CallSid selects none."""
        call = _BY_ENDING.get(facts.call_sid[-_ENDING:].lower()) if self._looks else None
        if call is None or (facts.refused and call.corrupts_response) or (call.once and self._was_seen(facts)):
            return None
        return InjectedFault(rule=f"magic-{call.ending}", delay=call.delay, action=call.action)

    def _was_seen(self, facts: RequestFacts) -> bool:
        key = facts.idempotency_key
        what = key.encode() if key else facts.fingerprint
        digest = sha256(b"%b %b" % (facts.resource.encode(), what)).digest()
        return not self.put((facts.account_sid, facts.call_sid, digest), value=True)
