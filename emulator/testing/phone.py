"""Client side of the Voice SDK's signalling, without I/O: receives frames, updates calls, queues frames to send.

It follows pstream.ts, device.ts and call.ts of @twilio/voice-sdk 2.2.0 to 2.18.5 for calls and messages.
"""

import json
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode

from emulator.testing.phone_calls import CallState, CallStatus, ReceivedMessage
from emulator.wire import content, sdp, sids
from emulator.wire.signalling import CONTENT_TYPE, KEEPALIVE, MESSAGE_TYPE, VERSION
from emulator.wire.signalling.error_codes import UNKNOWN, SdkError

Json = Mapping[str, object]


@dataclass(slots=True, eq=False)
class SentMessage:
    """A message sent by the end user.

    Attributes:
        settled: whether it was acknowledged, rejected or lost.
        failure: the error with which it was rejected.
        lost: whether the connection ended before the gateway responded to it.
    """

    sid: str
    settled: bool = False
    failure: SdkError | None = None
    lost: bool = False


class Phone:
    """The Voice SDK client of one end user.

    Args:
        identity: its identity, until the gateway sends the one of its token.
        token: access token for the gateway.
        entropy: returns the given number of random bytes.

    Attributes:
        connected: whether the gateway has accepted the token on the current connection.
        failures: errors from the gateway that belong to no call or message.
        gone: why it will not reconnect; None while it may.
        incoming: incoming calls that the test has not taken yet.
    """

    def __init__(self, identity: str, token: str, entropy: Callable[[int], bytes] = secrets.token_bytes) -> None:
        self.identity = identity
        self.connected = False
        self.failures: list[SdkError] = []
        self.gone: str | None = None
        self.incoming: deque[CallState] = deque()
        self._token = token
        self._entropy = entropy
        self._outbox: list[str] = []
        self._calls: list[CallState] = []
        self._unsettled: dict[str, SentMessage] = {}
        self._asked = self._answered = 0
        self._leaving = False

    @property
    def live(self) -> list[CallState]:
        """The calls that have not ended."""
        return list(self._calls)

    @property
    def returns(self) -> bool:
        """Whether it reconnects after a lost connection."""
        return not self._leaving and self.gone is None

    @property
    def settled(self) -> bool:
        """Whether it is connected and no call is reconnecting."""
        return self.connected and all(call.status is not CallStatus.RECONNECTING for call in self._calls)

    # --- the socket

    def opened(self) -> None:
        """Send the access token on a new connection."""
        self._outbox.clear()
        self._say("listen", token=self._token, browserinfo={"p": "python", "plugin": "rtc", "v": "emulator"})

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
            if call.token and call.status in (CallStatus.OPEN, CallStatus.RECONNECTING) and self.returns:
                call.status = CallStatus.RECONNECTING
            else:
                self._end(call, f"the connection was lost: {reason}")

    def vanish(self, reason: str) -> None:
        """End the client; it will not reconnect."""
        self.gone = self.gone or reason
        self.lost(reason)

    def take(self) -> list[str]:
        """Remove and return the frames to send."""
        taken, self._outbox = self._outbox, []
        return taken

    def receive(self, text: str | bytes) -> None:
        """Process a frame; ignore malformed frames and unknown types, as the Voice SDK does."""
        if text == KEEPALIVE:
            self._outbox.append(KEEPALIVE)
            return
        try:
            frame = content.parse(text if isinstance(text, str) else "")
        except content.NotJson:
            return
        kind = frame.get("type") if isinstance(frame, dict) else None
        take = _TAKERS.get(kind) if isinstance(kind, str) else None
        if take is not None and isinstance(frame, dict):
            take(self, _member(frame, "payload"))

    # --- actions of the end user

    def register(self, *, available: bool = True) -> int:
        """Register as available for calls or not; return a number for `answered`."""
        self._say("register", media={"audio": available})
        self._asked += 1
        return self._asked

    def answered(self, number: int) -> bool:
        """Whether the gateway has processed this registration, and thereby all frames before it."""
        return self.connected and self._answered >= number

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
        query = urlencode({**({"To": to} if to else {}), **parameters})
        self._say("invite", callsid=name, sdp=sdp.offer(self._entropy(sdp.ENTROPY_BYTES)), twilio={"params": query})
        return call

    def accept(self, call: CallState) -> None:
        """Answer an incoming call."""
        call.status = CallStatus.OPEN
        self._say("answer", callsid=call.sid, sdp=sdp.answer(call.offer, self._entropy(sdp.ENTROPY_BYTES)))

    def reject(self, call: CallState) -> None:
        """Reject an incoming call."""
        self._say("reject", callsid=call.sid)
        self._end(call, "rejected")

    def hang_up(self, call: CallState) -> None:
        """End a call."""
        self._say("hangup", callsid=call.sid or call.name)
        self._end(call, "hung up")

    def send_message(self, call: CallState, value: object, content_type: str, message_type: str) -> SentMessage:
        """Send a message in a call.

        Raises:
            TypeError, ValueError: the value is not JSON, or is null, which the Voice SDK does not send either.
        """
        if value is None:
            raise ValueError("a message needs a content other than None")
        sent = SentMessage(sids.make(sids.MESSAGE, self._entropy(sids.ENTROPY_BYTES)))
        self._say(
            "message",
            callsid=call.sid,
            content=value,
            contenttype=content_type,
            messagetype=message_type,
            voiceeventsid=sent.sid,
        )
        self._unsettled[sent.sid] = sent
        return sent

    def leave(self) -> None:
        """End all calls; do not reconnect."""
        self._leaving = True
        for call in self.live:
            self.hang_up(call)

    # --- frames from the gateway

    def _connected(self, payload: Json) -> None:
        self.connected = True
        self.identity = _text(_member(payload, "token"), "identity") or self.identity
        self._answered = self._asked  # frames sent on another connection are not answered on this one
        self.register()
        for call in self.live:
            if call.status is CallStatus.RECONNECTING:
                self._say("invite", callsid=call.sid, sdp="", reconnect=call.token, twilio={})

    def _registered(self, _payload: Json) -> None:
        self._answered += 1

    def _ringing(self, payload: Json) -> None:
        sid = _text(payload, "callsid")
        # The frame does not identify the call, but calls ring in the order in which they were started.
        call = next((call for call in self.live if call.status is CallStatus.CONNECTING), None)
        if sid and call is not None and self._find(sid) is None:
            call.sid, call.status = sid, CallStatus.RINGING

    def _answer(self, payload: Json) -> None:
        call = self._find(_text(payload, "callsid"))
        if call is not None:
            call.status = CallStatus.OPEN
            call.token = _text(payload, "reconnect") or call.token

    def _invite(self, payload: Json) -> None:
        sid, about = _text(payload, "callsid"), _member(payload, "parameters")
        if not sid or self._find(sid) is not None:
            return
        call = CallState(
            sid=sid,
            status=CallStatus.PENDING,
            from_=_text(about, "From"),
            to=_text(about, "To"),
            parameters=dict(parse_qsl(_text(about, "Params"), keep_blank_values=True)),
            token=_text(payload, "reconnect"),
            offer=_text(payload, "sdp"),
        )
        self._calls.append(call)
        self.incoming.append(call)

    def _cancel(self, payload: Json) -> None:
        call = self._find(_text(payload, "callsid"))
        if call is not None:
            self._end(call, "the caller gave up, or it was accepted elsewhere")

    def _hangup(self, payload: Json) -> None:
        named = _text(payload, "callsid")
        for call in self.live:
            if not named or named in (call.sid, call.name):
                call.failure = failure = _failure(payload) or call.failure
                self._end(call, f"{failure.code} {failure.message}" if failure else "hung up by the other end")

    def _message(self, payload: Json) -> None:
        call = self._find(_text(payload, "callsid"))
        if call is not None:
            call.received.append(
                ReceivedMessage(
                    sid=_text(payload, "voiceeventsid"),
                    content=payload.get("content"),
                    content_type=_text(payload, "contenttype") or CONTENT_TYPE,
                    message_type=_text(payload, "messagetype") or MESSAGE_TYPE,
                )
            )

    def _ack(self, payload: Json) -> None:
        sent = self._unsettled.pop(_text(payload, "voiceeventsid"), None)
        if sent is not None:
            sent.settled = True

    def _error(self, payload: Json) -> None:
        failure = _failure(payload) or UNKNOWN
        sent = self._unsettled.pop(_text(payload, "voiceeventsid"), None)
        call = self._find(_text(payload, "callsid"))
        if sent is not None:
            sent.settled, sent.failure = True, failure
        elif call is not None:
            call.failure = failure
        else:
            self.failures.append(failure)
            if not self.connected:
                self.vanish(f"the gateway said {failure.code} {failure.message}")

    def _close(self, _payload: Json) -> None:
        self._leaving = True

    # --- private

    def _say(self, kind: str, **payload: object) -> None:
        self._outbox.append(json.dumps({"type": kind, "version": VERSION, "payload": payload}, allow_nan=False))

    def _find(self, named: str) -> CallState | None:
        """A call that has not ended, by its CallSid or its temporary name."""
        return next((call for call in self.live if named and named in (call.sid, call.name)), None)

    def _end(self, call: CallState, reason: str) -> None:
        call.status, call.ended = CallStatus.CLOSED, reason
        self._calls.remove(call)


_TAKERS: Mapping[str, Callable[[Phone, Json], None]] = {
    "connected": Phone._connected,  # noqa: SLF001  our own class
    "ready": Phone._registered,  # noqa: SLF001
    "offline": Phone._registered,  # noqa: SLF001
    "ringing": Phone._ringing,  # noqa: SLF001
    "answer": Phone._answer,  # noqa: SLF001
    "invite": Phone._invite,  # noqa: SLF001
    "cancel": Phone._cancel,  # noqa: SLF001
    "hangup": Phone._hangup,  # noqa: SLF001
    "message": Phone._message,  # noqa: SLF001
    "ack": Phone._ack,  # noqa: SLF001
    "error": Phone._error,  # noqa: SLF001
    "close": Phone._close,  # noqa: SLF001
}


def _member(frame: Json, name: str) -> Json:
    value = frame.get(name)
    return value if isinstance(value, dict) else {}


def _text(payload: Json, name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else ""


def _failure(payload: Json) -> SdkError | None:
    error = _member(payload, "error")
    code = error.get("code")
    return SdkError(code, _text(error, "message")) if isinstance(code, int) else None
