"""Frames that a Voice SDK sends. The content of a message stays JSON text."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Self
from urllib.parse import urlencode

from emulator.wire.signalling import CONTENT_TYPE, frames
from emulator.wire.signalling.frames import (
    LONGEST_NAME,
    CallFrame,
    Frame,
    JsonText,
    Keepalive,
    MalformedFrameError,
    Payload,
    UnknownFrame,
)

_LONGEST_SDP = 16 * 1024  # kept while the call rings; an audio offer has 3 KiB
_BROWSER_INFO = {"p": "python", "plugin": "rtc", "v": "emulator"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen(Frame):
    """The first frame on a socket, and sent again with a new token. `reconnect_timeout` in seconds, 0 = not given."""

    type = "listen"
    token: str | None
    reconnect_timeout: float = 0

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(token=payload.string("token") or None, reconnect_timeout=payload.seconds("reconnectTimeout"))

    def to_payload(self) -> Mapping[str, object]:
        timeout = self.reconnect_timeout or None
        return {"token": self.token, "browserinfo": _BROWSER_INFO, "reconnectTimeout": timeout}


@dataclass(frozen=True, slots=True, kw_only=True)
class Register(Frame):
    """The client starts (`audio`) or stops accepting incoming calls."""

    type = "register"
    audio: bool

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(audio=payload.nested("media").flag("audio"))

    def to_payload(self) -> Mapping[str, object]:
        return {"media": {"audio": self.audio}}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInvite(Frame):
    """Start an outgoing call; `call_sid` is a temporary id chosen by the client, until the call has a CallSid."""

    type = "invite"
    call_sid: str
    sdp: str
    parameters: Mapping[str, str]

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        parameters = payload.nested("twilio").query("params")
        return cls(
            call_sid=payload.name("callsid"), sdp=payload.string("sdp", _LONGEST_SDP) or "", parameters=parameters
        )

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "sdp": self.sdp, "twilio": {"params": urlencode(self.parameters)}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect(Frame):
    """Continue a call on this socket: an `invite` with the token that was sent with `answer` or `invite`."""

    type = "invite"
    call_sid: str
    token: str

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(call_sid=payload.name("callsid"), token=payload.string("reconnect") or "")

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "sdp": "", "reconnect": self.token, "twilio": {}}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Description(CallFrame):
    """A frame with a session description."""

    sdp: str = ""

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(call_sid=payload.name("callsid"), sdp=payload.string("sdp") or "")

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "sdp": self.sdp}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAnswer(_Description):
    """Accept an incoming call."""

    type = "answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinvite(_Description):
    """Renegotiate the media of a call."""

    type = "reinvite"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject(CallFrame):
    """Reject an incoming call."""

    type = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientHangup(CallFrame):
    """End a call."""

    type = "hangup"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf(CallFrame):
    """Keys pressed during a call."""

    type = "dtmf"
    digits: str

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(call_sid=payload.name("callsid"), digits=payload.string("dtmf") or "")

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid, "dtmf": self.digits}


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientMessage(Frame):
    """A message from the end user; `content` is the JSON text of any value but null."""

    type = "message"
    call_sid: str
    sid: str
    content: str
    content_type: str
    message_type: str

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        content = payload.json("content")
        if content == "null":
            raise MalformedFrameError("message has no content")
        return cls(
            call_sid=payload.name("callsid"),
            sid=payload.name("voiceeventsid"),
            content=content,
            content_type=payload.string("contenttype", LONGEST_NAME) or CONTENT_TYPE,
            message_type=payload.string("messagetype", LONGEST_NAME) or "",
        )

    def to_payload(self) -> Mapping[str, object]:
        return {
            "callsid": self.call_sid,
            "content": JsonText(self.content),
            "contenttype": self.content_type,
            "messagetype": self.message_type,
            "voiceeventsid": self.sid,
        }


CallControlFrame = (
    Register | ClientInvite | Reconnect | ClientAnswer | Reject | ClientHangup | Reinvite | Dtmf | ClientMessage
)
"""Frames that require a client with a verified token."""

ClientFrame = Listen | CallControlFrame


def _read_invite(payload: Payload) -> ClientInvite | Reconnect:
    kind = ClientInvite if payload.string("reconnect") is None else Reconnect
    return kind.from_payload(payload)


_READERS: Mapping[str, Callable[[Payload], ClientFrame]] = {
    **{
        frame.type: frame.from_payload
        for frame in (Listen, Register, ClientAnswer, Reject, ClientHangup, Reinvite, Dtmf, ClientMessage)
    },
    "invite": _read_invite,
}


def decode(text: str) -> ClientFrame | Keepalive | UnknownFrame:
    """Parse a frame of a client.

    Raises:
        MalformedFrameError: not JSON, not an object with a type, or a member of the wrong type.
    """
    return frames.decode(text, _READERS)
