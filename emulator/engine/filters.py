"""Filters of listings, waits and event streams: one class per kind of item, one field per filter.

The annotation of a field states all about its filter: where an item has the value, how it is compared, whether the
index answers it, and how it and a mismatch are worded. The query parameters of the control API follow from the fields.
"""

import json
import operator
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from functools import lru_cache
from itertools import islice
from operator import attrgetter
from typing import Annotated, Any, Generic, NamedTuple, TypeVar, get_origin, get_type_hints

from emulator.engine.capacity import size_of
from emulator.engine.json_match import Difference, JsonSubset, count_values, diff, is_part
from emulator.engine.scope import Scope
from emulator.engine.truncate import truncate
from emulator.wire import content

Item = TypeVar("Item")

MAX_DIFFERENCES = 100
"""Maximum number of differences of one content in an explanation."""
SHOWN_DIFFERENCES = 5
_TEXT = 50  # a substring search takes as long as comparing this number of JSON values


class Mismatch(NamedTuple):
    """A filter that an item does not match.

    Attributes:
        what: name of the filter.
        wanted: its value.
        found: the item's value.
        where: for a content, where it differs.
    """

    what: str
    wanted: Any
    found: Any
    where: tuple[Difference, ...] = ()


def belongs_to_others(mismatches: Iterable[Mismatch]) -> bool:
    """Whether both account and call differ: the item belongs to another test that runs in parallel."""
    return {"account_sid", "call_sid"} <= {mismatch.what for mismatch in mismatches}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """All about one filter.

    Attributes:
        path: where an item has the value, as attributes joined by dots.
        doc: description of the query parameter.
        example: a value of the query parameter.
        minimum: the smallest value of the query parameter.
        is_key: whether the index finds items by this value.
        is_indexed: whether the index answers it: all keys, and positions.
        matches: compares the wanted value with an item's value.
        where: lists the differences of a content.
        cost: the cost of a comparison, in JSON values.
        wording: describes a wanted value.
        mismatch: describes a mismatch; None = it is not mentioned.
        absent: the value in a mismatch when the item has None.
    """

    path: str
    doc: str
    example: object
    minimum: int | None = None
    is_key: bool = False
    is_indexed: bool = False
    matches: Callable[[Any, Any], bool] = operator.eq
    where: Callable[[Any, Any], tuple[Difference, ...]] | None = None
    cost: Callable[[Any], int] = lambda _: 0
    wording: Callable[[Any], str] = str
    mismatch: Callable[[Mismatch], str] | None = None
    absent: object = None


class Given(NamedTuple):
    """A filter that is set."""

    name: str
    row: Condition
    find: Callable[[Any], Any]
    wanted: Any


_conditions: dict[type, dict[str, Condition]] = {}


def conditions(kind: type) -> dict[str, Condition]:
    """Return the conditions of a filter class by name."""
    if kind not in _conditions:
        hints = get_type_hints(kind, include_extras=True)
        _conditions[kind] = {
            name: hint.__metadata__[0] for name, hint in hints.items() if get_origin(hint) is Annotated
        }
    return _conditions[kind]


class _Row(NamedTuple):
    name: str
    row: Condition
    find: Callable[[Any], Any]
    default: object


_rows: dict[type, tuple[_Row, ...]] = {}


