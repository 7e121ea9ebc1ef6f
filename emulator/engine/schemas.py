"""Content schemas: what a scope's messages should look like, noted on each message or enforced."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from emulator.engine.limits import LimitReachedError
from emulator.engine.schema_cost import Budget, Shape
from emulator.engine.scopes import Scope
from emulator.wire import content

MAX_SCHEMAS = 100
MAX_MEMORY = 64 * 1024 * 1024
"""Bytes of all schemas, compiled; a schema of 1 KB takes about 50 KB."""

_RESULT = 150
_VIOLATION = 200
"""Bytes of the objects around the texts of a result; a character takes at most 4."""

Violations = tuple[tuple[str, str], ...]
"""JSON pointer into the content, and what is wrong there."""


class OnFailure(StrEnum):
    """What a content that breaks the schema gets."""

    NOTE = "note"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """A registered schema.

    Attributes:
        text: the schema as JSON.
        size: bytes that it takes, compiled.
        validate: lists how a value breaks it, spending the budget.
    """

    name: str
    text: str
    size: int
    scope: Scope
    on_failure: OnFailure
    validate: Callable[[object, Shape, Budget], Violations]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaResult:
    """What one schema says of one message."""

    name: str
    errors: Violations
    refuses: bool = False

    @property
    def valid(self) -> bool:
        """Whether the schema allows the content."""
        return not self.errors

    @property
    def size(self) -> int:
        """Roughly what it takes in memory, in bytes."""
        return _RESULT + sum(_VIOLATION + 4 * (len(pointer) + len(text)) for pointer, text in self.errors)


class Schemas:
    """Registered schemas by name."""

    def __init__(self) -> None:
        self._schemas: dict[str, Schema] = {}

    def __iter__(self) -> Iterator[Schema]:
        return iter(self._schemas.values())

    def __len__(self) -> int:
        return len(self._schemas)

    def put(self, schema: Schema) -> bool:
        """Register or replace; True when the name is new.

        Raises:
            LimitReachedError: 100 are registered, or they take too much memory.
        """
        is_new = schema.name not in self._schemas
        if is_new and len(self._schemas) >= MAX_SCHEMAS:
            raise LimitReachedError("schemas", MAX_SCHEMAS, "DELETE some or reset")
        if schema.size + sum(other.size for other in self if other.name != schema.name) > MAX_MEMORY:
            raise LimitReachedError("bytes of compiled schemas", MAX_MEMORY, "DELETE some or reset")
        self._schemas[schema.name] = schema
        return is_new

    def get(self, name: str) -> Schema | None:
        """The schema of this name."""
        return self._schemas.get(name)

    def remove(self, name: str) -> bool:
        """Forget a schema; False when there was none."""
        return self._schemas.pop(name, None) is not None

    def remove_scope(self, scope: Scope) -> int:
        """Forget the schemas that are for this account or call only; returns how many."""
        gone = [schema.name for schema in self if scope.owns(schema.scope)]
        for name in gone:
            del self._schemas[name]
        return len(gone)

    def check(self, account_sid: str, call_sid: str, text: str) -> tuple[SchemaResult, ...]:
        """What the schemas of this account and call say of a content."""
        schemas = [schema for schema in self if schema.scope.covers(account_sid, call_sid)]
        if not schemas:
            return ()
        try:
            value = content.parse(text)
        except content.NotJson as error:  # only lenient content can be something else than JSON
            broken: Violations = (("", f"not JSON: {error}"),)
            return tuple(_result(schema, broken) for schema in schemas)
        shape, budget = Shape.of(value), Budget()
        return tuple(_result(schema, schema.validate(value, shape, budget)) for schema in schemas)


def _result(schema: Schema, errors: Violations) -> SchemaResult:
    refuses = bool(errors) and schema.on_failure is OnFailure.REFUSE
    return SchemaResult(name=schema.name, errors=errors, refuses=refuses)
