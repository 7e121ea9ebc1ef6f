"""What the inspection API answers, as values. Members that a newer emulator adds are passed over."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self, TypeVar, cast

from emulator.engine.calls import Leg, Status

Json = Mapping[str, Any]
T = TypeVar("T")

_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaError:
    """Where a content breaks a schema."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaResult:
    """What a schema says of a message."""

    name: str
    valid: bool
    errors: tuple[SchemaError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message that was created.

    Attributes:
        seq: its place in the journal; `after` takes it.
        content: the text as received.
        json: the content parsed; None also when it cannot be.
        replays: how often its idempotency key came again.
        notes: what is odd about the content but was accepted.
        date_created: RFC 2822, as it was answered.
    """

    seq: int
    sid: str
    account_sid: str
    call_sid: str
    content: str
    json: Any = field(hash=False)
    idempotency_key: str | None
    replays: int
    notes: tuple[str, ...]
    schemas: tuple[SchemaResult, ...]
    date_created: str
    received_at: datetime
    request_id: str

    @classmethod
    def read(cls, said: Json) -> Self:
        """A message of an answer."""
        return _known(
            cls,
            said,
            notes=tuple(said["notes"]),
            schemas=tuple(_schema_result(one) for one in said["schemas"]),
            received_at=datetime.fromisoformat(said["received_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule that refused a request, how sure it is, where it was read, and what exactly was wrong."""

    name: str
    says: str
    certainty: str
    source: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request on the Twilio surface, accepted or refused; str() is one line that says what became of it."""

    seq: int
    request_id: str
    received_at: datetime
    method: str
    path: str
    account_sid: str | None
    call_sid: str | None
    outcome: str
    status: int
    code: int | None
    idempotency_key: str | None
    content: str | None
    message_sid: str | None
    duration: float | None
    rule: Rule | None

    @classmethod
    def read(cls, said: Json) -> Self:
        """A request of an answer."""
        rule = said["rule"]
        return _known(
            cls,
            said,
            received_at=datetime.fromisoformat(said["received_at"]),
            rule=None if rule is None else _known(Rule, rule),
        )

    def __str__(self) -> str:
        return f"number {self.seq}: {self.method} {self.path}: {self._became()}{self._carried()}"

    def _became(self) -> str:
        rule = self.rule
        if rule is None:
            return f"{self.status} {self.outcome} {self.message_sid or ''}".rstrip()
        reason = f"; {rule.reason}" if rule.reason else ""
        return f"refused with {rule.says} (rule {rule.name}, {rule.certainty}{reason})"

    def _carried(self) -> str:
        if self.content is None:
            return ""
        cut = self.content if len(self.content) <= _LONGEST else self.content[: _LONGEST - 1] + "…"
        return f", Content {cut!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A registered call; `account_sid` None = every account's."""

    call_sid: str
    account_sid: str | None
    status: Status
    client: Leg

    @classmethod
    def read(cls, said: Json) -> Self:
        """A call of an answer."""
        return _known(cls, said, status=Status(said["status"]), client=Leg(said["client"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What a reset removed; `requests` counts messages too, `waits` were ended."""

    requests: int
    messages: int
    calls: int
    schemas: int
    waits: int

    @classmethod
    def read(cls, said: Json) -> Self:
        """What an answer tells."""
        return _known(cls, said)


def _known(kind: type[T], said: Json, **better: object) -> T:
    """A value of this kind from the members that it knows, some of them better than JSON has them."""
    names = {one.name for one in fields(cast("Any", kind))}
    return kind(**{name: value for name, value in said.items() if name in names} | better)


def _schema_result(said: Json) -> SchemaResult:
    return _known(SchemaResult, said, errors=tuple(_known(SchemaError, error) for error in said["errors"]))
