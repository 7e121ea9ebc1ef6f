"""Retry sequences."""

from typing import Annotated

from emulator.endpoints.api.model import ACCOUNT, CALL, REQUEST, Model, Timestamp, doc
from emulator.endpoints.api.pagination import RecordError, WaitResult
from emulator.endpoints.api.requests import AppliedFault
from emulator.engine.journal.exchange import Outcome
from emulator.engine.journal.retries import RetryFinding


class RetryAttempt(Model):
    """A request of a retry sequence."""

    request_id: Annotated[str, doc(None, REQUEST)]
    seq: Annotated[int, doc(None, 1)]
    received_at: Timestamp
    gap: Annotated[float | None, doc("seconds since the previous attempt; null for the first", None)]
    outcome: Annotated[Outcome, doc(None, "created")]
    status: Annotated[int | None, doc("status of the response; null when a fault suppressed it", 201)]
    code: Annotated[int | None, doc("Twilio error code", None)]
    idempotency_key: Annotated[str | None, doc(None, "1")]
    content: Annotated[str | None, doc(None, '{"key":"value"}')]
    lost: Annotated[bool, doc("whether the client received no complete response", example=True)]
    fault: Annotated[AppliedFault | None, doc("the fault that was applied")]


class RetrySequence(Model):
    """Attempts to create one message, oldest first; in Python, str() is a multi-line explanation."""

    id: Annotated[str, doc("request id of the first attempt", REQUEST)]
    seq: Annotated[int, doc("sequence number of the last attempt; pass it as `after`", 2)]
    account_sid: Annotated[str | None, doc(None, ACCOUNT)]
    call_sid: Annotated[str | None, doc(None, CALL)]
    idempotency_key: Annotated[str | None, doc("of the first attempt", "1")]
    content: Annotated[str | None, doc("of the first attempt", '{"key":"value"}')]
    messages: Annotated[int, doc("number of messages that the attempts created; more than 1: a duplicate", 1)]
    findings: Annotated[tuple[RetryFinding, ...], doc(None, ["retried_same_key", "recovered"])]
    explanation: Annotated[tuple[str, ...], doc("lines of text: one for the sequence, and one per attempt")]
    attempts: Annotated[tuple[RetryAttempt, ...], doc("the first 50 and the last 50, if there are more than 100")]
    left_out: Annotated[int, doc("number of attempts that are not shown", 0)] = 0

    def __str__(self) -> str:
        first, *rest = self.explanation
        return "\n".join([first, *(f"  {line}" for line in rest)])


class RetryPage(WaitResult):
    """A page of retry sequences."""

    retries: tuple[RetrySequence | RecordError, ...]
    count: Annotated[int, doc("number of matching sequences, listed or not", 1)]
    last_seq: Annotated[int, doc("sequence number of the newest request; pass it as `after`", 2)]
    oldest_seq: Annotated[int, doc("sequence number of the oldest stored request", 1)]
    evicted: Annotated[int, doc("number of requests evicted because the journal was full", 0)]
