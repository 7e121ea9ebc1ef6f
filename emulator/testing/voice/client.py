"""Client side of the Voice SDK's signalling, without I/O: receives frames, updates calls, queues frames to send.

It follows pstream.ts, device.ts and call.ts of @twilio/voice-sdk 2.2.0 to 2.18.5 for calls and messages.
"""

import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass

from emulator.testing.voice.calls import CallState, CallStatus, ReceivedMessage
from emulator.wire import content, sdp, sids
from emulator.wire.signalling import client_frames, server_frames
from emulator.wire.signalling.client_frames import ClientFrame
from emulator.wire.signalling.error_codes import SdkError
from emulator.wire.signalling.frames import Keepalive, MalformedFrameError, UnknownFrame
from emulator.wire.signalling.server_frames import ServerFrame


@dataclass(slots=True, eq=False)
class SentMessage:
    """A message sent by the end user.

    Attributes:
        settled: whether it was acknowledged, rejected or lost.
        error: the error with which it was rejected.
        lost: whether the connection ended before the gateway responded to it.
    """

    sid: str
    settled: bool = False
    error: SdkError | None = None
    lost: bool = False


class VoiceClient:
    """The Voice SDK client of one end user.

    Args:
        identity: its identity, until the gateway sends the one of its token.
        token: access token for the gateway.
        entropy: returns the given number of random bytes.

    Attributes:
        connected: whether the gateway has accepted the token on the current connection.
        errors: errors from the gateway that belong to no call or message.
        end_reason: why it will not reconnect; None while it may.
        incoming: incoming calls that the test has not taken yet.
    """

    def __init__(self, identity: str, token: str, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.identity = identity
        self.connected = False
        self.errors: list[SdkError] = []
        self.end_reason: str | None = None
        self.incoming: deque[CallState] = deque()
        self._token = token
        self._entropy = entropy
        self._outbox: list[str] = []
        self._calls: list[CallState] = []
        self._unsettled: dict[str, SentMessage] = {}
        self._registrations = self._answered_registrations = 0
        self._leaving = False

    @property
    def live(self) -> list[CallState]:
        """The calls that have not ended."""
        return list(self._calls)

    @property
    def will_reconnect(self) -> bool:
        """Whether it reconnects after a lost connection."""
        return not self._leaving and self.end_reason is None

    @property
    def is_settled(self) -> bool:
        """Whether it is connected and no call is reconnecting."""
        return self.connected and all(call.status is not CallStatus.RECONNECTING for call in self._calls)

    # --- the socket

    def opened(self) -> None:
        """Send the access token on a new connection."""
        self._outbox.clear()
        self._send(client_frames.Listen(token=self._token))

    def lost(self, reason: str) -> None:
        """Handle a lost connection. Answered calls wait for the next connection; other calls end."""
        if not self.connected:  # never accepted: a new connection would not be either
            self._leaving = True
        self.connected = False
        self._outbox.clear()
        for sent in self._unsettled.values():
            sent.settled = sent.lost = True
        self._unsettled.clear()
        for call in self.live:
            if call.token and call.status in (CallStatus.OPEN, CallStatus.RECONNECTING) and self.will_reconnect:
                call.status = CallStatus.RECONNECTING
            else:
                self._end(call, f"the connection was lost: {reason}")

    def end(self, reason: str) -> None:
        """End the client; it will not reconnect."""
        self.end_reason = self.end_reason or reason
        self.lost(reason)

    def take(self) -> list[str]:
        """Remove and return the frames to send."""
        taken, self._outbox = self._outbox, []
        return taken

    def receive(self, text: str | bytes) -> None:
        """Process a frame; ignore malformed frames and unknown types, as the Voice SDK does."""
        with suppress(MalformedFrameError):
            self._process(server_frames.decode(text if isinstance(text, str) else ""))

    # --- actions of the end user

    def register(self, *, available: bool = True) -> int:
        """Register as available for calls or not; return a number for `is_registered`."""
        self._send(client_frames.Register(audio=available))
        self._registrations += 1
        return self._registrations

    def is_registered(self, number: int) -> bool:
        """Whether the gateway has processed this registration, and thereby all frames before it."""
        return self.connected and self._answered_registrations >= number

    def dial(self, to: str, parameters: Mapping[str, str]) -> CallState:
        """Start an outgoing call."""
        name = "TJS" + self._entropy(16).hex()
        call = CallState(
            name=name,
            status=CallStatus.CONNECTING,
            from_=f"client:{self.identity}",
            to=to,
            parameters=dict(parameters),
        )
        self._calls.append(call)
        offer = sdp.offer(self._entropy(sdp.ENTROPY_BYTES))
        given = {**({"To": to} if to else {}), **parameters}
        self._send(client_frames.ClientInvite(call_sid=name, sdp=offer, parameters=given))
        return call

    def accept(self, call: CallState) -> None:
        """Answer an incoming call."""
        call.status = CallStatus.OPEN
        answer = sdp.answer(call.offer, self._entropy(sdp.ENTROPY_BYTES))
        self._send(client_frames.ClientAnswer(call_sid=call.sid or "", sdp=answer))

    def reject(self, call: CallState) -> None:
        """Reject an incoming call."""
        self._send(client_frames.Reject(call_sid=call.sid or ""))
        self._end(call, "rejected")

    def hang_up(self, call: CallState) -> None:
        """End a call."""
        self._send(client_frames.ClientHangup(call_sid=call.sid or call.name or ""))
        self._end(call, "hung up")

    def send_message(self, call: CallState, value: object, content_type: str, message_type: str) -> SentMessage:
        """Send a message in a call.

        Raises:
            TypeError, ValueError: the value is not JSON, or is null, which the Voice SDK does not send either.
        """
        if value is None:
            raise ValueError("a message needs a content other than None")
        text = json.dumps(value, allow_nan=False)
        sent = SentMessage(sids.make(sids.MESSAGE, self._entropy(sids.ENTROPY_BYTES)))
        self._send(
            client_frames.ClientMessage(
                call_sid=call.sid or "",
                sid=sent.sid,
                content=text,
                content_type=content_type,
                message_type=message_type,
            )
        )
        self._unsettled[sent.sid] = sent
        return sent

    def leave(self) -> None:
        """End all calls; do not reconnect."""
        self._leaving = True
        for call in self.live:
            self.hang_up(call)

    # --- frames from the gateway

    def _process(self, frame: ServerFrame | Keepalive | UnknownFrame) -> None:  # noqa: C901, PLR0912  one case per frame
        match frame:
            case Keepalive():
                self._send(frame)
            case server_frames.Connected():
                self._connected(frame.identity)
            case server_frames.ReadyFrame() | server_frames.Offline():
                self._answered_registrations += 1
            case server_frames.Ringing():
                self._ringing(frame.call_sid)
            case server_frames.ServerAnswer():
                self._answer(frame)
            case server_frames.ServerInvite():
                self._invite(frame)
            case server_frames.Cancel():
                call = self._find(frame.call_sid)
                if call is not None:
                    self._end(call, "the caller gave up, or it was accepted elsewhere")
            case server_frames.ServerHangup():
                self._hangup(frame)
            case server_frames.ServerMessage():
                self._message(frame)
            case server_frames.Ack():
                sent = self._unsettled.pop(frame.sid, None)
                if sent is not None:
                    sent.settled = True
            case server_frames.ErrorFrame():
                self._error(frame)
            case server_frames.Close():
                self._leaving = True

    def _connected(self, identity: str) -> None:
        self.connected = True
        self.identity = identity or self.identity
        self._answered_registrations = self._registrations  # those of another connection are not answered on this one
        self.register()
        for call in self.live:
            if call.status is CallStatus.RECONNECTING:
                self._send(client_frames.Reconnect(call_sid=call.sid or "", token=call.token or ""))

    def _ringing(self, call_sid: str) -> None:
        # The frame does not identify the call, but calls ring in the order in which they were started.
        call = next((call for call in self.live if call.status is CallStatus.CONNECTING), None)
        if call is not None and self._find(call_sid) is None:
            call.sid, call.status = call_sid, CallStatus.RINGING

    def _answer(self, frame: server_frames.ServerAnswer) -> None:
        call = self._find(frame.call_sid)
        if call is not None:
            call.status = CallStatus.OPEN
            call.token = frame.reconnect or call.token

    def _invite(self, frame: server_frames.ServerInvite) -> None:
        if self._find(frame.call_sid) is not None:
            return
        call = CallState(
            sid=frame.call_sid,
            status=CallStatus.PENDING,
            from_=frame.from_,
            to=frame.to,
            parameters=dict(frame.custom),
            token=frame.reconnect,
            offer=frame.sdp,
        )
        self._calls.append(call)
        self.incoming.append(call)

    def _hangup(self, frame: server_frames.ServerHangup) -> None:
        for call in self.live:
            if frame.call_sid in (None, call.sid, call.name):
                call.error = error = frame.error or call.error
                self._end(call, f"{error.code} {error.message}" if error else "hung up by the other end")

    def _message(self, frame: server_frames.ServerMessage) -> None:
        call = self._find(frame.call_sid)
        if call is not None:
            call.received.append(
                ReceivedMessage(
                    sid=frame.sid,
                    content=content.parse(frame.content),
                    content_type=frame.content_type,
                    message_type=frame.message_type,
                )
            )

    def _error(self, frame: server_frames.ErrorFrame) -> None:
        error, call = frame.error, self._find(frame.call_sid)
        sent = self._unsettled.pop(frame.sid or "", None)
        if sent is not None:
            sent.settled, sent.error = True, error
        elif call is not None:
            call.error = error
        else:
            self.errors.append(error)
            if not self.connected:
                self.end(f"the gateway reported {error.code} {error.message}")

    # --- private

    def _send(self, frame: ClientFrame | Keepalive) -> None:
        self._outbox.append(frame.encode())

    def _find(self, named: str | None) -> CallState | None:
        """A call that has not ended, by its CallSid or its temporary name."""
        return next((call for call in self.live if named and named in (call.sid, call.name)), None)

    def _end(self, call: CallState, reason: str) -> None:
        call.status, call.ended = CallStatus.CLOSED, reason
        self._calls.remove(call)
