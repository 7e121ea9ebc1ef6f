"""What the frames of both directions share: the JSON envelope, and typed access to the members of a payload."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self, TypeVar
from urllib.parse import parse_qsl

from emulator.wire import content
from emulator.wire.signalling import KEEPALIVE, MAX_FRAME, VERSION

LONGEST_NAME = 1024
"""Maximum characters of a member that is kept: an id, a type."""
F = TypeVar("F")


class MalformedFrameError(Exception):
    """A text is not a valid frame; str() is the reason."""


class JsonText(str):
    """JSON text that is copied into a frame, so that numbers keep all digits."""

    __slots__ = ()


class Payload:
    """Typed access to the members of a frame's payload, or of an object in it.

    Every method raises MalformedFrameError when the member has the wrong type.
    """

    def __init__(self, kind: str, members: Mapping[str, object], text: str = "") -> None:
        self._kind = kind
        self._members = members
        self._text = text

    def string(self, name: str, longest: int = MAX_FRAME) -> str | None:
        """A string; None when absent or null."""
        value = self._members.get(name)
        if value is not None and not isinstance(value, str):
            raise MalformedFrameError(f"{name} of {self._kind} is not a string")
        if value is not None and len(value) > longest:
            raise MalformedFrameError(f"{name} of {self._kind} is over {longest} characters")
        return value

    def name(self, name: str) -> str:
        """A non-empty string; limited in length, because it is kept."""
        value = self.string(name, LONGEST_NAME)
        if not value:
            raise MalformedFrameError(f"{self._kind} has no {name}")
        return value

    def seconds(self, name: str) -> float:
        """A non-negative number; 0 when absent."""
        value = self._members.get(name, 0)
        if isinstance(value, bool) or not isinstance(value, int | float) or value < 0:
            raise MalformedFrameError(f"{name} of {self._kind} is not a number of seconds")
        return value

    def integer(self, name: str) -> int | None:
        """An integer; None when absent or of another type."""
        value = self._members.get(name)
        return value if isinstance(value, int) else None

    def flag(self, name: str) -> bool:
        """Whether a member is anything but false."""
        return self._members.get(name, True) is not False

    def nested(self, name: str) -> "Payload":
        """An object; empty when absent."""
        value = self._members.get(name, {})
        if not isinstance(value, dict):
            raise MalformedFrameError(f"{name} of {self._kind} is not an object")
        return Payload(self._kind, value)

    def query(self, name: str) -> dict[str, str]:
        """The parameters of a query string; empty when absent."""
        try:
            return dict(parse_qsl(self.string(name) or "", keep_blank_values=True, errors="strict"))
        except UnicodeDecodeError:
            raise MalformedFrameError(f"{name} of {self._kind} are not UTF-8") from None

    def json(self, name: str) -> str:
        """The JSON text of a member as received; `null` when absent."""
        if name not in self._members:
            return "null"
        start, _ = dict(_members(self._text, _start(self._text)))["payload"]
        begin, end = dict(_members(self._text, start))[name]
        return self._text[begin:end]


class Frame:
    """A type of frame. Subclasses are frozen dataclasses; those without members need no methods.

    Attributes:
        type: the member `type`.
    """

    __slots__ = ()
    type: ClassVar[str]

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:  # noqa: ARG003  has no members
        return cls()

    def to_payload(self) -> Mapping[str, object]:
        """Return the members of the payload; those that are None are left out."""
        return {}

    def encode(self) -> str:
        """Render as text."""
        members = ", ".join(
            f'"{name}": {value if isinstance(value, JsonText) else json.dumps(value)}'
            for name, value in self.to_payload().items()
            if value is not None
        )
        return f'{{"type": "{self.type}", "version": "{VERSION}", "payload": {{{members}}}}}'


@dataclass(frozen=True, slots=True, kw_only=True)
class CallFrame(Frame):
    """A frame whose only member is the call: a CallSid, or before there is one the temporary id of its caller."""

    call_sid: str

    @classmethod
    def from_payload(cls, payload: Payload) -> Self:
        return cls(call_sid=payload.name("callsid"))

    def to_payload(self) -> Mapping[str, object]:
        return {"callsid": self.call_sid}


@dataclass(frozen=True, slots=True)
class Keepalive:
    """The heartbeat of the gateway, which a client echoes."""

    def encode(self) -> str:
        """Render as text."""
        return KEEPALIVE


@dataclass(frozen=True, slots=True)
class UnknownFrame:
    """A frame of an unknown type."""

    type: str


def decode(text: str, readers: Mapping[str, Callable[[Payload], F]]) -> F | Keepalive | UnknownFrame:
    """Parse a frame.

    Args:
        text: the frame.
        readers: by type, what makes a frame of a payload.

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
    reader = readers.get(kind)
    if reader is None:
        return UnknownFrame(kind[:LONGEST_NAME])
    payload = frame.get("payload")
    if payload is not None and not isinstance(payload, dict):
        raise MalformedFrameError(f"the payload of {kind} is not an object")
    return reader(Payload(kind, payload or {}, text))


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
