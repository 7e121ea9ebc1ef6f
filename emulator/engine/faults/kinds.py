"""What can go wrong with a request on purpose, as pure data. An endpoint performs it."""

from dataclasses import dataclass
from enum import StrEnum

from emulator.wire.errors import ErrorSpec


class Drop(StrEnum):
    """When the connection is reset."""

    BEFORE = "before"  # nothing is done
    AFTER = "after"  # the request is processed and journalled, the answer lost


@dataclass(frozen=True, slots=True)
class ReplyFault:
    """Another reply, and nothing is done: a row of the catalogue, or a page of somebody else's making.

    Attributes:
        problem: status, code and message; its headers carry `Retry-After`.
        page: a body that is sent as it is, without Twilio's headers, as a gateway would; None = Twilio's form.
        content_type: the page's.
    """

    problem: ErrorSpec
    page: str | None = None
    content_type: str = "text/html"

    @property
    def retry_after(self) -> int | None:
        """Seconds that the client is asked to wait."""
        value = dict(self.problem.headers).get(b"retry-after")
        return None if value is None else int(value)


@dataclass(frozen=True, slots=True)
class DropFault:
    """The connection is reset."""

    when: Drop


@dataclass(frozen=True, slots=True)
class TruncateFault:
    """The request is processed; the whole head goes out, and so many bytes of the body, never all; then the end."""

    length: int


@dataclass(frozen=True, slots=True)
class GarbageFault:
    """The request is processed; the answer is bytes that are not HTTP."""


@dataclass(frozen=True, slots=True)
class CloseFault:
    """A clean end without an answer, and nothing is done."""


Action = ReplyFault | DropFault | TruncateFault | GarbageFault | CloseFault


def corrupts_response(action: object) -> bool:
    """Whether it lets the request be processed and then spoils the answer."""
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
    """What goes wrong with one request.

    Attributes:
        rule: the id of the rule that fired, or `magic-` and the digits of a CallSid.
        delay: seconds that the answer is held back.
        action: what is done then; None = the answer is late, no more.
    """

    rule: str
    delay: float = 0.0
    action: Action | None = None

    @property
    def name(self) -> str:
        """What it does, in a word."""
        if self.action is None:
            return "delay"
        return _NAMES.get(self.action) or _NAMES[type(self.action)]

    @property
    def prevents(self) -> bool:
        """Whether the request is not processed at all."""
        return isinstance(self.action, ReplyFault | CloseFault) or self.action == DropFault(Drop.BEFORE)

    @property
    def answers(self) -> bool:
        """Whether the client gets a whole answer, be it another one."""
        return self.action is None or isinstance(self.action, ReplyFault)