def _rows_of(kind: type) -> tuple[_Row, ...]:
    """Return the conditions of a filter class, the cheapest comparison first."""
    if kind not in _rows:
        defaults = {each.name: each.default for each in fields(kind)}
        rows = sorted(conditions(kind).items(), key=lambda row: row[1].where is not None)
        _rows[kind] = tuple(_Row(name, row, attrgetter(row.path), defaults[name]) for name, row in rows)
    return _rows[kind]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter(Generic[Item]):
    """A filter of items; without values, it matches all.

    Attributes:
        given: the filters that are set, the cheapest first.
    """

    account_sid: str | None
    call_sid: str | None
    given: tuple[Given, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        given = []
        for name, row, find, default in _rows_of(type(self)):
            wanted = getattr(self, name)
            if wanted != default:
                given.append(Given(name, row, find, wanted))
        object.__setattr__(self, "given", tuple(given))

    @property
    def scope(self) -> Scope:
        """Scope of the account and call."""
        return Scope(self.account_sid, self.call_sid)

    @property
    def size(self) -> int:
        """Approximate memory in bytes."""
        return size_of(*(wanted for *_, wanted in self.given))

    @property
    def values(self) -> int:
        """Cost of examining an item, in compared JSON values."""
        return sum(row.cost(wanted) for _, row, _, wanted in self.given)

    @property
    def needs_look(self) -> bool:
        """Whether there are conditions that the index cannot answer."""
        return not all(row.is_indexed for _, row, _, _ in self.given)

    def matches(self, item: Item, /) -> bool:
        """Whether an item meets all conditions."""
        for _, row, find, wanted in self.given:  # noqa: SIM110  a generator takes twice the time
            if not row.matches(wanted, find(item)):
                return False
        return True

    def mismatches(self, item: Item) -> Iterator[Mismatch]:
        """Yield the conditions that an item does not meet."""
        for name, row, find, wanted in self.given:
            found = find(item)
            if found is None:
                found = row.absent
            if row.where is not None:
                where = row.where(wanted, found)
                if where:
                    yield Mismatch(name, wanted.value, found, where)
            elif not row.matches(wanted, found):
                yield Mismatch(name, wanted, found)

    @property
    def described(self) -> str:
        """The conditions in words, in parentheses; empty without conditions."""
        words = ", ".join(row.wording(wanted) for _, row, _, wanted in self.given)
        return f" ({words})" if words else ""

    def worded(self, mismatches: Iterable[Mismatch]) -> list[str]:
        """Describe mismatches."""
        rows = conditions(type(self))
        described = ((rows[each.what].mismatch, each) for each in mismatches)
        return [describe(each) for describe, each in described if describe is not None]


@lru_cache(maxsize=4)  # a thousand waits examine the same content in succession
def _parsed(text: str) -> JsonSubset | None:
    try:
        return JsonSubset(content.parse(text))
    except content.NotJson:
        return None


def _has_part(wanted: JsonSubset, text: str | None) -> bool:
    found = _parsed(text or "")
    return found is not None and is_part(wanted.value, found.value)


def _differences(wanted: JsonSubset, text: str) -> tuple[Difference, ...]:
    found = _parsed(text)
    if found is None:
        return (Difference("", wanted.value, text),)
    return tuple(islice(diff(wanted.value, found.value), MAX_DIFFERENCES))


def _contains(wanted: str, text: str | None) -> bool:
    return wanted in (text or "")


def _where(miss: Mismatch) -> str:
    shown = [
        f"{difference.pointer or 'the whole'} is {'missing' if difference.missing else _json(difference.found)}, "
        f"wanted {_json(difference.wanted)}"
        for difference in miss.where[:SHOWN_DIFFERENCES]
    ]
    return "its content differs: " + ", ".join(shown)


def _json(value: object) -> str:
    return truncate(json.dumps(value, ensure_ascii=False, default=str))  # str: long integers are Decimals


def owner(what: str, sid: object) -> str:
    """Name an account or call."""
    return f"{what} {truncate(str(sid))}" if sid else f"no {what}"


def _named(what: str) -> dict[str, Any]:
    """Return the wording of an account or call."""
    return {
        "wording": lambda wanted: f"{what} {truncate(wanted)}",
        "mismatch": lambda miss: f"it is for {owner(what, miss.found)}, not {miss.wanted}",
    }


# The conditions that several kinds of items have.


def by_account(path: str) -> Condition:
    """The filter by account."""
    doc = "only of this account (raw text of the path)"
    return Condition(path=path, doc=doc, example="AC" + "a" * 32, is_key=True, is_indexed=True, **_named("account"))


def by_call(path: str) -> Condition:
    """The filter by call."""
    doc = "only of this call (raw text of the path)"
    return Condition(path=path, doc=doc, example="CA" + "b" * 32, is_key=True, is_indexed=True, **_named("call"))


def by_position(path: str) -> Condition:
    """The filter by position."""
    return Condition(
        path=path,
        doc="only with a higher sequence number; `last_seq` of an earlier response",
        example=0,
        minimum=0,
        is_indexed=True,
        matches=operator.lt,
        wording=lambda wanted: f"after {wanted}",
        mismatch=lambda miss: f"it arrived before: {miss.found} is not after {miss.wanted}",
    )


def by_json(path: str) -> Condition:
    """The filter by parsed content."""
    return Condition(
        path=path,
        doc="JSON that the content must contain: objects match by subset, arrays must be equal",
        example='{"type": "order"}',
        matches=_has_part,
        where=_differences,
        cost=lambda wanted: count_values(wanted.value),
        wording=lambda wanted: f"with {_json(wanted.value)} in the content",
        mismatch=_where,
        absent="",
    )


def by_text(path: str) -> Condition:
    """The filter by a substring of the content."""
    return Condition(
        path=path,
        doc="text that the content must contain",
        example="order",
        matches=_contains,
        cost=lambda _: _TEXT,
        wording=lambda wanted: f"containing {wanted!r}",
        mismatch=lambda miss: f"its content {truncate(miss.found)} does not contain {miss.wanted!r}",
        absent="",
    )


def by_value(path: str, noun: str, doc: str, example: object) -> Condition:
    """A filter by equality; the noun words it."""
    return Condition(
        path=path,
        doc=doc,
        example=example,
        wording=lambda wanted: f"{noun} {wanted}",
        mismatch=lambda miss: f"its {noun} is {miss.found}, not {miss.wanted}",
    )
