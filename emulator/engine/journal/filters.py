"""Which exchanges are meant, defined by what differs: one matches when nothing does, and a failure can say it."""

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
"""Differences of one content that an explanation names."""
_TEXT = 50  # searching for a text takes as long as comparing this number of JSON values


def keys_of(exchange: Exchange) -> Keys:
    """What an exchange is found by: account, call, idempotency key."""
    arrival = exchange.arrival
    return arrival.account_sid, arrival.call_sid, exchange.idempotency_key


class Mismatch(NamedTuple):
    """One thing that an exchange lacks. `what` is the filter's name; `where` tells more of a content that differs."""

    what: str
    wanted: object
    found: object
    where: tuple[Difference, ...] = ()


def are_anothers(mismatches: Iterable[Mismatch]) -> bool:
    """Whether neither account nor call are the wanted ones: in parallel tests, a neighbour's."""
    return {"account_sid", "call_sid"} <= {one.what for one in mismatches}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which exchanges are meant; None = any."""

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
        """What an index can find: account, call, idempotency key."""
        return self.account_sid, self.call_sid, self.idempotency_key

    @property
    def scope(self) -> Scope:
        """The account and call."""
        return Scope(self.account_sid, self.call_sid)

    @property
    def size(self) -> int:
        """Its memory in bytes, roughly."""
        return size_of(*self.keys, self.content, self.contains)

    @property
    def values(self) -> int:
        """How many JSON values it takes to look at a content."""
        return values_of(self.content, self.contains)

    @property
    def needs_a_look(self) -> bool:
        """Whether more is asked than an index can tell."""
        return any(
            wanted is not None
            for wanted in (self.content, self.contains, self.valid, self.status, self.code, self.outcome)
        )

    def matches(self, exchange: Exchange) -> bool:
        """Whether an exchange is meant."""
        if next(self._facts(exchange), None) is not None:
            return False
        if self.content is None and self.contains is None:
            return True
        return text_matches(exchange.content or "", self.content, self.contains)

    def mismatches(self, exchange: Exchange) -> Iterator[Mismatch]:
        """What an exchange lacks to be meant."""
        yield from self._facts(exchange)
        yield from text_mismatches(exchange.content or "", self.content, self.contains)

    def _facts(self, exchange: Exchange) -> Iterator[Mismatch]:
        """What it lacks but the content."""
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


@lru_cache(maxsize=4)  # a thousand waits look at the same content, one after the other
def _parsed(text: str) -> JsonSubset | None:
    try:
        return JsonSubset(content.parse(text))
    except content.NotJson:
        return None


def values_of(wanted: JsonSubset | None, contains: str | None) -> int:
    """How many JSON values are compared when a content is looked at, at most."""
    return (0 if wanted is None else count_values(wanted.value)) + (0 if contains is None else _TEXT)


def text_matches(text: str, wanted: JsonSubset | None, contains: str | None) -> bool:
    """Whether a content holds a text and a JSON value."""
    if contains is not None and contains not in text:
        return False
    if wanted is None:
        return True
    found = _parsed(text)
    return found is not None and is_part(wanted.value, found.value)


def text_mismatches(text: str, wanted: JsonSubset | None, contains: str | None) -> Iterator[Mismatch]:
    """What a content lacks that must hold a text and a JSON value."""
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
