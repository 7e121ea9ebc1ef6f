"""Content schemas of a scope; their results are recorded with each message, or invalid messages are rejected."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.scope import Owners, Scope
from emulator.engine.state.schema_cost import CostBudget, Shape
from emulator.engine.store import ENTRY, Store
from emulator.wire import content

_RESULT = 150
_VIOLATION = 200
"""Bytes of the objects of a result without its texts; a character takes at most 4."""

Violations = tuple[tuple[str, str], ...]
"""Pairs of a JSON pointer into the content and an error text."""


class OnFailure(StrEnum):
    """Handling of a content that violates the schema: record it or reject the message."""

    NOTE = "note"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A registered schema.

    Attributes:
        text: the schema as JSON.
        size: bytes of the compiled schema.
        validate: lists the violations of a value, spending the budget.
    """

    name: str
    text: str
    size: int
    scope: Scope
    on_failure: OnFailure
    validate: Callable[[object, Shape, CostBudget], Violations]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValidationResult:
    """Result of one schema for one message."""

    name: str
    errors: Violations
    refuses: bool = False

    @property
    def valid(self) -> bool:
        """Whether the content satisfies the schema."""
        return not self.errors

    @property
    def size(self) -> int:
        """Approximate memory in bytes."""
        return _RESULT + sum(_VIOLATION + 4 * (len(pointer) + len(text)) for pointer, text in self.errors)


class Schemas(Store[str, Schema]):
    """Registered schemas by name."""

    kind = "schemas"

    def size_of(self, key: str, value: Schema) -> int:  # noqa: ARG002
        """Measured memory of the compiled schema in bytes."""
        return ENTRY + value.size

    def owners_of(self, key: str, value: Schema) -> Owners:  # noqa: ARG002
        """Account and call of the schema's scope."""
        return value.scope.account_sid, value.scope.call_sid

    def add(self, schema: Schema) -> bool:
        """Register or replace a schema; return True when its name is new.

        Raises:
            CapacityError: too many schemas, or they take too much memory.
        """
        return self.put(schema.name, schema)

    def check(self, account_sid: str, call_sid: str, text: str) -> tuple[ValidationResult, ...]:
        """Apply the schemas of an account and call to a content; return their results."""
        schemas = [schema for schema in self if schema.scope.covers(account_sid, call_sid)]
        if not schemas:
            return ()
        try:
            value = content.parse(text)
        except content.NotJson as error:  # only lenient content may be invalid JSON
            broken: Violations = (("", f"not JSON: {error}"),)
            return tuple(_result(schema, broken) for schema in schemas)
        shape, budget = Shape.of(value), CostBudget()
        return tuple(_result(schema, schema.validate(value, shape, budget)) for schema in schemas)


def _result(schema: Schema, errors: Violations) -> ValidationResult:
    refuses = bool(errors) and schema.on_failure is OnFailure.REFUSE
    return ValidationResult(name=schema.name, errors=errors, refuses=refuses)
