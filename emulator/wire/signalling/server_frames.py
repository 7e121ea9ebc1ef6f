"""Frames that the gateway sends."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from emulator.wire.content import is_json
from emulator.wire.signalling import CONTENT_TYPE, MESSAGE_TYPE, frames
from emulator.wire.signalling.error_codes import UNKNOWN, SdkError
from emulator.wire.signalling.frames import CallFrame, Frame, JsonText, Keepalive, Payload, UnknownFrame


def _error(payload: Payload) -> SdkError | None:
    error = payload.nested("error")
    code = error.integer("code")
    return None if code is None else SdkError(code, error.string("message") or "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Connected(Frame):
    """The response to a valid `listen`.

    Attributes:
        identity: the client's identity.
        home: region to which it sends its insights.
        ttl: remaining lifetime of the token in seconds.
        edge: where it reconnects; the default edge, which shims and browser flags route to the emulator.
    """

    type = "connected"
    identity: str
    home: str
    ttl: int
    edge: str = "roaming"

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        token = payload.nested("token")
        return cls(
            identity=token.string("identity") or "",
            home=payload.string("home") or "",
            ttl=token.integer("ttl") or 0,
            edge=payload.string("edge") or "",
        )

    def to_payload(self) -> Mapping[str, object]:
        token = {"identity": self.identity, "ttl": self.ttl}
        return {"region": "us1", "edge": self.edge, "home": self.home, "gateway": "emulator", "token": token}


@dataclass(frozen=True, slots=True)
class ReadyFrame(Frame):
    """The client can now receive calls."""

    type = "ready"


@dataclass(frozen=True, slots=True)
class Offline(Frame):
    """The client can no longer receive calls."""

    type = "offline"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing(CallFrame):
    """An outgoing call has its CallSid and rings."""

    type = "ringing"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAnswer(Frame):
    """A call is answered, continues on this socket (no `sdp`), or has new media."""

    type = "answer"
    call_sid: str
    sdp: str | None = None
    reconnect: str | None = None

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        reconnect = payload.string("reconnect")
        return cls(call_sid=payload.name("callsid"), sdp=payload.string("sdp"), reconnect=reconnect)

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "sdp": self.sdp, "reconnect": self.reconnect}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerInvite(Frame):
    """An incoming call. `custom` becomes its custom parameters."""

    type = "invite"
    call_sid: str
    sdp: str
    reconnect: str
    from_: str
    to: str
    account_sid: str | None
    custom: Mapping[str, str]

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        parameters = payload.nested("parameters")
        return cls(
            call_sid=payload.name("callsid"),
            sdp=payload.string("sdp") or "",
            reconnect=payload.string("reconnect") or "",
            from_=parameters.string("From") or "",
            to=parameters.string("To") or "",
            account_sid=parameters.string("AccountSid"),
            custom=parameters.query("Params"),
        )

    def to_payload(self) -> Mapping[str, object]:
        parameters = {"CallSid": self.call_sid, "From": self.from_, "To": self.to}
        if self.account_sid is not None:
            parameters["AccountSid"] = self.account_sid
        if self.custom:
            parameters["Params"] = urlencode(self.custom)
        return {"callsid": self.call_sid, "sdp": self.sdp, "parameters": parameters, "reconnect": self.reconnect}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel(CallFrame):
    """An incoming call ended before this client accepted it."""

    type = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerHangup(Frame):
    """A call has ended, with an error or without; no `call_sid` = every call of the client."""

    type = "hangup"
    call_sid: str | None = None
    error: SdkError | None = None

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(call_sid=payload.string("callsid") or None, error=_error(payload))

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "error": self.error and self.error._asdict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack(Frame):
    """Confirm the receipt of an end user's message."""

    type = "ack"
    call_sid: str
    sid: str

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(call_sid=payload.string("callsid") or "", sid=payload.name("voiceeventsid"))

    def to_payload(self) -> Mapping[str, object]:
        return {"acktype": "message", "callsid": self.call_sid, "voiceeventsid": self.sid}


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorFrame(Frame):
    """An error about a message (`call_sid` and `sid`), a call (`call_sid`), or the client as a whole."""

    type = "error"
    error: SdkError
    call_sid: str | None = None
    sid: str | None = None

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        call_sid, sid = payload.string("callsid"), payload.string("voiceeventsid")
        return cls(error=_error(payload) or UNKNOWN, call_sid=call_sid, sid=sid)

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "voiceeventsid": self.sid, "error": self.error._asdict()}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMessage(Frame):
    """A message for the end user; `content` is the text from the REST request, or once decoded the JSON text of it."""

    type = "message"
    call_sid: str
    sid: str
    content: str
    content_type: str = CONTENT_TYPE
    message_type: str = MESSAGE_TYPE

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(
            call_sid=payload.name("callsid"),
            sid=payload.string("voiceeventsid") or "",
            content=payload.json("content"),
            content_type=payload.string("contenttype") or CONTENT_TYPE,
            message_type=payload.string("messagetype") or MESSAGE_TYPE,
        )

    def to_payload(self) -> Mapping[str, object]:
        """Return the members of the payload. Content that is not JSON becomes a JSON string."""
        return {
            "content": JsonText(self.content if is_json(self.content) else json.dumps(self.content)),
            "callsid": self.call_sid,
            "voiceeventsid": self.sid,
            "contenttype": self.content_type,
            "messagetype": self.message_type,
        }


@dataclass(frozen=True, slots=True)
class Close(Frame):
    """The gateway closes the connection permanently."""

    type = "close"


ServerFrame = (
    Connected
    | ReadyFrame
    | Offline
    | Ringing
    | ServerAnswer
    | ServerInvite
    | Cancel
    | ServerHangup
    | Ack
    | ErrorFrame
    | ServerMessage
    | Close
)

_READERS: Mapping[str, Callable[[Payload], ServerFrame]] = {
    frame.type: frame.from_payload for frame in ServerFrame.__args__
}


def decode(text: str) -> ServerFrame | Keepalive | UnknownFrame:
    """Parse a frame of the gateway.

    Raises:
        MalformedFrameError: not JSON, not an object with a type, or a member of the wrong type.
    """
    return frames.decode(text, _READERS)
