"""What end users said: the newest of it, whether somebody was told or not."""

from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from emulator.engine.parties import EndUserMessage
from emulator.engine.scopes import Scope

MAX_SAYINGS = 10_000
MAX_BYTES = 32 * 1024 * 1024


class Saying(NamedTuple):
    """An end user's message.

    Attributes:
        said: the message.
        at: seconds since 1970.
        sequence_number: its place among those of its call.
        told: how many subscriptions are told of it.
    """

    said: EndUserMessage
    at: float
    sequence_number: int
    told: int

    @property
    def sid(self) -> str:
        """The message's."""
        return self.said.sid


class Sayings:
    """All that are kept, oldest first; beyond the limits the oldest goes."""

    def __init__(self) -> None:
        self._sayings: deque[Saying] = deque()
        self._bytes = 0

    def __iter__(self) -> Iterator[Saying]:
        return iter(self._sayings)

    def __len__(self) -> int:
        return len(self._sayings)

    def add(self, saying: Saying) -> None:
        """Keep one."""
        self._sayings.append(saying)
        self._bytes += len(saying.said.content)
        while len(self._sayings) > MAX_SAYINGS or (self._bytes > MAX_BYTES and len(self._sayings) > 1):
            self._bytes -= len(self._sayings.popleft().said.content)

    def of_call(self, call_sid: str) -> Iterator[Saying]:
        """Those of a call."""
        return (saying for saying in self._sayings if saying.said.call_sid == call_sid)

    def forget_scope(self, scope: Scope) -> None:
        """Forget those of an account or call."""
        kept = [one for one in self._sayings if not scope.owns(Scope(one.said.account_sid, one.said.call_sid))]
        self._sayings = deque(kept)
        self._bytes = sum(len(saying.said.content) for saying in kept)
