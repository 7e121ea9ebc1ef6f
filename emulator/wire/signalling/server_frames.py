"""What the gateway sends: frames, each of which is its text."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from emulator.wire import content
from emulator.wire.signalling import CONTENT_TYPE, MESSAGE_TYPE, VERSION
from emulator.wire.signalling.error_codes import SdkError


def _frame(kind: str, payload: Mapping[str, object]) -> str:
    return json.dumps({"type": kind, "version": VERSION, "payload": payload})


def _error(failure: SdkError) -> dict[str, object]:
    return {"code": failure.code, "message": failure.message}


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected:
    """A `listen` is granted.

    Attributes:
        identity: who the client is.
        home: where it sends its insights.
        ttl: the token's rest in seconds.
        edge: where it comes back after a lost socket; the usual one, which shims and browser flags lead here.
    """

    identity: str
    home: str
    ttl: int
    edge: str = "roaming"

    def text(self) -> str:
        """The frame."""
        token = {"identity": self.identity, "ttl": self.ttl}
        return _frame(
            "connected",
            {"region": "us1", "edge": self.edge, "home": self.home, "gateway": "emulator", "token": token},
        )


@dataclass(frozen=True, slots=True)
class ReadyFrame:
    """The user can be called."""

    def text(self) -> str:
        """The frame."""
        return _frame("ready", {})


@dataclass(frozen=True, slots=True)
class Offline:
    """The user can no longer be called."""

    def text(self) -> str:
        """The frame."""
        return _frame("offline", {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """An outgoing call has a CallSid and rings."""

    call_sid: str

    def text(self) -> str:
        """The frame."""
        return _frame("ringing", {"callsid": self.call_sid})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A call is answered, goes on on this socket (no `sdp`), or has new media."""

    call_sid: str
    sdp: str | None = None
    reconnect: str | None = None

    def text(self) -> str:
        """The frame."""
        payload = {"callsid": self.call_sid, "sdp": self.sdp, "reconnect": self.reconnect}
        return _frame("answer", {name: value for name, value in payload.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """Somebody calls. `custom` becomes the call's custom parameters."""

    call_sid: str
    sdp: str
    reconnect: str
    from_: str
    to: str
    account_sid: str | None
    custom: Mapping[str, str]

    def text(self) -> str:
        """The frame."""
        parameters = {"CallSid": self.call_sid, "From": self.from_, "To": self.to}
        if self.account_sid is not None:
            parameters["AccountSid"] = self.account_sid
        if self.custom:
            parameters["Params"] = urlencode(self.custom)
        payload = {"callsid": self.call_sid, "sdp": self.sdp, "parameters": parameters, "reconnect": self.reconnect}
        return _frame("invite", payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """An incoming call is over before this client accepted it."""

    call_sid: str

    def text(self) -> str:
        """The frame."""
        return _frame("cancel", {"callsid": self.call_sid})


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp:
    """A call is over."""

    call_sid: str
    failure: SdkError | None = None

    def text(self) -> str:
        """The frame."""
        error = {} if self.failure is None else {"error": _error(self.failure)}
        return _frame("hangup", {"callsid": self.call_sid, **error})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """The end user's message came in."""

    call_sid: str
    sid: str

    def text(self) -> str:
        """The frame."""
        return _frame("ack", {"acktype": "message", "callsid": self.call_sid, "voiceeventsid": self.sid})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """Something was refused: a message (`call_sid` and `sid`), what concerns a call, or the whole client."""

    failure: SdkError
    call_sid: str | None = None
    sid: str | None = None

    def text(self) -> str:
        """The frame."""
        about = {"callsid": self.call_sid, "voiceeventsid": self.sid}
        known = {name: value for name, value in about.items() if value is not None}
        return _frame("error", {**known, "error": _error(self.failure)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message for the end user; `content` is the text that the REST request carried."""

    call_sid: str
    sid: str
    content: str

    def text(self) -> str:
        """The frame. A content that is JSON is the value of that very text, so that no number loses a digit."""
        value = self.content if content.is_json(self.content) else json.dumps(self.content)
        payload = {"callsid": self.call_sid, "voiceeventsid": self.sid}
        payload |= {"contenttype": CONTENT_TYPE, "messagetype": MESSAGE_TYPE}
        rest = json.dumps(payload)
        return f'{{"type": "message", "version": "{VERSION}", "payload": {{"content": {value}, {rest[1:]}}}'


@dataclass(frozen=True, slots=True)
class Close:
    """The gateway goes away for good."""

    def text(self) -> str:
        """The frame."""
        return _frame("close", {})


Sent = (
    Connected
    | ReadyFrame
    | Offline
    | Ringing
    | Answered
    | Incoming
    | Cancelled
    | HungUp
    | Ack
    | Failed
    | Delivered
    | Close
)
