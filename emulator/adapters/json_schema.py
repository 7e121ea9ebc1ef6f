"""JSON Schema 2020-12 by jsonschema-rs: offline, linear-time patterns, formats asserted. For those who use schemas."""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

import email_validator
import jsonschema_rs

MAX_VIOLATIONS = 20
"""So many are listed of one value; a schema can be broken in thousands of places."""


class Violation(NamedTuple):
    """Where a value breaks its schema, and how."""

    pointer: str
    message: str


class BadSchemaError(Exception):
    """A schema that cannot be used; `pointer` says where in it, `value` what stands there."""

    def __init__(self, pointer: str, message: str, value: object = None) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.value = value
        self.message = message


_LINEAR = " that runs in linear time: look-around and back-references are not among what it may use"
Validate = Callable[[Any], Iterator[Violation]]


def _is_email(text: object) -> bool:
    if not isinstance(text, str):
        return True
    try:
        email_validator.validate_email(text, check_deliverability=False, test_environment=True)
    except email_validator.EmailNotValidError:
        return False
    return True


def _refuse(uri: str) -> Any:  # noqa: ANN401  the library's own signature
    raise LookupError(f"only references inside the schema are followed, not {uri}")


def _pointer(path: list[str | int]) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in path)


def _first_line(error: jsonschema_rs.ValidationError) -> str:
    # What `_refuse` says stands at the end of the library's own sentence.
    return error.message.partition("\n")[0].rpartition(f"{LookupError.__name__}: ")[2]


def compile_schema(schema: Any) -> Validate:  # noqa: ANN401  any JSON value may be sent as a schema
    """Make a function that lists how a value breaks the schema.

    Raises:
        BadSchemaError: it is no schema, refers outside of itself, or has a pattern that needs backtracking.
    """
    if isinstance(schema, str):  # the library would read it as JSON
        raise BadSchemaError("", "a schema is an object or a boolean, not a text")
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            formats={"email": _is_email},
            retriever=_refuse,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except jsonschema_rs.ValidationError as error:
        hint = _LINEAR if _first_line(error).endswith('is not a "regex"') else ""
        raise BadSchemaError(_pointer(error.instance_path), _first_line(error) + hint, error.instance) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise BadSchemaError("", str(error).partition("\n")[0]) from None

    def validate(value: Any) -> Iterator[Violation]:  # noqa: ANN401  any JSON value
        try:
            for error in islice(validator.iter_errors(value), MAX_VIOLATIONS):
                yield Violation(_pointer(error.instance_path), _first_line(error))
        except ValueError:  # the library reads whole numbers as Python's int() does
            yield Violation("", "it has a whole number of over 4300 digits, which cannot be checked")

    return validate
