"""Frames that the gateway sends, each rendered by `text()`."""

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
    """The response to a valid `listen`.

    Attributes:
        identity: the client's identity.
        home: region to which it sends its insights.
        ttl: remaining lifetime of the token in seconds.
        edge: where it reconnects; the default edge, which shims and browser flags route to the emulator.
    """

    identity: str
    home: str
    ttl: int
    edge: str = "roaming"

    def text(self) -> str:
        """Render as JSON."""
        token = {"identity": self.identity, "ttl": self.ttl}
        return _frame(
            "connected",
            {"region": "us1", "edge": self.edge, "home": self.home, "gateway": "emulator", "token": token},
        )


@dataclass(frozen=True, slots=True)
class ReadyFrame:
    """The client can now receive calls."""

    def text(self) -> str:
        """Render as JSON, with an empty payload."""
        return _frame("ready", {})


@dataclass(frozen=True, slots=True)
class Offline:
    """The client can no longer receive calls."""

    def text(self) -> str:
        """Render as JSON, with an empty payload."""
        return _frame("offline", {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ringing:
    """An outgoing call has its CallSid and rings."""

    call_sid: str

    def text(self) -> str:
        """Render as JSON."""
        return _frame("ringing", {"callsid": self.call_sid})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A call is answered, continues on this socket (no `sdp`), or has new media."""

    call_sid: str
    sdp: str | None = None
    reconnect: str | None = None

    def text(self) -> str:
        """Render as JSON, without members that are None."""
        payload = {"callsid": self.call_sid, "sdp": self.sdp, "reconnect": self.reconnect}
        return _frame("answer", {name: value for name, value in payload.items() if value is not None})


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """An incoming call. `custom` becomes its custom parameters."""

    call_sid: str
    sdp: str
    reconnect: str
    from_: str
    to: str
    account_sid: str | None
    custom: Mapping[str, str]

    def text(self) -> str:
        """Render as an `invite`."""
        parameters = {"CallSid": self.call_sid, "From": self.from_, "To": self.to}
        if self.account_sid is not None:
            parameters["AccountSid"] = self.account_sid
        if self.custom:
            parameters["Params"] = urlencode(self.custom)
        payload = {"callsid": self.call_sid, "sdp": self.sdp, "parameters": parameters, "reconnect": self.reconnect}
        return _frame("invite", payload)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancelled:
    """An incoming call ended before this client accepted it."""

    call_sid: str

    def text(self) -> str:
        """Render as JSON."""
        return _frame("cancel", {"callsid": self.call_sid})


@dataclass(frozen=True, slots=True, kw_only=True)
class HungUp:
    """A call has ended, with an error or without."""

    call_sid: str
    failure: SdkError | None = None

    def text(self) -> str:
        """Render as JSON."""
        error = {} if self.failure is None else {"error": _error(self.failure)}
        return _frame("hangup", {"callsid": self.call_sid, **error})


@dataclass(frozen=True, slots=True, kw_only=True)
class Ack:
    """Confirm the receipt of an end user's message."""

    call_sid: str
    sid: str

    def text(self) -> str:
        """Render as JSON."""
        return _frame("ack", {"acktype": "message", "callsid": self.call_sid, "voiceeventsid": self.sid})


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """An error about a message (`call_sid` and `sid`), a call (`call_sid`), or the client as a whole."""

    failure: SdkError
    call_sid: str | None = None
    sid: str | None = None

    def text(self) -> str:
        """Render as an `error`, without members that are None."""
        about = {"callsid": self.call_sid, "voiceeventsid": self.sid}
        known = {name: value for name, value in about.items() if value is not None}
        return _frame("error", {**known, "error": _error(self.failure)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """A message for the end user; `content` is the text from the REST request."""

    call_sid: str
    sid: str
    content: str

    def text(self) -> str:
        """Render as a `message`. Content that is JSON is copied as text, so that numbers keep all digits."""
        value = self.content if content.is_json(self.content) else json.dumps(self.content)
        payload = {"callsid": self.call_sid, "voiceeventsid": self.sid}
        payload |= {"contenttype": CONTENT_TYPE, "messagetype": MESSAGE_TYPE}
        rest = json.dumps(payload)
        return f'{{"type": "message", "version": "{VERSION}", "payload": {{"content": {value}, {rest[1:]}}}'


@dataclass(frozen=True, slots=True)
class Close:
    """The gateway closes the connection permanently."""

    def text(self) -> str:
        """Render as JSON, with an empty payload."""
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
