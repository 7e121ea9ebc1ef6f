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
        self._connections = ClientConnections(account)
        self._legs = CallLegs(account, calls, ids)
        self.auto_answers = AutoAnswers(account)
        self.on_message: Callable[[EndUserMessage], object] | None = None

    @property
    def connections(self) -> Iterable[ClientConnection]:
        """The connected clients."""
        return self._connections

    @property
    def legs(self) -> Iterable[CallLeg]:
        """The legs of calls that ring or are in progress."""
        return self._legs

    def leg(self, call_sid: str) -> CallLeg | None:
        """Return the leg with this CallSid; None if a Voice SDK has none or the call has ended."""
        return self._legs.get(call_sid)

    # --- connections

    def connect(
        self, connection: ClientConnection, *, identity: str, account_sid: str | None, reconnect_timeout: float = 0
    ) -> None:
        """Add a client, or update the identity of a connected one.

        Args:
            connection: the client's connection.
            identity: the client's identity.
            account_sid: from the client's token; None = every account.
            reconnect_timeout: seconds for which its calls should outlive the socket; 0 = the maximum.

        Raises:
            CapacityError: too many clients are connected.
        """
        self._connections.put(connection, identity)
        connection.account_sid = account_sid
        connection.grace = min(reconnect_timeout, GRACE) or GRACE

    def register(self, connection: ClientConnection, *, available: bool) -> None:
        """Make a client available for calls, or unavailable."""
        connection.registered = available
        connection.put(server_frames.ReadyFrame() if available else server_frames.Offline())

    def disconnect(self, connection: ClientConnection) -> None:
        """Remove a client whose socket closed: answered calls continue for its grace period, ringing calls end."""
        self._connections.remove(connection)
        connection.close("its socket is gone")
        for delivery_status in connection.undelivered:
            delivery_status.lost(f"{connection.identity} was lost before it was sent: {connection.closed}")
        connection.undelivered.clear()
        for leg in [leg for leg in self._legs if connection in leg.connections]:
            leg.connections.remove(connection)
            if leg.answered:
                leg.set_timer(self._later(connection.grace, partial(self._legs.end, leg, Status.COMPLETED)))
            elif not leg.connections:
                self._legs.end(leg, Status.CANCELED if leg.caller else Status.NO_ANSWER)

    # --- calls

    def invite(self, connection: ClientConnection, frame: client_frames.ClientInvite) -> None:
        """Begin a call from a client: to another client or, if none is connected, to a simulated callee.

        Raises:
            CapacityError: too many calls are registered.
        """
        called = frame.parameters.get("To", "").removeprefix(_CLIENT)
        caller = self._legs.begin(connection.identity, connection.account_sid, [connection], caller=True)
        caller.alias = frame.call_sid
        caller.sdp = sdp.answer(frame.sdp, self._ids.random_bytes(sdp.ENTROPY_BYTES))
        connection.aliases[frame.call_sid] = caller.call_sid
        connection.put(server_frames.Ringing(call_sid=caller.call_sid))
        connections = [
            other for other in self._connections.callable(called, connection.account_sid) if other is not connection
        ]
        if not connections:
            self._react(caller, called)
            return
        try:
            callee = self._legs.begin(called, connections[0].account_sid, connections)
        except CapacityError:
            self._legs.end(caller, Status.FAILED)
            raise
        caller.peer, callee.peer = callee, caller
        custom = {name: value for name, value in frame.parameters.items() if name != "To"}
        self._ring(callee, from_=_CLIENT + connection.identity, custom=custom)

    def place_call(self, to: str, *, from_: str, account_sid: str | None = None, custom: Mapping[str, str]) -> str:
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
        connections = self._connections.callable(identity, account_sid)
        if not connections:
            raise NotReachableError(identity)
        callee = self._legs.begin(identity, account_sid or connections[0].account_sid, connections)
        self._ring(callee, from_=from_, custom=custom)
        return callee.call_sid

    def end_call(self, call_sid: str, unanswered: Status) -> None:
        """End a call on request of a test; do nothing if no Voice SDK takes part."""
        leg = self._legs.get(call_sid)
        if leg is not None:
            self._legs.end(leg, unanswered)

    def answer(self, connection: ClientConnection, call_sid: str) -> None:
        """Answer a call on this connection; cancel it on the other connections where it rings."""
        leg = self._legs.of(connection, call_sid)
        if leg is None:
            connection.put(server_frames.ServerHangup(call_sid=call_sid, error=error_codes.CALL_ENDED))
        elif not leg.answered and not leg.caller:
            for other in leg.connections:
                if other is not connection:
                    other.put(server_frames.Cancel(call_sid=leg.call_sid))
            leg.connections = [connection]
            self._legs.mark_answered(leg)
            if leg.peer is not None:
                self._mark_answered(leg.peer)

    def reject(self, connection: ClientConnection, call_sid: str) -> None:
        """Reject a call on this connection; it continues to ring on the others."""
        leg = self._legs.of(connection, call_sid)
        if leg is None or leg.caller or leg.answered:
            return
        leg.connections.remove(connection)
        if not leg.connections:
            self._legs.end(leg, Status.NO_ANSWER)

    def hang_up(self, connection: ClientConnection, call_sid: str) -> None:
        """End a call from this connection, in any state."""
        leg = self._legs.of(connection, call_sid)
        if leg is None:
            return
        if leg.answered or leg.caller:
            self._legs.end(leg, Status.CANCELED, ended_by=connection)
        else:
            self.reject(connection, call_sid)

    def reconnect(self, connection: ClientConnection, call_sid: str, token: str) -> None:
        """Resume an answered call on this connection, if the reconnect token is valid."""
        leg = self._legs.get(call_sid)
        if leg is None or not leg.answered or leg.token != token:
            connection.put(server_frames.ErrorFrame(error=error_codes.RECONNECT_REFUSED, call_sid=call_sid))
            connection.put(server_frames.ServerHangup(call_sid=call_sid))  # otherwise the SDK would retry endlessly
            return
        leg.connections = [connection]
        leg.set_timer(None)
        connection.put(server_frames.ServerAnswer(call_sid=call_sid, reconnect=token))

    def reinvite(self, connection: ClientConnection, frame: client_frames.Reinvite) -> None:
        """Answer a client's renegotiation of media."""
        leg = self._legs.of(connection, frame.call_sid)
        if leg is None:
            connection.put(server_frames.ServerHangup(call_sid=frame.call_sid))
            return
        answer = sdp.answer(frame.sdp, self._ids.random_bytes(sdp.ENTROPY_BYTES))
        connection.put(server_frames.ServerAnswer(call_sid=frame.call_sid, sdp=answer))

    # --- messages

    def receive_message(self, connection: ClientConnection, frame: client_frames.ClientMessage) -> None:
        """Acknowledge a client's message and pass it to `on_message`, or reply with an error."""
        leg = self._legs.of(connection, frame.call_sid)
        error = self._message_error(leg, frame)
        if error is not None:
            connection.put(server_frames.ErrorFrame(error=error, call_sid=frame.call_sid, sid=frame.sid))
            return
        assert leg is not None
        connection.put(server_frames.Ack(call_sid=frame.call_sid, sid=frame.sid))
        if self.on_message is not None:
            details = (leg.identity, frame.sid, frame.content, frame.content_type)
            self.on_message(EndUserMessage(leg.account_sid, leg.call_sid, *details))

    def deliver(self, call_sid: str, sid: str, content: str) -> DeliveryStatus:
        """Send a message to the client on this call; return its delivery status.

        Args:
            call_sid: the call.
            sid: the message's SID, `KX…`.
            content: the message's content as received.
        """
        leg = self._legs.get(call_sid)
        if leg is None:
            return _NOBODY
        if not leg.connections:
            return DeliveryStatus(None, f"{leg.identity} lost its connection and has not come back yet")
        delivery_status = DeliveryStatus(leg.identity, begun=self._monotonic(), waiting=len(leg.connections))
        for connection in leg.connections:
            connection.put(server_frames.ServerMessage(call_sid=call_sid, sid=sid, content=content))
            connection.undelivered.append(delivery_status)
        return delivery_status

    def messages_written(self, connection: ClientConnection, messages: int) -> None:
        """Mark the first `messages` pending messages of a client as written to its socket."""
        now = self._monotonic()
        for delivery_status in connection.undelivered[:messages]:
            delivery_status.written(now)
        del connection.undelivered[:messages]

    def message_not_encoded(self, connection: ClientConnection, place: int) -> None:
        """Mark the pending message at index `place` of a client as lost: it cannot be rendered as a frame."""
        connection.undelivered.pop(place).lost("the message cannot be rendered as a frame")

    # --- test control

    def reset(self, scope: Scope) -> None:
        """Hang up the calls of a scope."""
        for call_sid, leg in list(self._legs.items()):
            if scope.owns(*self._legs.owners_of(call_sid, leg)):
                self._legs.end(leg, Status.CANCELED)
        self.auto_answers.reset(scope)
        if scope == Scope():
            self._legs.clear_ended()

    def stop(self) -> None:
        """End all connections: the emulator is stopping."""
        for connection in self._connections:
            connection.close("the emulator is stopping")
        for leg in self._legs:
            leg.set_timer(None)

    # --- internals

    def _message_error(self, leg: CallLeg | None, frame: client_frames.ClientMessage) -> SdkError | None:
        if frame.message_type != MESSAGE_TYPE:
            return error_codes.MESSAGE_TYPE_INVALID
        call = None if leg is None else self._calls.get(leg.call_sid)
        # A call that was deleted from the registry counts as active.
        if leg is None or (call is not None and call.refusal(call.account_sid or "") is not None):
            return error_codes.CALL_NOT_ACTIVE
        return error_codes.CONTENT_TOO_LARGE if len(frame.content) > MAX_CONTENT else None

    def _ring(self, callee: CallLeg, *, from_: str, custom: Mapping[str, str]) -> None:
        for connection in callee.connections:
            connection.put(
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
        auto_answer = self.auto_answers.for_call(called, caller.identity)
        match auto_answer.reaction:
            case Reaction.ANSWER if auto_answer.after:
                caller.set_timer(self._later(auto_answer.after, lambda: self._mark_answered(caller)))
            case Reaction.ANSWER:
                self._mark_answered(caller)
            case Reaction.BUSY:
                self._legs.end(caller, Status.BUSY, error=error_codes.BUSY_HERE)
            case Reaction.REJECT:
                self._legs.end(caller, Status.NO_ANSWER, error=error_codes.DECLINE)

    def _mark_answered(self, caller: CallLeg) -> None:
        """Mark the caller's leg as answered and notify its client."""
        self._legs.mark_answered(caller)
        for connection in caller.connections:
            connection.put(server_frames.ServerAnswer(call_sid=caller.call_sid, sdp=caller.sdp, reconnect=caller.token))
        caller.sdp = ""
