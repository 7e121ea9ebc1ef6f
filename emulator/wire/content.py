"""What counts as JSON in `Content`: RFC 8259, within the bounds every reader of ours can hold."""

import json
import math
from collections.abc import Iterator
from decimal import Decimal
from typing import NoReturn

MAX_DEPTH = 128
# int() refuses longer texts (CPython's guard against slow conversion); Decimal takes them exactly and compares equal.
_LONGEST_INT = 4300


class NotJson(ValueError):  # noqa: N818  a plain sentence reads better than NotJsonError
    """A text that is not JSON; str() says why."""


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise NotJson(f"the number {digits[:20]} overflows a double")
    return number


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits.lstrip("-")) <= _LONGEST_INT else Decimal(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_whole)


def parse(text: str) -> object:
    """Parse a JSON text; whole numbers of any length are kept exactly.

    Raises:
        NotJson: not RFC 8259, a number that overflows a double, a lone surrogate, or nesting deeper than 128.
    """
    try:
        value: object = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(str(error)) from None
    except RecursionError:
        raise NotJson(f"nested deeper than {MAX_DEPTH}") from None
    # Depth and surrogates need a walk; most texts can have neither, and a count is cheap.
    if text.count("[") + text.count("{") > MAX_DEPTH or "\\u" in text:
        _walk(value)
    return value


def is_json(text: str) -> bool:
    """Whether a text is JSON."""
    try:
        parse(text)
    except NotJson:
        return False
    return True


def is_portable(text: str) -> bool:
    """Whether a text is JSON that common readers take: Python's own refuses whole numbers of over 4300 digits."""
    try:
        value = parse(text)
    except NotJson:
        return False
    return len(text) <= _LONGEST_INT or not any(isinstance(item, Decimal) for level in _levels(value) for item in level)


def _levels(value: object) -> Iterator[list[object]]:
    """All values (and names) in a value, one list per level of nesting."""
    level = [value]
    while level:
        yield level
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.keys()
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        level = inner


def _walk(value: object) -> None:
    for depth, level in enumerate(_levels(value)):
        # What stands on level 128 is inside 128 brackets.
        if depth >= MAX_DEPTH and any(isinstance(item, dict | list) for item in level):
            raise NotJson(f"nested deeper than {MAX_DEPTH}")
        for item in level:
            if isinstance(item, str):
                _refuse_surrogates(item)


def _refuse_surrogates(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise NotJson("a lone surrogate is no character") from None
