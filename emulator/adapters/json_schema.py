"""JSON Schema 2020-12 by jsonschema-rs: offline, linear-time patterns, formats asserted. For those who use schemas."""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import email_validator
import jsonschema_rs


class Violation(NamedTuple):
    """Where a value breaks its schema, and how."""

    pointer: str
    message: str


class BadSchemaError(Exception):
    """A schema that cannot be used; `pointer` says where in it."""

    def __init__(self, pointer: str, message: str) -> None:
        super().__init__(message)
        self.pointer = pointer
        self.message = message


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
    return error.message.partition("\n")[0]


def compile_schema(schema: Any) -> Validate:  # noqa: ANN401  any JSON value may be sent as a schema
    """Make a function that lists how a value breaks the schema.

    Raises:
        BadSchemaError: it is no schema, refers outside of itself, or has a pattern that needs backtracking.
    """
    try:
        validator = jsonschema_rs.Draft202012Validator(
            schema,
            validate_formats=True,
            formats={"email": _is_email},
            retriever=_refuse,
            pattern_options=jsonschema_rs.RegexOptions(),
        )
    except jsonschema_rs.ValidationError as error:
        raise BadSchemaError(_pointer(error.instance_path), _first_line(error)) from None
    except (jsonschema_rs.ReferencingError, ValueError) as error:
        raise BadSchemaError("", str(error).partition("\n")[0]) from None

    def validate(value: Any) -> Iterator[Violation]:  # noqa: ANN401  any JSON value
        for error in validator.iter_errors(value):
            yield Violation(_pointer(error.instance_path), _first_line(error))

    return validate
