"""JSON Schema 2020-12 by jsonschema-rs: offline, patterns in linear time, formats asserted.

Imported only when a schema is stored.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any

import jsonschema_rs

from emulator.adapters.schema_expansion import expand
from emulator.adapters.schema_limits import (
    PATTERN_BYTES,
    PATTERN_CACHE,
    PATTERN_STEPS,
    BadSchemaError,
)
from emulator.engine.state.schema_cost import Cost, CostBudget, Shape
from emulator.wire.content import LONG_INTEGER

MAX_VIOLATIONS = 20
"""Violations listed for one content; a content can violate a schema in thousands of places."""
MAX_TEXT = 300
"""Characters of a violation's message, and of its pointer."""
TOO_LARGE = "the content is too large to be validated against this schema"
TOO_MANY = "the content is invalid; listing all violations could take too long"

_MASK = "the value"
_LINEAR = (
    f" that runs in linear time and whose compiled size is below {PATTERN_BYTES.name} = {PATTERN_BYTES.maximum:,}:"
    " look-around and back-references are not allowed"
)
_COMPILED = 50
"""Bytes for each character of the schema; 14 were measured with a schema of 2.8 MB, 46 with nested combinators."""
_MAX_ESCAPES = 16
_REGEX = jsonschema_rs.Draft202012Validator({"format": "regex"}, validate_formats=True)
_MAX_EMAIL = 320  # RFC 5321: 64 before the @, 255 after it


def _is_email(text: object) -> bool:
    if not isinstance(text, str):
        return True
    if len(text) > _MAX_EMAIL:
        return False
    import email_validator  # noqa: PLC0415  importing it takes as long as the rest of this module

    try:
        email_validator.validate_email(text, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        return False
    return True


def _is_regex(text: object) -> bool:
    """Accept a text with many escapes unchecked: they take the library quadratic time, 2 s for a thousand."""
    return not isinstance(text, str) or text.count("\\") > _MAX_ESCAPES or _REGEX.is_valid(text)


def _refuse(uri: str) -> Any:  # noqa: ANN401  the library's own signature
    raise LookupError(f"only references inside the schema are followed, not {uri}")


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _first_line(error: jsonschema_rs.ValidationError) -> str:
    # The message of `_refuse` is at the end of the library's own.
    return error.message.partition("\n")[0].rpartition(f"{LookupError.__name__}: ")[2][:MAX_TEXT]


def _short(path: list[str | int]) -> str:
    """The pointer to a location, or to its nearest ancestor whose pointer is short enough."""
    kept = len(path)
    while len(_pointer(path[:kept])) > MAX_TEXT:
        kept -= 1
    return _pointer(path[:kept])


def _patterns(size: int) -> jsonschema_rs.RegexOptions:
    return jsonschema_rs.RegexOptions(size_limit=size, dfa_size_limit=PATTERN_CACHE)


def _measure(pattern: str) -> tuple[int, int]:
    """Memory of a pattern, by the smallest size limit within which it compiles, and its steps per character."""
    for size, steps in PATTERN_STEPS.items():
        try:
            jsonschema_rs.Draft202012Validator({"pattern": pattern}, pattern_options=_patterns(size))
        except jsonschema_rs.ValidationError:
            continue
        return size + PATTERN_CACHE, steps
    return 0, 0  # compiling the schema reports the location


class CompiledSchema:
    """A compiled schema with known cost, so that validating with it never blocks the event loop.

    Attributes:
        text: the schema as JSON.
        size: estimated memory in bytes.
    """

    def __init__(self, validator: jsonschema_rs.Draft202012Validator, cost: Cost, text: str) -> None:
        self.text = text
        self.size = cost.memory + _COMPILED * len(text)
        self._validator = validator
        self._cost = cost

    def validate(self, value: object, shape: Shape, budget: CostBudget) -> tuple[tuple[str, str], ...]:
        """List the violations of the schema, at most `MAX_VIOLATIONS`.

        The library lists all violations or none. So a first pass finds whether there are any, and they are listed only
        if the longest possible list fits into the budget.
        """
        if not budget.take(self._cost.checking(shape)):
            return (("", TOO_LARGE),)
        try:
            if self._validator.is_valid(value):
                return ()
            if not budget.take(self._cost.reporting(shape)):
                return (("", TOO_MANY),)
            return tuple(self._violations(value))
        except ValueError:  # the library parses integers with Python's int()
            return (("", f"cannot be validated: {LONG_INTEGER}"),)

    def _violations(self, value: object) -> Iterator[tuple[str, str]]:
        for error in islice(self._validator.iter_errors(value), MAX_VIOLATIONS):
            yield _short(error.instance_path), _first_line(error)


def cost_of(schema: object) -> Cost:
    """Compute the cost of validating with a schema.

    Raises:
        BadSchemaError: it exceeds a bound.
    """
    return expand(schema, _measure)


def compile_schema(schema: Any, cost: Cost, text: str) -> CompiledSchema:  # noqa: ANN401  any JSON value
    """Compile a schema with known cost; `text` is the schema as JSON.

    Raises:
        BadSchemaError: it is not a schema, has an external reference, or has a pattern that needs backtracking.
    """
    if isinstance(schema, str):  # the library would parse it as JSON
        raise BadSchemaError("", "a schema is an object or a boolean, not a text")
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            formats={"email": _is_email, "regex": _is_regex},
            retriever=_refuse,
            mask=_MASK,
            pattern_options=_patterns(PATTERN_BYTES.maximum),
        )
    except jsonschema_rs.ValidationError as error:
        hint = _LINEAR if _first_line(error).endswith('is not a "regex"') else ""
        raise BadSchemaError(_pointer(error.instance_path), _first_line(error) + hint, error.instance) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise BadSchemaError("", str(error).partition("\n")[0]) from None
    return CompiledSchema(validator, cost, text)
