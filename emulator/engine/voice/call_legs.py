"""Call legs: each is one end of a voice call and has its own CallSid; how they begin, are answered and end.

The call states are kept in `CallRegistry`: messages to a voice call are rejected by the same rules as for any other
call, and ended calls remain registered there.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from sys import getsizeof
from typing import NamedTuple, Protocol

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Owners
from emulator.engine.state.calls import CallRegistry, Leg, RegisteredCall, Status
from emulator.engine.store import ENTRY, Store
from emulator.engine.voice.clients import ClientConnection
from emulator.wire import sids
from emulator.wire.signalling import server_frames
from emulator.wire.signalling.error_codes import SdkError

_OVERHEAD = ENTRY + 2_300  # bytes: a leg, its pending SDP, and its timer


class Timer(Protocol):
    """A scheduled callback that can be cancelled."""

    def cancel(self) -> None:
        """Cancel the callback."""


Later = Callable[[float, Callable[[], None]], Timer]
"""Schedules a function after a number of seconds; returns its timer."""


class EndUserMessage(NamedTuple):
    """A message from an end user; `content` is JSON text."""

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
        identity: identity of the client.
        account_sid: account of the call; None = every account.
        connections: connections where it rings; once answered the active connection, or none while the socket is lost.
        token: reconnect token that a client needs to resume the call on another socket.
        caller: whether it is the calling leg, which does not ring.
        alias: the caller's own id for the call.
        sdp: SDP answer that a caller receives when the call is answered.
        peer: the other leg, if that is a client too.
        answered: whether the call is in progress.
        timer: scheduled change of the call.
    """

    call_sid: str
    identity: str
    account_sid: str | None
    connections: list[ClientConnection]
    token: str
    caller: bool = False
    alias: str | None = None
    sdp: str = ""
    peer: "CallLeg | None" = None
    answered: bool = False
    timer: Timer | None = None

    def set_timer(self, timer: Timer | None) -> None:
        """Replace the timer; cancel the previous one."""
        if self.timer is not None:
            self.timer.cancel()
        self.timer = timer


class CallLegs(Store[str, CallLeg]):
    """Legs of calls that ring or are in progress, by CallSid."""

    kind = "voice_calls"

    def __init__(self, account: MemoryAccount, calls: CallRegistry, ids: IdGenerator) -> None:
        super().__init__(account)
        self._calls = calls
        self._ids = ids
        self._ended: deque[str] = deque(maxlen=calls.bound.max_entries)  # CallSids of ended calls, oldest first

    def size_of(self, key: str, value: CallLeg) -> int:  # noqa: ARG002
        """Memory of a leg and its SDP in bytes."""
        return _OVERHEAD + getsizeof(value.identity)

    def owners_of(self, key: str, value: CallLeg) -> Owners:
        """Account and CallSid; a call without account belongs to its CallSid only."""
        return value.account_sid, key

    def of(self, connection: ClientConnection, call_sid: str) -> CallLeg | None:
        """Return this client's leg of a call, by CallSid or by the client's own id; None when it has none."""
        leg = self.get(connection.aliases.get(call_sid, call_sid))
        return leg if leg is not None and connection in leg.connections else None

    def begin(
        self, identity: str, account_sid: str | None, connections: list[ClientConnection], *, caller: bool = False
    ) -> CallLeg:
        """Add a ringing leg and register its call.

        Raises:
            CapacityError: too many calls ring or are in progress, or are registered.
        """
        call_sid, token = self._new_sid(), self._ids.random_bytes(sids.ENTROPY_BYTES).hex()
        leg = CallLeg(call_sid, identity, account_sid, connections, token, caller)
        self.put(call_sid, leg)
        try:
            self._register(
                RegisteredCall(sid=call_sid, account_sid=account_sid, status=Status.RINGING, client=Leg.VOICE_SDK)
            )
        except CapacityError:
            self.remove(call_sid)
            raise
        return leg

    def _register(self, call: RegisteredCall) -> None:
        try:
            self._calls.add(call)
        except CapacityError:
            if not self._remove_ended():
                raise
            self._calls.add(call)

    def _new_sid(self) -> str:
        """Return a CallSid that no call in progress has: a repeated seed produces the same ones again."""
        while (call_sid := sids.make(sids.CALL, self._ids.random_bytes(sids.ENTROPY_BYTES))) in self._entries:
            pass
        return call_sid

    def mark_answered(self, leg: CallLeg) -> None:
        """Mark a leg as answered and its call as in progress; cancel its timer."""
        leg.answered = True
        leg.set_timer(None)
        self._mark(leg, Status.IN_PROGRESS)

    def end(
        self,
        leg: CallLeg,
        unanswered: Status,
        *,
        error: SdkError | None = None,
        ended_by: ClientConnection | None = None,
    ) -> None:
        """End both legs of a call.

        Args:
            leg: one of the legs.
            unanswered: final status if the call was not answered.
            error: error reported to the clients.
            ended_by: connection that ended the call; it is not notified.
        """
        for end in (leg, leg.peer):
            if end is None or self.remove(end.call_sid) is None:
                continue
            end.set_timer(None)
            end.peer = None  # break the reference cycle
            self._ended.append(end.call_sid)
            self._mark(end, Status.COMPLETED if end.answered else unanswered)
            for connection in end.connections:
                _remove_alias(connection, end)
                if connection is not ended_by:
                    connection.put(_end_frame(end, error))

    def clear_ended(self) -> None:
        """Clear the list of ended calls, after the registry was cleared."""
        self._ended.clear()

    def _remove_ended(self) -> bool:
        """Remove the voice call that ended first from the registry; return False when there is none."""
        while self._ended:
            if self._calls.remove(self._ended.popleft()):
                return True
        return False

    def _mark(self, leg: CallLeg, status: Status) -> None:
        call = self._calls.get(leg.call_sid)
        if call is not None:
            self._calls.add(replace(call, status=status))


def _end_frame(leg: CallLeg, error: SdkError | None) -> server_frames.ServerFrame:
    if leg.answered or leg.caller:
        return server_frames.ServerHangup(call_sid=leg.call_sid, error=error)
    return server_frames.Cancel(call_sid=leg.call_sid)


def _remove_alias(connection: ClientConnection, leg: CallLeg) -> None:
    if leg.alias is not None and connection.aliases.get(leg.alias) == leg.call_sid:
        del connection.aliases[leg.alias]
