"""Filters of exchanges. An exchange matches when it has no mismatches, so a failure can list what differs."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from emulator.engine.capacity import size_of
from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.engine.json_match import Difference, JsonSubset, count_values, diff, is_part
from emulator.engine.scope import Scope
from emulator.wire import content

Keys = tuple[str | None, str | None, str | None]
MAX_DIFFERENCES = 100
"""Maximum number of differences of one content in an explanation."""
_TEXT = 50  # a substring search takes as long as comparing this number of JSON values


def keys_of(exchange: Exchange) -> Keys:
    """Return the index keys of an exchange: account, call, idempotency key."""
    context = exchange.context
    return context.account_sid, context.call_sid, exchange.idempotency_key


class Mismatch(NamedTuple):
    """A condition that an exchange does not meet: `what` names the filter, `where` lists differences of a content."""

    what: str
    wanted: object
    found: object
    where: tuple[Difference, ...] = ()


def are_anothers(mismatches: Iterable[Mismatch]) -> bool:
    """Whether both account and call differ: the item belongs to another test that runs in parallel."""
    return {"account_sid", "call_sid"} <= {mismatch.what for mismatch in mismatches}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """A filter of exchanges; None = any."""

    account_sid: str | None = None
    call_sid: str | None = None
    idempotency_key: str | None = None
    after: int = 0
    content: JsonSubset | None = None
    contains: str | None = None
    valid: bool | None = None
    status: int | None = None
    code: int | None = None
    outcome: Outcome | None = None

    @property
    def keys(self) -> Keys:
        """The conditions that the index answers: account, call, idempotency key."""
        return self.account_sid, self.call_sid, self.idempotency_key

    @property
    def scope(self) -> Scope:
        """Scope of the account and call."""
        return Scope(self.account_sid, self.call_sid)

    @property
    def size(self) -> int:
        """Approximate memory in bytes."""
        return size_of(*self.keys, self.content, self.contains)

    @property
    def values(self) -> int:
        """Cost of examining a content, in JSON values."""
        return values_of(self.content, self.contains)

    @property
    def needs_a_look(self) -> bool:
        """Whether there are conditions that the index cannot answer."""
        return any(
            wanted is not None
            for wanted in (self.content, self.contains, self.valid, self.status, self.code, self.outcome)
        )

    def matches(self, exchange: Exchange) -> bool:
        """Whether an exchange meets all conditions."""
        if next(self._facts(exchange), None) is not None:
            return False
        if self.content is None and self.contains is None:
            return True
        return text_matches(exchange.content or "", self.content, self.contains)

    def mismatches(self, exchange: Exchange) -> Iterator[Mismatch]:
        """Yield the conditions that an exchange does not meet."""
        yield from self._facts(exchange)
        yield from text_mismatches(exchange.content or "", self.content, self.contains)

    def _facts(self, exchange: Exchange) -> Iterator[Mismatch]:
        """Yield the mismatches except those of the content."""
        for what, wanted, found in zip(_NAMES, self.keys, keys_of(exchange), strict=True):
            if wanted not in (None, found):
                yield Mismatch(what, wanted, found)
        if exchange.seq <= self.after:
            yield Mismatch("after", self.after, exchange.seq)
        if self.outcome not in (None, exchange.outcome):
            yield Mismatch("outcome", self.outcome, exchange.outcome)
        if self.status not in (None, exchange.status):
            yield Mismatch("status", self.status, exchange.status)
        if self.code not in (None, exchange.code):
            yield Mismatch("code", self.code, exchange.code)
        if self.valid not in (None, exchange.valid):
            yield Mismatch("valid", self.valid, exchange.valid)


@lru_cache(maxsize=4)  # a thousand waits examine the same content in succession
def _parsed(text: str) -> JsonSubset | None:
    try:
        return JsonSubset(content.parse(text))
    except content.NotJson:
        return None


def values_of(wanted: JsonSubset | None, contains: str | None) -> int:
    """Return the maximum cost of examining a content, in compared JSON values."""
    return (0 if wanted is None else count_values(wanted.value)) + (0 if contains is None else _TEXT)


def text_matches(text: str, wanted: JsonSubset | None, contains: str | None) -> bool:
    """Whether a content contains a text and a JSON value."""
    if contains is not None and contains not in text:
        return False
    if wanted is None:
        return True
    found = _parsed(text)
    return found is not None and is_part(wanted.value, found.value)


def text_mismatches(text: str, wanted: JsonSubset | None, contains: str | None) -> Iterator[Mismatch]:
    """Yield what a content lacks of a text and a JSON value."""
    if contains is not None and contains not in text:
        yield Mismatch("contains", contains, text)
    if wanted is not None:
        found = _parsed(text)
        if found is None:
            where: tuple[Difference, ...] = (Difference("", wanted.value, text),)
        else:
            where = tuple(islice(diff(wanted.value, found.value), MAX_DIFFERENCES))
        if where:
            yield Mismatch("content", wanted.value, text, where)


_NAMES = ("account_sid", "call_sid", "idempotency_key")
