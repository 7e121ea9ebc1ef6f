"""The state of a call at its end user, and its errors. Plain data, updated by `VoiceClient`."""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.engine.json_match import diff
from emulator.testing.http import EmulatorError
from emulator.wire.signalling.error_codes import SdkError

ANY: object = ...
"""Matches every content."""

_LONGEST = 200


class SignallingError(EmulatorError):
    """An error of the signalling gateway, or a lost connection.

    Attributes:
        code: Twilio's error code; None when there is none.
        message: the error text.
    """

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(message if code is None else f"{code}: {message}")
        self.code = code
        self.message = message


class CallFailedError(SignallingError):
    """A call was not answered, or can no longer be accepted."""


class MessageRefusedError(SignallingError):
    """The gateway rejected a message of the end user: 31210 for its type, 31211 for the call, 31212 for its size."""


class CallStatus(StrEnum):
    """Status of a call at its end user, with the Voice SDK's names (call.ts: Call.State)."""

    PENDING = "pending"  # incoming, neither accepted nor rejected
    CONNECTING = "connecting"  # outgoing, without a CallSid
    RINGING = "ringing"
    OPEN = "open"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that the end user received.

    Attributes:
        sid: the message SID `KX…`, as in the response of the REST API.
        content: as from the Voice SDK: the parsed value of a JSON content, otherwise the string.
    """

    sid: str
    content: object = field(hash=False)
    content_type: str
    message_type: str


@dataclass(slots=True, eq=False, kw_only=True)
class CallState:
    """State of a call at its end user.

    Attributes:
        name: temporary name of an outgoing call, used before it has a CallSid.
        parameters: custom parameters.
        received: messages, oldest first.
        ended: why the call ended; None before.
        failure: the error of the gateway, if it sent one.
        token: reconnect token, to continue the call on another connection.
        offer: SDP offer of an incoming call.
    """

    name: str | None = None
    sid: str | None = None
    status: CallStatus
    from_: str
    to: str
    parameters: dict[str, str]
    received: list[ReceivedMessage] = field(default_factory=list)
    ended: str | None = None
    error: SdkError | None = None
    token: str | None = None
    offer: str = ""

    def __str__(self) -> str:
        why = f": {self.ended}" if self.ended else ""
        return f"call {self.sid or self.name} from {self.from_!r} to {self.to!r} ({self.status}{why})"

    def matching(self, wanted: object) -> list[ReceivedMessage]:
        """The messages whose content contains `wanted`: objects by subset, arrays equal; `...` matches all."""
        if wanted is ...:
            return list(self.received)
        return [message for message in self.received if not any(diff(wanted, message.content))]

    def missed(self, at_least: int, wanted: object, seconds: float) -> str:
        """Explain a failed wait: the expected and the received messages."""
        condition = "" if wanted is ... else f" with {_shown(wanted)} in the content"
        waited = f"waited {seconds:g} s" if self.status is not CallStatus.CLOSED else "it is over"
        matching = self.matching(wanted)
        what = f"{self}: expected {at_least} or more messages{condition}, {len(matching)} came ({waited})"
        received = (
            f"  {message.sid}: {_shown(message.content)}{_differing(wanted, message)}" for message in self.received
        )
        return "\n".join([what, *received])


def call_failed(call: CallState) -> CallFailedError:
    """Make the error to raise for a call that has ended."""
    code, message = call.error or (None, str(call))
    return CallFailedError(code, message)


class CallView:
    """The current state of a call."""

    def __init__(self, state: CallState) -> None:
        self._state = state

    def __repr__(self) -> str:
        return f"<{self._state}>"

    @property
    def sid(self) -> str:
        """The CallSid `CA…` of this end of the call; empty before it has one."""
        return self._state.sid or ""

    @property
    def status(self) -> CallStatus:
        """Status, with the Voice SDK's names: `pending`, `connecting`, `ringing`, `open`, `reconnecting`, `closed`."""
        return self._state.status

    @property
    def from_(self) -> str:
        """The caller, for example `client:alice`."""
        return self._state.from_

    @property
    def to(self) -> str:
        """The callee."""
        return self._state.to

    @property
    def parameters(self) -> dict[str, str]:
        """A copy of the custom parameters."""
        return dict(self._state.parameters)

    @property
    def received(self) -> list[ReceivedMessage]:
        """The received messages, oldest first."""
        return list(self._state.received)

    @property
    def ended(self) -> str | None:
        """Why the call ended; None before."""
        return self._state.ended


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _differing(wanted: object, message: ReceivedMessage) -> str:
    """Where the content of a message differs from `wanted`."""
    if wanted is ...:
        return ""
    found = ", ".join(
        f"{difference.pointer or 'it'} is {'missing' if difference.missing else _shown(difference.found)}"
        for difference in diff(wanted, message.content)
    )
    return f" ({found})" if found else ""
