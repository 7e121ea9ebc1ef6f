"""Kinds of faults that can be injected into a request, as pure data. An endpoint applies them."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.wire.errors import ErrorSpec


class Drop(StrEnum):
    """Time of the connection reset, relative to processing."""

    BEFORE = "before"  # the request is not processed
    AFTER = "after"  # the request is processed and journalled, the response lost


@dataclass(frozen=True, slots=True)
class ReplyFault:
    """Send another reply and do not process the request: a row of the error catalogue, or a custom page.

    Attributes:
        problem: status, code and message; its headers carry `Retry-After`.
        page: body sent unchanged, without Twilio's headers, as a gateway would; None = Twilio's error format.
        content_type: media type of the page.
    """

    problem: ErrorSpec
    page: str | None = None
    content_type: str = "text/html"

    @property
    def retry_after(self) -> int | None:
        """Value of `Retry-After` in seconds; None without this header."""
        value = dict(self.problem.headers).get(b"retry-after")
        return None if value is None else int(value)


@dataclass(frozen=True, slots=True)
class DropFault:
    """Reset the connection."""

    when: Drop


@dataclass(frozen=True, slots=True)
class TruncateFault:
    """Process the request; send the head and at most `length` bytes of the body, never all; then close."""

    length: int


@dataclass(frozen=True, slots=True)
class GarbageFault:
    """Process the request; respond with bytes that are not HTTP."""


@dataclass(frozen=True, slots=True)
class CloseFault:
    """Close the connection cleanly without a response; do not process the request."""


Action = ReplyFault | DropFault | TruncateFault | GarbageFault | CloseFault


def corrupts_response(action: object) -> bool:
    """Whether the action lets the request be processed and then corrupts the response."""
    return action == DropFault(Drop.AFTER) or isinstance(action, TruncateFault | GarbageFault)


_NAMES: dict[Action | type[Action], str] = {
    ReplyFault: "reply",
    DropFault(Drop.BEFORE): "drop-before",
    DropFault(Drop.AFTER): "drop-after",
    TruncateFault: "truncate",
    GarbageFault: "garbage",
    CloseFault: "close",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """The fault injected into one request.

    Attributes:
        rule: id of the rule that fired, or `magic-` and the digits of a CallSid.
        delay: seconds by which the response is delayed.
        action: action after the delay; None = only the delay.
    """

    rule: str
    delay: float = 0.0
    action: Action | None = None

    @property
    def name(self) -> str:
        """Name of its kind, for example `drop-after` or `delay`."""
        if self.action is None:
            return "delay"
        return _NAMES.get(self.action) or _NAMES[type(self.action)]

    @property
    def prevents(self) -> bool:
        """Whether the fault prevents processing of the request."""
        return isinstance(self.action, ReplyFault | CloseFault) or self.action == DropFault(Drop.BEFORE)

    @property
    def answers(self) -> bool:
        """Whether the client receives a complete response, even if it is another one."""
        return self.action is None or isinstance(self.action, ReplyFault)
