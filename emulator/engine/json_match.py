"""When one JSON value is part of another, defined by what differs: it is when nothing does, and a failure can say it.

Objects match by subset, arrays by length and element, scalars by JSON type: `true` is not `1`, but `1` is `1.0`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from emulator.wire import content


class Difference(NamedTuple):
    """Where two values differ; `found` is None when there is nothing."""

    pointer: str
    wanted: object
    found: object
    missing: bool = False


class JsonSubset(NamedTuple):
    """A JSON value that the content must hold; wrapped, because null is a value too."""

    value: object


_NUMBERS = (int, float, Decimal)


def _kind(value: object) -> object:
    if isinstance(value, bool):
        return bool
    return "number" if isinstance(value, _NUMBERS) else type(value)


def is_part(wanted: object, found: object) -> bool:
    """Whether `wanted` is part of `found`: that there are no differences, without looking where they would be."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(name in found and is_part(value, found[name]) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(is_part, wanted, found))
    return (type(wanted) is type(found) or _kind(wanted) == _kind(found)) and wanted == found


def count_values(value: object) -> int:
    """How many JSON values there are in a value, itself included."""
    count, rest = 0, [value]
    while rest:
        value = rest.pop()
        count += 1
        rest += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return count


def diff(wanted: object, found: object, pointer: str = "") -> Iterator[Difference]:
    """Where `wanted` is no part of `found`, as JSON pointers into `found`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            if name in found:
                yield from diff(value, found[name], content.step(pointer, name))
            else:
                yield Difference(content.step(pointer, name), value, None, missing=True)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for place, (one, other) in enumerate(zip(wanted, found, strict=True)):
            yield from diff(one, other, content.step(pointer, place))
    elif _kind(wanted) != _kind(found) or wanted != found:
        yield Difference(pointer, wanted, found)
