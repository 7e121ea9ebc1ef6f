"""Parties: one end of a voice call each, with a CallSid of its own; how they begin, talk and end.

The states of their calls are those of the registry `CallRegistry`: a message is refused for a voice call by the same
rule as for any other, and what ended stays known there.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import NamedTuple, Protocol

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Owners
from emulator.engine.state.calls import Call, CallRegistry, Leg, Status
from emulator.engine.store import ENTRY, Store
from emulator.engine.voice.clients import ClientConnection
from emulator.wire import sids
from emulator.wire.signalling import server_frames
from emulator.wire.signalling.error_codes import SdkError

_OVERHEAD = ENTRY + 2_300  # an end of a call, the SDP that it waits for, and its timer


class Timer(Protocol):
    """Something that will happen, unless it is cancelled."""

    def cancel(self) -> None:
        """Let it not happen."""


Later = Callable[[float, Callable[[], None]], Timer]
"""Calls a function after so many seconds."""


class EndUserMessage(NamedTuple):
    """What an end user said; `content` is JSON text."""

    account_sid: str | None
    call_sid: str
    identity: str
    sid: str
    content: str
    content_type: str


@dataclass(slots=True, eq=False)
class CallLeg:
    """One end of a call.

    Attributes:
        identity: the user.
        account_sid: whose call it is; None = every account's.
        lines: where it rings; once it is answered the one where it goes on, or none while the socket is lost.
        token: what a client must know to go on on another socket.
        caller: it made the call, and so did not ring.
        alias: the caller's own name for the call.
        sdp: what a caller gets when it is answered.
        peer: the other end, if that is a user too.
        answered: it talks.
        timer: what will happen to it.
    """

    call_sid: str
    identity: str
    account_sid: str | None
    lines: list[ClientConnection]
    token: str
    caller: bool = False
    alias: str | None = None
    sdp: str = ""
    peer: "CallLeg | None" = None
    answered: bool = False
    timer: Timer | None = None

    def set_timer(self, timer: Timer | None) -> None:
        """What will happen from now on, in place of what would have."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer


class CallLegs(Store[str, CallLeg]):
    """The ends of calls that ring or are in progress, by CallSid."""

    kind = "voice_calls"

    def __init__(self, account: MemoryAccount, calls: CallRegistry, ids: IdGenerator) -> None:
        super().__init__(account)
        self._calls = calls
        self._ids = ids
        self._over: deque[str] = deque(maxlen=calls.bound.max_entries)  # CallSids of those that ended, oldest first

    def size_of(self, key: str, value: CallLeg) -> int:  # noqa: ARG002
        """The memory of an end of a call and its SDP."""
        return _OVERHEAD + getsizeof(value.identity)

    def owners_of(self, key: str, value: CallLeg) -> Owners:
        """A call of no account belongs to its CallSid alone."""
        return value.account_sid, key

    def of(self, line: ClientConnection, call_sid: str) -> CallLeg | None:
        """This user's end of a call, by CallSid or by the name that the client gave it."""
        party = self.get(line.aliases.get(call_sid, call_sid))
        return party if party is not None and line in party.lines else None

    def begin(
        self, identity: str, account_sid: str | None, lines: list[ClientConnection], *, caller: bool = False
    ) -> CallLeg:
        """A new end of a call, which rings.

        Raises:
            CapacityError: too many calls ring or are in progress, or are registered.
        """
        call_sid, token = self._new_sid(), self._ids.random_bytes(sids.ENTROPY_BYTES).hex()
        party = CallLeg(call_sid, identity, account_sid, lines, token, caller)
        self.put(call_sid, party)
        try:
            self._register(Call(sid=call_sid, account_sid=account_sid, status=Status.RINGING, client=Leg.VOICE_SDK))
        except CapacityError:
            self.remove(call_sid)
            raise
        return party

    def _register(self, call: Call) -> None:
        try:
            self._calls.add(call)
        except CapacityError:
            if not self._forget_one():
                raise
            self._calls.add(call)

    def _new_sid(self) -> str:
        """A CallSid that no call in progress has: a seed that was set again makes them twice."""
        while (call_sid := sids.make(sids.CALL, self._ids.random_bytes(sids.ENTROPY_BYTES))) in self._entries:
            pass
        return call_sid

    def talk(self, party: CallLeg) -> None:
        """It is answered."""
        party.answered = True
        party.set_timer(None)
        self._mark(party, Status.IN_PROGRESS)

    def end(
        self,
        party: CallLeg,
        unanswered: Status,
        *,
        failure: SdkError | None = None,
        told: ClientConnection | None = None,
    ) -> None:
        """End a call at both ends.

        Args:
            party: one of them.
            unanswered: what becomes of a call that nobody answered.
            failure: why it ended.
            told: who said so, and need not be told.
        """
        for end in (party, party.peer):
            if end is None or self.remove(end.call_sid) is None:
                continue
            end.set_timer(None)
            end.peer = None  # a circle would wait for the collector
            self._over.append(end.call_sid)
            self._mark(end, Status.COMPLETED if end.answered else unanswered)
            for line in end.lines:
                _forget_alias(line, end)
                if line is not told:
                    line.put(_farewell(end, failure))

    def forget_ended(self) -> None:
        """The registry was cleared."""
        self._over.clear()

    def _forget_one(self) -> bool:
        """Make room among the registered calls: the one of ours that ended first goes."""
        while self._over:
            if self._calls.remove(self._over.popleft()):
                return True
        return False

    def _mark(self, party: CallLeg, status: Status) -> None:
        call = self._calls.get(party.call_sid)
        if call is not None:
            self._calls.add(replace(call, status=status))


def _farewell(party: CallLeg, failure: SdkError | None) -> server_frames.Sent:
    if party.answered or party.caller:
        return server_frames.HungUp(call_sid=party.call_sid, failure=failure)
    return server_frames.Cancelled(call_sid=party.call_sid)


def _forget_alias(line: ClientConnection, party: CallLeg) -> None:
    if party.alias is not None and line.aliases.get(party.alias) == party.call_sid:
        del line.aliases[party.alias]
