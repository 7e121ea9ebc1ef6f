"""Requests on the Twilio surface, accepted or rejected."""

from dataclasses import field
from typing import Annotated, Literal

from emulator.endpoints.api.model import ACCOUNT, CALL, REQUEST, Model, Timestamp, doc
from emulator.endpoints.api.pagination import RecordError
from emulator.engine.journal.exchange import Outcome
from emulator.wire.errors import CONTENT_NOT_JSON
from emulator.wire.rules import Certainty

_LONGEST = 80


class RefusingRule(Model):
    """The rule that rejected a request."""

    name: Annotated[str, doc(None, "content-not-json")]
    says: Annotated[str, doc("the error that it returns", "400/32702 Invalid Content")]
    certainty: Annotated[Certainty, doc("how the rule is known", "assumed")]
    source: Annotated[str, doc("where the rule is documented")]
    advice: Annotated[str, doc("what the client can do", CONTENT_NOT_JSON.advice)]
    reason: Annotated[str | None, doc("details of this request", "Expecting value in 'hello'")]


class EndUserDelivery(Model):
    """The delivery of a message to the end user."""

    to: Annotated[str | None, doc("identity of the connected Voice SDK; null: not delivered", "alice")]
    after_ms: Annotated[float | None, doc("milliseconds until it was written to the socket", 0.4)]
    reason: Annotated[str | None, doc("why it was not delivered", None)]


class AppliedFault(Model):
    """The fault that was applied to a request."""

    rule: Annotated[str, doc("id of the fault rule, or magic-… of a CallSid", "fault-1")]
    name: Annotated[str, doc(None, "drop-after")]
    delay: Annotated[float, doc("seconds by which the response was delayed", 0.0)]
    effect: Annotated[str, doc("what happened", "The connection was reset before the request was processed.")]


class Request(Model):
    """A request, accepted or rejected; in Python, str() is a one-line summary with its outcome."""

    seq: Annotated[int, doc("sequence number in the journal", 1)]
    request_id: Annotated[str, doc(None, REQUEST)]
    received_at: Timestamp
    method: Annotated[str, doc(None, "POST")]
    path: Annotated[str, doc("raw path without the query")]
    account_sid: Annotated[str | None, doc("from the path, raw text when malformed; else the username", ACCOUNT)]
    call_sid: Annotated[str | None, doc("from the path, raw text when malformed", CALL)]
    outcome: Annotated[Outcome, doc(None, "created")]
    status: Annotated[int | None, doc("status of the response; null when a fault suppressed it", 201)]
    code: Annotated[int | None, doc("Twilio error code", None)]
    idempotency_key: Annotated[str | None, doc(None, "1")]
    content: Annotated[str | None, doc("the parameter Content, as far as it could be read")]
    message_sid: Annotated[str | None, doc("the message that was created or replayed")]
    duration: Annotated[float | None, doc("seconds; null until the response is sent", 0.001)]
    delivered: Annotated[EndUserDelivery | None, doc("delivery of the created message to the end user")] = None
    fault: Annotated[AppliedFault | None, doc("the fault that was applied")] = None
    lost: Annotated[bool, doc("whether the client received no complete response", example=False)] = False
    rule: Annotated[RefusingRule | None, doc("the rule that rejected it")] = None

    def __str__(self) -> str:
        return f"number {self.seq}: {self.method} {self.path}: {self._result()}{self._shown_content()}{self._advice()}"

    def _result(self) -> str:
        rule = self.rule
        if self.fault is not None:
            lost = ", response lost" if self.lost else ""
            answered = "" if self.status is None else f"{self.status} "
            return f"{answered}{self.outcome} ({self.fault.name} by {self.fault.rule}{lost})"
        if rule is None:
            return f"{self.status} {self.outcome} {self.message_sid or ''}".rstrip()
        reason = f"; {rule.reason}" if rule.reason else ""
        return f"refused with {rule.says} (rule {rule.name}, {rule.certainty}{reason})"

    def _advice(self) -> str:
        return "" if self.rule is None or self.fault is not None else f". Advice: {self.rule.advice}"

    def _shown_content(self) -> str:
        if self.content is None:
            return ""
        cut = self.content if len(self.content) <= _LONGEST else self.content[: _LONGEST - 1] + "…"
        return f", Content {cut!r}"


class RequestList(Model):
    """A page of requests."""

    requests: tuple[Request | RecordError, ...]
    count: Annotated[int, doc("number of matching requests, listed or not", 1)]
    last_seq: Annotated[int, doc("sequence number of the newest request", 1)]
    oldest_seq: Annotated[int, doc("sequence number of the oldest stored request", 1)]
    evicted: Annotated[int, doc("number of requests evicted because the journal was full", 0)]


class Header(Model):
    """A header."""

    name: str
    value: str


class RawRequest(Model):
    """A request as received; secrets are masked."""

    method: str
    target: Annotated[str, doc("raw path and query")]
    headers: tuple[Header, ...]
    form: dict[str, str] = field(hash=False)
    body: Annotated[str, doc("its first 64 KiB; bytes that are not UTF-8 are replaced")]
    body_size: Annotated[int, doc("bytes")]
    body_cut: Annotated[bool, doc("whether `body` is truncated")]
    peer: Annotated[str, doc("address and port of the client")]
    scheme: Literal["http", "https"]


class RawResponse(Model):
    """A response."""

    status: int
    headers: tuple[Header, ...]
    body: str


class RequestDetail(Request):
    """A request with all that was received and sent."""

    request: RawRequest
    reply: Annotated[RawResponse | None, doc("the response; a fault may have suppressed all or part of it")]
