"""JSON in `Content`: RFC 8259, within bounds that every JSON reader in the project can handle."""

import json
import math
from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import NoReturn

MAX_DEPTH = 128
MAX_INTEGER_DIGITS = 4300
"""The longest integer that Python's JSON reader accepts; its limit prevents slow conversions.

A longer integer is accepted and stays as sent in every text. `parse` returns it as a Decimal, which is exact and
compares equal. Where a client would parse it (`json` of the inspection API), it gets null and a note.
"""
LONG_INTEGER = f"an integer has more than {MAX_INTEGER_DIGITS} digits"
_TOO_DEEP = f"nested deeper than {MAX_DEPTH}"


class NotJson(ValueError):  # noqa: N818  a plain sentence reads better than NotJsonError
    """A text is not JSON; str() is the reason, `pointer` the location of the invalid value ("" = the whole text)."""

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(reason)
        self.pointer = pointer


def _refuse_constant(name: str) -> NoReturn:
    raise NotJson(f"{name} is not JSON")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise NotJson(f"the number {digits[:20]} overflows a double")
    return number


def _integer(digits: str) -> int | Decimal:
    return int(digits) if len(digits.lstrip("-")) <= MAX_INTEGER_DIGITS else Decimal(digits)


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite, parse_int=_integer)
# Infinity and NaN are accepted here and rejected afterwards, together with their location.
_LOCATING = json.JSONDecoder(parse_int=_integer)


def parse(text: str) -> object:
    """Parse a JSON text; integers of any length are kept exactly.

    Raises:
        NotJson: not RFC 8259, a number that overflows a double, a lone surrogate, or nesting deeper than 128.
    """
    value = _decode(_DECODER, text)
    if "\\u" in text or not is_encodable(text):
        _refuse(value, _encoding_flaw)
    return value


def parse_portable(text: str) -> object:
    """Parse a JSON text that common readers accept, that is, without long integers.

    Raises:
        NotJson: as for `parse`, or an integer that is too long, with its pointer.
    """
    value = _decode(_LOCATING, text)
    _refuse(value, lambda inner: _encoding_flaw(inner) or _number_flaw(inner))
    return value


def _decode(decoder: json.JSONDecoder, text: str) -> object:
    value: object
    try:
        value, end = decoder.raw_decode(text) if text.strip() == text else (None, -1)
        if end != len(text):  # `decode` also scans for surrounding white space, which is rare
            value = decoder.decode(text)
    except json.JSONDecodeError as error:
        raise NotJson(str(error)) from None
    except RecursionError:
        raise NotJson(_TOO_DEEP) from None
    # Measuring depth needs a walk; counting is cheap, and a text with fewer brackets cannot be deeper.
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value)
    return value


def is_encodable(text: str) -> bool:
    """Whether a text can be encoded as UTF-8, that is, has no lone surrogate."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_json(text: str) -> bool:
    """Whether a text is JSON by `parse`."""
    try:
        parse(text)
    except NotJson:
        return False
    return True


def is_portable(text: str) -> bool:
    """Whether a text is JSON by `parse_portable`."""
    try:
        return not has_long_integer(text, parse(text))
    except NotJson:
        return False


def has_long_integer(text: str, value: object) -> bool:
    """Whether a text, parsed to `value`, has an integer of more than `MAX_INTEGER_DIGITS` digits."""
    if len(text) > MAX_INTEGER_DIGITS:
        try:
            _refuse(value, _number_flaw)
        except NotJson:
            return True
    return False


def step(pointer: str, name: object) -> str:
    """Extend a JSON pointer (RFC 6901) by a member or an element."""
    return f"{pointer}/{str(name).replace('~', '~0').replace('/', '~1')}"


def _encoding_flaw(value: object) -> str | None:
    return "a lone surrogate is not a character" if isinstance(value, str) and not is_encodable(value) else None


def _number_flaw(value: object) -> str | None:
    if isinstance(value, float) and not math.isfinite(value):
        return "a number must be finite and fit into a double"
    return LONG_INTEGER if isinstance(value, Decimal) else None


def _check_depth(value: object) -> None:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [inner for item in level for inner in _inner(item)]
    if any(isinstance(item, dict | list) for item in level):  # each is nested 128 levels deep
        raise NotJson(_TOO_DEEP)


def _inner(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _refuse(value: object, flaw: Callable[[object], str | None], pointer: str = "") -> None:
    """Raise if a value, a member name or an element has a flaw, at any depth."""
    reason = flaw(value)
    if reason is not None:
        raise NotJson(reason, pointer)
    if isinstance(value, dict):
        for name, inner in value.items():
            inside = step(pointer, name)
            _refuse(name, flaw, inside)
            _refuse(inner, flaw, inside)
    elif isinstance(value, list):
        for place, inner in enumerate(value):
            _refuse(inner, flaw, step(pointer, place))
