"""Call control: connected clients, their calls and their messages. One synchronous step per frame.

There is no audio: the SDP offers and answers are generated.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from functools import partial

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Scope
from emulator.engine.state.calls import CallRegistry, Status
from emulator.engine.voice.auto_answer import AutoAnswers, Reaction
from emulator.engine.voice.call_legs import CallLeg, CallLegs, EndUserMessage, Later, Timer
from emulator.engine.voice.clients import GRACE, ClientConnection, ClientConnections
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire import sdp
from emulator.wire.messages import MAX_CONTENT
from emulator.wire.signalling import MESSAGE_TYPE, client_frames, error_codes, server_frames
from emulator.wire.signalling.error_codes import SdkError

_CLIENT = "client:"
_NOBODY = DeliveryStatus(None, "no Voice SDK is connected to this call")


class NotReachableError(Exception):
    """No connected client is registered with this identity."""


def later(seconds: float, callback: Callable[[], None]) -> Timer:
    """Schedule a callback on the running event loop."""
    return asyncio.get_running_loop().call_later(seconds, callback)


class CallController:
    """Connected clients and their calls.

    Attributes:
        on_message: called with every acknowledged message of an end user.
        behaviours: reactions to calls to an identity without a connected client.
    """

    def __init__(
        self,
        account: MemoryAccount,
        calls: CallRegistry,
        ids: IdGenerator,
        monotonic: Callable[[], float] = time.monotonic,
        later: Later = later,
    ) -> None:
        self._calls = calls
        self._ids = ids
        self._later = later
        self._monotonic = monotonic
        self._lines = ClientConnections(account)
        self._parties = CallLegs(account, calls, ids)
        self.behaviours = AutoAnswers(account)
        self.on_message: Callable[[EndUserMessage], object] | None = None

    @property
    def lines(self) -> Iterable[ClientConnection]:
        """The connected clients."""
        return self._lines

    @property
    def parties(self) -> Iterable[CallLeg]:
        """The legs of calls that ring or are in progress."""
        return self._parties

    def party(self, call_sid: str) -> CallLeg | None:
        """Return the leg with this CallSid; None if a Voice SDK has none or the call has ended."""
        return self._parties.get(call_sid)

    # --- connections

    def connect(
        self, line: ClientConnection, *, identity: str, account_sid: str | None, reconnect_timeout: float = 0
    ) -> None:
        """Add a client, or update the identity of a connected one.

        Args:
            line: the client's connection.
            identity: the client's identity.
            account_sid: from the client's token; None = every account.
            reconnect_timeout: seconds for which its calls should outlive the socket; 0 = the maximum.

        Raises:
            CapacityError: too many clients are connected.
        """
        self._lines.put(line, identity)
        line.account_sid = account_sid
        line.grace = min(reconnect_timeout, GRACE) or GRACE

    def register(self, line: ClientConnection, *, available: bool) -> None:
        """Make a client available for calls, or unavailable."""
        line.registered = available
        line.put(server_frames.ReadyFrame() if available else server_frames.Offline())

    def lost(self, line: ClientConnection) -> None:
        """Remove a client whose socket closed: answered calls continue for its grace period, ringing calls end."""
        self._lines.remove(line)
        line.close("its socket is gone")
        for handover in line.handovers:
            handover.lost(f"{line.identity} was lost before it was sent: {line.closed}")
        line.handovers.clear()
        for party in [party for party in self._parties if line in party.lines]:
            party.lines.remove(line)
            if party.answered:
                party.set_timer(self._later(line.grace, partial(self._parties.end, party, Status.COMPLETED)))
            elif not party.lines:
                self._parties.end(party, Status.CANCELED if party.caller else Status.NO_ANSWER)

    # --- calls

    def invite(self, line: ClientConnection, frame: client_frames.ClientInvite) -> None:
        """Begin a call from a client: to another client or, if none is connected, to a simulated callee.

        Raises:
            CapacityError: too many calls are registered.
        """
        called = frame.parameters.get("To", "").removeprefix(_CLIENT)
        caller = self._parties.begin(line.identity, line.account_sid, [line], caller=True)
        caller.alias = frame.call_sid
        caller.sdp = sdp.answer(frame.sdp, self._ids.random_bytes(sdp.ENTROPY_BYTES))
        line.aliases[frame.call_sid] = caller.call_sid
        line.put(server_frames.Ringing(call_sid=caller.call_sid))
        lines = [other for other in self._lines.callable(called, line.account_sid) if other is not line]
        if not lines:
            self._react(caller, called)
            return
        try:
            callee = self._parties.begin(called, lines[0].account_sid, lines)
        except CapacityError:
            self._parties.end(caller, Status.FAILED)
            raise
        caller.peer, callee.peer = callee, caller
        custom = {name: value for name, value in frame.parameters.items() if name != "To"}
        self._ring(callee, from_=_CLIENT + line.identity, custom=custom)

    def place(self, to: str, *, from_: str, account_sid: str | None = None, custom: Mapping[str, str]) -> str:
        """Call a connected client; return the CallSid.

        Args:
            to: the identity, with or without `client:`.
            from_: the caller shown to the client.
            account_sid: account of the call; None = the client's account.
            custom: the call's custom parameters.

        Raises:
            NotReachableError: no client with this identity is registered.
            CapacityError: too many calls are registered.
        """
        identity = to.removeprefix(_CLIENT)
        lines = self._lines.callable(identity, account_sid)
        if not lines:
            raise NotReachableError(identity)
        callee = self._parties.begin(identity, account_sid or lines[0].account_sid, lines)
        self._ring(callee, from_=from_, custom=custom)
        return callee.call_sid

    def finish(self, call_sid: str, unanswered: Status) -> None:
        """End a call on request of a test; do nothing if no Voice SDK takes part."""
        party = self._parties.get(call_sid)
        if party is not None:
            self._parties.end(party, unanswered)

    def answer(self, line: ClientConnection, call_sid: str) -> None:
        """Answer a call on this connection; cancel it on the other connections where it rings."""
        party = self._parties.of(line, call_sid)
        if party is None:
            line.put(server_frames.ServerHangup(call_sid=call_sid, error=error_codes.CALL_ENDED))
        elif not party.answered and not party.caller:
            for other in party.lines:
                if other is not line:
                    other.put(server_frames.Cancel(call_sid=party.call_sid))
            party.lines = [line]
            self._parties.talk(party)
            if party.peer is not None:
                self._answered(party.peer)

    def reject(self, line: ClientConnection, call_sid: str) -> None:
        """Reject a call on this connection; it continues to ring on the others."""
        party = self._parties.of(line, call_sid)
        if party is None or party.caller or party.answered:
            return
        party.lines.remove(line)
        if not party.lines:
            self._parties.end(party, Status.NO_ANSWER)

    def hang_up(self, line: ClientConnection, call_sid: str) -> None:
        """End a call from this connection, in any state."""
        party = self._parties.of(line, call_sid)
        if party is None:
            return
        if party.answered or party.caller:
            self._parties.end(party, Status.CANCELED, told=line)
        else:
            self.reject(line, call_sid)

    def reconnect(self, line: ClientConnection, call_sid: str, token: str) -> None:
        """Resume an answered call on this connection, if the reconnect token is valid."""
        party = self._parties.get(call_sid)
        if party is None or not party.answered or party.token != token:
            line.put(server_frames.ErrorFrame(error=error_codes.RECONNECT_REFUSED, call_sid=call_sid))
            line.put(server_frames.ServerHangup(call_sid=call_sid))  # otherwise the SDK would retry endlessly
            return
        party.lines = [line]
        party.set_timer(None)
        line.put(server_frames.ServerAnswer(call_sid=call_sid, reconnect=token))

    def reinvite(self, line: ClientConnection, frame: client_frames.Reinvite) -> None:
        """Answer a client's renegotiation of media."""
        party = self._parties.of(line, frame.call_sid)
        if party is None:
            line.put(server_frames.ServerHangup(call_sid=frame.call_sid))
            return
        answer = sdp.answer(frame.sdp, self._ids.random_bytes(sdp.ENTROPY_BYTES))
        line.put(server_frames.ServerAnswer(call_sid=frame.call_sid, sdp=answer))

    # --- messages

    def message(self, line: ClientConnection, frame: client_frames.ClientMessage) -> None:
        """Acknowledge a client's message and pass it to `on_message`, or reply with an error."""
        party = self._parties.of(line, frame.call_sid)
        error = self._flaw(party, frame)
        if error is not None:
            line.put(server_frames.ErrorFrame(error=error, call_sid=frame.call_sid, sid=frame.sid))
            return
        assert party is not None
        line.put(server_frames.Ack(call_sid=frame.call_sid, sid=frame.sid))
        if self.on_message is not None:
            details = (party.identity, frame.sid, frame.content, frame.content_type)
            self.on_message(EndUserMessage(party.account_sid, party.call_sid, *details))

    def deliver(self, call_sid: str, sid: str, content: str) -> DeliveryStatus:
        """Send a message to the client on this call; return its delivery status.

        Args:
            call_sid: the call.
            sid: the message's SID, `KX…`.
            content: the message's content as received.
        """
        party = self._parties.get(call_sid)
        if party is None:
            return _NOBODY
        if not party.lines:
            return DeliveryStatus(None, f"{party.identity} lost its connection and has not come back yet")
        handover = DeliveryStatus(party.identity, begun=self._monotonic(), waiting=len(party.lines))
        for line in party.lines:
            line.put(server_frames.ServerMessage(call_sid=call_sid, sid=sid, content=content))
            line.handovers.append(handover)
        return handover

    def written(self, line: ClientConnection, messages: int) -> None:
        """Mark the first `messages` pending messages of a client as written to its socket."""
        now = self._monotonic()
        for handover in line.handovers[:messages]:
            handover.written(now)
        del line.handovers[:messages]

    def unrendered(self, line: ClientConnection, place: int) -> None:
        """Mark the pending message at index `place` of a client as lost: it cannot be rendered as a frame."""
        line.handovers.pop(place).lost("the message cannot be rendered as a frame")

    # --- test control

    def reset(self, scope: Scope) -> None:
        """Hang up the calls of a scope."""
        for call_sid, party in list(self._parties.items()):
            if scope.owns(*self._parties.owners_of(call_sid, party)):
                self._parties.end(party, Status.CANCELED)
        self.behaviours.reset(scope)
        if scope == Scope():
            self._parties.forget_ended()

    def stop(self) -> None:
        """End all connections: the emulator is stopping."""
        for line in self._lines:
            line.close("the emulator is stopping")
        for party in self._parties:
            party.set_timer(None)

    # --- internals

    def _flaw(self, party: CallLeg | None, frame: client_frames.ClientMessage) -> SdkError | None:
        if frame.message_type != MESSAGE_TYPE:
            return error_codes.MESSAGE_TYPE_INVALID
        call = None if party is None else self._calls.get(party.call_sid)
        # A call that was deleted from the registry counts as active.
        if party is None or (call is not None and call.refusal(call.account_sid or "") is not None):
            return error_codes.CALL_NOT_ACTIVE
        return error_codes.CONTENT_TOO_LARGE if len(frame.content) > MAX_CONTENT else None

    def _ring(self, callee: CallLeg, *, from_: str, custom: Mapping[str, str]) -> None:
        for line in callee.lines:
            line.put(
                server_frames.ServerInvite(
                    call_sid=callee.call_sid,
                    sdp=sdp.offer(self._ids.random_bytes(sdp.ENTROPY_BYTES)),
                    reconnect=callee.token,
                    from_=from_,
                    to=_CLIENT + callee.identity,
                    account_sid=callee.account_sid,
                    custom=custom,
                )
            )

    def _react(self, caller: CallLeg, called: str) -> None:
        """Apply the reaction of the simulated callee to a call that rings."""
        behaviour = self.behaviours.for_call(called, caller.identity)
        match behaviour.reaction:
            case Reaction.ANSWER if behaviour.after:
                caller.set_timer(self._later(behaviour.after, lambda: self._answered(caller)))
            case Reaction.ANSWER:
                self._answered(caller)
            case Reaction.BUSY:
                self._parties.end(caller, Status.BUSY, error=error_codes.BUSY_HERE)
            case Reaction.REJECT:
                self._parties.end(caller, Status.NO_ANSWER, error=error_codes.DECLINE)

    def _answered(self, caller: CallLeg) -> None:
        """Mark the caller's leg as answered and notify its client."""
        self._parties.talk(caller)
        for line in caller.lines:
            line.put(server_frames.ServerAnswer(call_sid=caller.call_sid, sdp=caller.sdp, reconnect=caller.token))
        caller.sdp = ""
