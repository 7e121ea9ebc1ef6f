"""Subset matching of JSON values: a value is part of another if `diff` finds no difference.

Objects match by subset, arrays by length and element, scalars by JSON type: `true` is not `1`, but `1` is `1.0`.
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from emulator.wire import content


class Difference(NamedTuple):
    """A position where two values differ; if `missing`, `found` is None."""

    pointer: str
    wanted: object
    found: object
    missing: bool = False


class JsonSubset(NamedTuple):
    """A JSON value that the content must contain; wrapped, because null is a value too."""

    value: object


_NUMBERS = (int, float, Decimal)


def _kind(value: object) -> object:
    if isinstance(value, bool):
        return bool
    return "number" if isinstance(value, _NUMBERS) else type(value)


def is_part(wanted: object, found: object) -> bool:
    """Whether `wanted` is part of `found`; faster than `diff`, because it locates no differences."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(name in found and is_part(value, found[name]) for name, value in wanted.items())
    if isinstance(wanted, list) and isinstance(found, list):
        return len(wanted) == len(found) and all(map(is_part, wanted, found))
    return (type(wanted) is type(found) or _kind(wanted) == _kind(found)) and wanted == found


def count_values(value: object) -> int:
    """Count the JSON values in a value, including itself."""
    count, rest = 0, [value]
    while rest:
        value = rest.pop()
        count += 1
        rest += value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return count


def diff(wanted: object, found: object, pointer: str = "") -> Iterator[Difference]:
    """Yield the positions where `wanted` is not part of `found`, as JSON pointers into `found`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name, value in wanted.items():
            if name in found:
                yield from diff(value, found[name], content.step(pointer, name))
            else:
                yield Difference(content.step(pointer, name), value, None, missing=True)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        for place, (wanted_item, found_item) in enumerate(zip(wanted, found, strict=True)):
            yield from diff(wanted_item, found_item, content.step(pointer, place))
    elif _kind(wanted) != _kind(found) or wanted != found:
        yield Difference(pointer, wanted, found)
