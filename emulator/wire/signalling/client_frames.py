"""Frames that a client sends, parsed from text. The content of a message stays the JSON text as received."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from emulator.wire import content
from emulator.wire.signalling import CONTENT_TYPE, KEEPALIVE, MAX_FRAME

_LONGEST_NAME = 1024
_LONGEST_SDP = 16 * 1024  # kept while the call rings; an audio offer has 3 KiB


class MalformedFrameError(Exception):
    """A text is not a valid frame; str() is the reason."""


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The client's heartbeat."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """A frame of an unknown type."""

    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Listen:
    """The first frame on a socket, and sent again with a new token. `reconnect_timeout` in seconds, 0 = not given."""

    token: str | None
    reconnect_timeout: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Register:
    """The client starts (`audio`) or stops accepting incoming calls."""

    audio: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Invite:
    """Start an outgoing call; `call_sid` is a temporary id chosen by the client, until the call has a CallSid."""

    call_sid: str
    sdp: str
    parameters: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reconnect:
    """Continue a call on this socket: an `invite` with the token that was sent with `answer` or `invite`."""

    call_sid: str
    token: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerFrame:
    """Accept an incoming call."""

    call_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reject:
    """Reject an incoming call."""

    call_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Hangup:
    """End a call."""

    call_sid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reinvite:
    """Renegotiate the media of a call."""

    call_sid: str
    sdp: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Dtmf:
    """Keys pressed during a call."""

    call_sid: str
    digits: str


@dataclass(frozen=True, slots=True, kw_only=True)
class UserMessage:
    """A message from the end user; `content` is the JSON text of any value."""

    call_sid: str
    sid: str
    content: str
    content_type: str
    message_type: str


Spoken = Register | Invite | Reconnect | AnswerFrame | Reject | Hangup | Reinvite | Dtmf | UserMessage
"""Frames that require a client with a verified token."""

Received = Keepalive | Unknown | Listen | Spoken


class _Payload:
    """Typed access to the members of a frame's payload."""

    def __init__(self, kind: str, members: Mapping[str, object], text: str) -> None:
        self.kind = kind
        self._members = members
        self._text = text

    def optional(self, name: str, longest: int = MAX_FRAME) -> str | None:
        value = self._members.get(name)
        if value is not None and not isinstance(value, str):
            raise MalformedFrameError(f"{name} of {self.kind} is not a string")
        if value is not None and len(value) > longest:
            raise MalformedFrameError(f"{name} of {self.kind} is over {longest} characters")
        return value

    def name(self, name: str) -> str:
        """A non-empty string; limited in length, because it is kept."""
        value = self.optional(name, _LONGEST_NAME)
        if not value:
            raise MalformedFrameError(f"{self.kind} has no {name}")
        return value

    def seconds(self, name: str) -> float:
        value = self._members.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise MalformedFrameError(f"{name} of {self.kind} is not a number of seconds")
        return value

    def inner(self, name: str) -> Mapping[str, object]:
        value = self._members.get(name, {})
        if not isinstance(value, dict):
            raise MalformedFrameError(f"{name} of {self.kind} is not an object")
        return value

    def json(self, name: str) -> str:
        """The JSON text of a value other than null, as received."""
        if self._members.get(name) is None:
            raise MalformedFrameError(f"{self.kind} has no {name}")
        start, _ = dict(_members(self._text, _start(self._text)))["payload"]
        begin, end = dict(_members(self._text, start))[name]
        return self._text[begin:end]


def _listen(payload: _Payload) -> Received:
    return Listen(token=payload.optional("token") or None, reconnect_timeout=payload.seconds("reconnectTimeout"))


def _register(payload: _Payload) -> Received:
    return Register(audio=payload.inner("media").get("audio", True) is not False)


def _invite(payload: _Payload) -> Received:
    token = payload.optional("reconnect")
    if token is not None:
        return Reconnect(call_sid=payload.name("callsid"), token=token)
    query = _Payload("invite", payload.inner("twilio"), "").optional("params") or ""
    try:
        parameters = dict(parse_qsl(query, keep_blank_values=True, errors="strict"))
    except UnicodeDecodeError:
        raise MalformedFrameError("params of invite are not UTF-8") from None
    return Invite(
        call_sid=payload.name("callsid"), sdp=payload.optional("sdp", _LONGEST_SDP) or "", parameters=parameters
    )


def _reinvite(payload: _Payload) -> Received:
    return Reinvite(call_sid=payload.name("callsid"), sdp=payload.optional("sdp") or "")


def _dtmf(payload: _Payload) -> Received:
    return Dtmf(call_sid=payload.name("callsid"), digits=payload.optional("dtmf") or "")


def _message(payload: _Payload) -> Received:
    return UserMessage(
        call_sid=payload.name("callsid"),
        sid=payload.name("voiceeventsid"),
        content=payload.json("content"),
        content_type=payload.optional("contenttype", _LONGEST_NAME) or CONTENT_TYPE,
        message_type=payload.optional("messagetype", _LONGEST_NAME) or "",
    )


_READERS: Mapping[str, Callable[[_Payload], Received]] = {
    "listen": _listen,
    "register": _register,
    "invite": _invite,
    "answer": lambda payload: AnswerFrame(call_sid=payload.name("callsid")),
    "reject": lambda payload: Reject(call_sid=payload.name("callsid")),
    "hangup": lambda payload: Hangup(call_sid=payload.name("callsid")),
    "reinvite": _reinvite,
    "dtmf": _dtmf,
    "message": _message,
}


def read(text: str) -> Received:
    """Read a frame.

    Raises:
        MalformedFrameError: not JSON, not an object with a type, or a member of the wrong type.
    """
    if text == KEEPALIVE:
        return Keepalive()
    try:
        frame = content.parse(text)
    except content.NotJson as error:
        raise MalformedFrameError(f"not JSON: {error}") from None
    if not isinstance(frame, dict) or not isinstance(kind := frame.get("type"), str):
        raise MalformedFrameError("no JSON object with a type")
    reader = _READERS.get(kind)
    if reader is None:
        return Unknown(kind[:_LONGEST_NAME])
    payload = frame.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise MalformedFrameError(f"the payload of {kind} is not an object")
    return reader(_Payload(kind, payload or {}, text))


# Used only to find the end of a value, so numbers stay text.
_FINDER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_BLANK = " \t\r\n"


def _start(text: str, at: int = 0) -> int:
    """Index of the next token."""
    while text[at] in _BLANK:
        at += 1
    return at


def _members(text: str, at: int) -> Iterator[tuple[str, tuple[int, int]]]:
    """Yield each member of the object at this index, with the begin and end of its value; the text is valid JSON."""
    at = _start(text, at + 1)
    while text[at] != "}":
        name, at = _FINDER.raw_decode(text, at)
        begin = _start(text, _start(text, at) + 1)  # past the colon
        _, end = _FINDER.raw_decode(text, begin)
        yield name, (begin, end)
        at = _start(text, end)
        if text[at] == ",":
            at = _start(text, at + 1)
