"""Response models of the inspection API. Members added by a newer emulator are ignored."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any, Self, TypeVar, cast

from emulator.engine.state.calls import Leg, Status

Json = Mapping[str, Any]
T = TypeVar("T")

_LONGEST = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaError:
    """A violation of a schema: a JSON Pointer into the content, and the validation message."""

    pointer: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaResult:
    """The result of validating a message's content against one schema."""

    name: str
    valid: bool
    errors: tuple[SchemaError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A created message.

    Attributes:
        seq: position in the journal; pass it as `after`.
        content: the content string as received.
        json: the parsed content; None also when it is not valid JSON.
        replays: number of later requests with the same idempotency key, including those with other content.
        notes: warnings about accepted content.
        schemas: validation results, one per schema.
        date_created: RFC 2822, as in the response.
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
    def read(cls, record: Json) -> Self:
        """Parse a message record."""
        return _known(
            cls,
            record,
            notes=tuple(record["notes"]),
            schemas=tuple(_schema_result(result) for result in record["schemas"]),
            received_at=datetime.fromisoformat(record["received_at"]),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """The rule that rejected a request.

    Attributes:
        says: the error that it returns.
        certainty: how the rule is known: documented, observed or assumed.
        source: where the rule is documented.
        advice: what the client can do.
        reason: details about this request.
    """

    name: str
    says: str
    certainty: str
    source: str
    advice: str
    reason: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultDone:
    """A fault that was applied to a request.

    Attributes:
        rule: id of the fault rule.
        name: its kind, for example `drop-after`.
        delay: seconds by which the response was delayed.
        effect: what happened, in sentences.
    """

    rule: str
    name: str
    delay: float
    effect: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request to the Twilio API, accepted or rejected; str() is a one-line summary with its outcome."""

    seq: int
    request_id: str
    received_at: datetime
    method: str
    path: str
    account_sid: str | None
    call_sid: str | None
    outcome: str
    status: int | None
    code: int | None
    idempotency_key: str | None
    content: str | None
    message_sid: str | None
    duration: float | None
    rule: Rule | None
    fault: FaultDone | None = None
    lost: bool = False

    @classmethod
    def read(cls, record: Json) -> Self:
        """Parse a request record."""
        rule = record["rule"]
        return _known(
            cls,
            record,
            received_at=datetime.fromisoformat(record["received_at"]),
            rule=None if rule is None else _known(Rule, rule),
            fault=_fault_done(record),
        )

    def __str__(self) -> str:
        return f"number {self.seq}: {self.method} {self.path}: {self._became()}{self._carried()}{self._advised()}"

    def _became(self) -> str:
        rule = self.rule
        if self.fault is not None:
            lost = ", the answer lost" if self.lost else ""
            answered = "" if self.status is None else f"{self.status} "
            return f"{answered}{self.outcome} ({self.fault.name} by {self.fault.rule}{lost})"
        if rule is None:
            return f"{self.status} {self.outcome} {self.message_sid or ''}".rstrip()
        reason = f"; {rule.reason}" if rule.reason else ""
        return f"refused with {rule.says} (rule {rule.name}, {rule.certainty}{reason})"

    def _advised(self) -> str:
        return "" if self.rule is None or self.fault is not None else f". Advice: {self.rule.advice}"

    def _carried(self) -> str:
        if self.content is None:
            return ""
        cut = self.content if len(self.content) <= _LONGEST else self.content[: _LONGEST - 1] + "…"
        return f", Content {cut!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request of a retry sequence.

    Attributes:
        gap: seconds since the previous attempt.
        lost: whether the client received no complete response.
    """

    request_id: str
    seq: int
    received_at: datetime
    gap: float | None
    outcome: str
    status: int | None
    code: int | None
    idempotency_key: str | None
    content: str | None
    lost: bool
    fault: FaultDone | None

    @classmethod
    def read(cls, record: Json) -> Self:
        """Parse an attempt record."""
        received_at = datetime.fromisoformat(record["received_at"])
        return _known(cls, record, received_at=received_at, fault=_fault_done(record))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySequence:
    """Attempts to create one message, and findings about them; str() is a multi-line explanation.

    Attributes:
        id: request id of the first attempt.
        seq: position of the last attempt in the journal; pass it as `after`.
        messages: number of messages that the attempts created; more than one is a duplicate.
        findings: `retried_same_key`, `recovered` and others; see `GET /_emulator/retries`.
        explanation: lines of text.
        attempts: oldest first.
    """

    id: str
    seq: int
    account_sid: str | None
    call_sid: str | None
    idempotency_key: str | None
    content: str | None
    messages: int
    findings: tuple[str, ...]
    explanation: tuple[str, ...]
    attempts: tuple[Attempt, ...]

    @classmethod
    def read(cls, record: Json) -> Self:
        """Parse a retry sequence record."""
        return _known(
            cls,
            record,
            findings=tuple(record["findings"]),
            explanation=tuple(record["explanation"]),
            attempts=tuple(Attempt.read(attempt) for attempt in record["attempts"]),
        )

    def __str__(self) -> str:
        first, *rest = self.explanation
        return "\n".join([first, *(f"  {line}" for line in rest)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A fault rule, and its counters at the time of the response.

    Attributes:
        match: conditions of the requests that it applies to.
        then: its effect.
        seconds_left: seconds until it expires; None = never.
        matched: number of matching requests.
        fired: number of requests that it affected.
        active: whether it can still affect requests.
    """

    id: str
    match: Json = field(hash=False)
    then: Json = field(hash=False)
    profile: str | None
    skip_first: int
    times: int | None
    probability: float
    seed: int | None
    ttl: float | None
    seconds_left: float | None
    matched: int
    fired: int
    active: bool

    @classmethod
    def read(cls, record: Json) -> Self:
        """Parse a fault record."""
        return _known(cls, record)


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A registered call; with `account_sid` None, every account can use it."""

    call_sid: str
    account_sid: str | None
    status: Status
    client: Leg

    @classmethod
    def read(cls, record: Json) -> Self:
        """Parse a call record."""
        return _known(cls, record, status=Status(record["status"]), client=Leg(record["client"]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Numbers of records removed by a reset; `requests` includes messages, `waits` are ended long polls."""

    requests: int
    messages: int
    calls: int
    schemas: int
    waits: int
    faults: int = 0

    @classmethod
    def read(cls, record: Json) -> Self:
        """Parse the response of a reset."""
        return _known(cls, record)


def _known(kind: type[T], record: Json, **converted: object) -> T:
    """Create a `kind` from the members that it has as fields; `converted` replaces JSON values."""
    names = {member.name for member in fields(cast("Any", kind))}
    return kind(**{name: value for name, value in record.items() if name in names} | converted)


def _fault_done(record: Json) -> FaultDone | None:
    done = record.get("fault")
    return None if done is None else _known(FaultDone, done)


def _schema_result(record: Json) -> SchemaResult:
    return _known(SchemaResult, record, errors=tuple(_known(SchemaError, error) for error in record["errors"]))
