"""What the inspection API answers, as values. Members that a newer emulator adds are passed over."""

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
class FaultDone:
    """What went wrong with a request on purpose, the rule that did it, and how long the answer was held back."""

    rule: str
    name: str
    delay: float


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
    def read(cls, said: Json) -> Self:
        """A request of an answer."""
        rule = said["rule"]
        return _known(
            cls,
            said,
            received_at=datetime.fromisoformat(said["received_at"]),
            rule=None if rule is None else _known(Rule, rule),
            fault=_fault_done(said),
        )

    def __str__(self) -> str:
        return f"number {self.seq}: {self.method} {self.path}: {self._became()}{self._carried()}"

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

    def _carried(self) -> str:
        if self.content is None:
            return ""
        cut = self.content if len(self.content) <= _LONGEST else self.content[: _LONGEST - 1] + "…"
        return f", Content {cut!r}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A request of a retry sequence.

    `gap` is the number of seconds since the previous one; `lost` means that the client got no complete response.
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
    def read(cls, said: Json) -> Self:
        """An attempt of an answer."""
        return _known(cls, said, received_at=datetime.fromisoformat(said["received_at"]), fault=_fault_done(said))


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySequence:
    """Attempts at one thing, oldest first, and what they show; str() tells all of it in lines.

    Attributes:
        id: the request id of the first attempt.
        seq: place of the last attempt in the journal; `after` takes it.
        messages: how many messages its attempts created; two are a duplicate.
        findings: `retried_same_key`, `recovered` and others; `GET /_emulator/retries` names them all.
        explanation: the lines.
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
    def read(cls, said: Json) -> Self:
        """A retry sequence of an answer."""
        return _known(
            cls,
            said,
            findings=tuple(said["findings"]),
            explanation=tuple(said["explanation"]),
            attempts=tuple(Attempt.read(one) for one in said["attempts"]),
        )

    def __str__(self) -> str:
        first, *rest = self.explanation
        return "\n".join([first, *(f"  {line}" for line in rest)])


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A rule that makes requests fail, and what it did until it was asked.

    Attributes:
        match: which requests it is for.
        then: what happens to them.
        seconds_left: until it ends by itself; None = never.
        matched: how many requests it was for.
        fired: how many it made fail.
        active: whether it can still fire.
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
    def read(cls, said: Json) -> Self:
        """A rule of an answer."""
        return _known(cls, said)


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
    faults: int = 0

    @classmethod
    def read(cls, said: Json) -> Self:
        """What an answer tells."""
        return _known(cls, said)


def _known(kind: type[T], said: Json, **better: object) -> T:
    """A value of this kind from the members that it knows, some of them better than JSON has them."""
    names = {one.name for one in fields(cast("Any", kind))}
    return kind(**{name: value for name, value in said.items() if name in names} | better)


def _fault_done(said: Json) -> FaultDone | None:
    done = said.get("fault")
    return None if done is None else _known(FaultDone, done)


def _schema_result(said: Json) -> SchemaResult:
    return _known(SchemaResult, said, errors=tuple(_known(SchemaError, error) for error in said["errors"]))
