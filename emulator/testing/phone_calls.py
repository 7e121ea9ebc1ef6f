"""A call as its end user knows it, and what can go wrong with it. Values; a phone changes them."""

import json
from dataclasses import dataclass, field
from enum import StrEnum

from emulator.engine.json_match import diff
from emulator.testing.http import EmulatorError
from emulator.wire.signalling.error_codes import SdkError

ANY: object = ...
"""Every content."""

_LONGEST = 200


class SignallingError(EmulatorError):
    """The gateway refused something.

    Attributes:
        code: Twilio's number for it; None when it gave none.
        message: Twilio's text.
    """

    def __init__(self, code: int | None, message: str) -> None:
        super().__init__(message if code is None else f"{code}: {message}")
        self.code = code
        self.message = message


class CallFailedError(SignallingError):
    """A call was not answered, or cannot be accepted any more."""


class MessageRefusedError(SignallingError):
    """A message of the end user was refused: 31210 for its type, 31211 for the call, 31212 for its size."""


class CallStatus(StrEnum):
    """What a call is to its end user, in the Voice SDK's words (call.ts: Call.State)."""

    PENDING = "pending"  # incoming, neither accepted nor rejected
    CONNECTING = "connecting"  # outgoing, without a CallSid
    RINGING = "ringing"
    OPEN = "open"
    RECONNECTING = "reconnecting"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceivedMessage:
    """A message that the end user got.

    Attributes:
        sid: the `KX…` that the REST API answered.
        content: as the Voice SDK hands it on: the value of a content that is JSON, else its text.
    """

    sid: str
    content: object = field(hash=False)
    content_type: str
    message_type: str


@dataclass(slots=True, eq=False, kw_only=True)
class CallState:
    """A call, as its end user knows it.

    Attributes:
        name: what the client calls it before it has a CallSid.
        parameters: the custom ones.
        received: messages, the oldest first.
        ended: why it is closed.
        failure: the same in Twilio's words, if the gateway gave any.
        token: what lets it go on on another socket.
        offer: what an incoming call offered.
    """

    name: str | None = None
    sid: str | None = None
    status: CallStatus
    from_: str
    to: str
    parameters: dict[str, str]
    received: list[ReceivedMessage] = field(default_factory=list)
    ended: str | None = None
    failure: SdkError | None = None
    token: str | None = None
    offer: str = ""

    def __str__(self) -> str:
        why = f": {self.ended}" if self.ended else ""
        return f"call {self.sid or self.name} from {self.from_!r} to {self.to!r} ({self.status}{why})"

    def matching(self, wanted: object) -> list[ReceivedMessage]:
        """The messages with such a content: objects by subset, arrays whole; `...` is every one."""
        if wanted is ...:
            return list(self.received)
        return [one for one in self.received if not any(diff(wanted, one.content))]

    def missed(self, at_least: int, wanted: object, seconds: float) -> str:
        """What came instead of so many messages."""
        such = "" if wanted is ... else f" with {_shown(wanted)} in the content"
        waited = f"waited {seconds:g} s" if self.status is not CallStatus.CLOSED else "it is over"
        matching = self.matching(wanted)
        what = f"{self}: expected {at_least} or more messages{such}, {len(matching)} came ({waited})"
        came = (f"  {one.sid}: {_shown(one.content)}{_differing(wanted, one)}" for one in self.received)
        return "\n".join([what, *came])


class CallView:
    """What is known of a call, without waiting."""

    def __init__(self, state: CallState) -> None:
        self._state = state

    def __repr__(self) -> str:
        return f"<{self._state}>"

    @property
    def sid(self) -> str:
        """The `CA…` of this end of the call."""
        return self._state.sid or ""

    @property
    def status(self) -> CallStatus:
        """The Voice SDK's word for what it is: `pending`, `ringing`, `open`, `reconnecting`, `closed`."""
        return self._state.status

    @property
    def from_(self) -> str:
        """Who calls."""
        return self._state.from_

    @property
    def to(self) -> str:
        """Who is called."""
        return self._state.to

    @property
    def parameters(self) -> dict[str, str]:
        """The custom parameters."""
        return dict(self._state.parameters)

    @property
    def received(self) -> list[ReceivedMessage]:
        """The messages that came, the oldest first."""
        return list(self._state.received)

    @property
    def ended(self) -> str | None:
        """Why it is over; None while it is not."""
        return self._state.ended


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _differing(wanted: object, one: ReceivedMessage) -> str:
    """Where a message is not what was wanted."""
    if wanted is ...:
        return ""
    found = ", ".join(
        f"{difference.pointer or 'it'} is {'missing' if difference.missing else _shown(difference.found)}"
        for difference in diff(wanted, one.content)
    )
    return f" ({found})" if found else ""
