"""Keyword arguments of the clients: filters of listings, the requests that a fault applies to, a described request."""

from typing import Literal, TypedDict

Outcome = Literal["created", "replayed", "mismatch", "refused", "preflight", "faulted", "deleted"]
DeliveryOutcome = Literal["pending", "delivered", "failed"]
Finding = Literal[
    "retried_same_key",
    "retried_new_key",
    "retried_without_key",
    "retried_other_content",
    "retried_too_early",
    "retried_a_refusal",
    "gave_up",
    "recovered",
]


class Filters(TypedDict, total=False):
    """Filters of messages.

    Attributes:
        account_sid: an account other than the client's; None = any.
        call_sid: a call other than the client's; None = any.
        idempotency_key: this idempotency key.
        after: a higher `seq`.
        content: a value, not JSON text, that the content must contain: objects match by subset, arrays must be equal.
        contains: a substring of the content.
        valid: whether the content is valid by every schema.
    """

    account_sid: str | None
    call_sid: str | None
    idempotency_key: str
    after: int
    content: object
    contains: str
    valid: bool


class RequestFilters(Filters, total=False):
    """Filters of requests: also by HTTP status, Twilio error code and outcome."""

    status: int
    code: int
    outcome: Outcome


class RetryFilters(Filters, total=False):
    """Filters of retry sequences: those with an attempt that matches, and with this finding."""

    finding: Finding


class Scoping(TypedDict, total=False):
    """An account or call other than the client's; None = any."""

    account_sid: str | None
    call_sid: str | None


class DeliveryFilters(Scoping, total=False):
    """Filters of deliveries.

    Attributes:
        subscription_sid: to this subscription.
        message_sid: of this message from the end user.
        outcome: with this outcome.
        after: a higher `seq`.
        content: a value, not JSON text, that the content must contain: objects match by subset, arrays must be equal.
        contains: a substring of the content.
    """

    subscription_sid: str
    message_sid: str
    outcome: DeliveryOutcome
    after: int
    content: object
    contains: str


class FaultOptions(Scoping, total=False):
    """Which requests a fault applies to, and how often.

    Attributes:
        idempotency_key: only requests with this key.
        content: a value that the content must contain: objects match by subset, arrays must be equal.
        times: maximum number of requests that fail; None = unlimited.
        skip_first: number of matching requests that pass first.
        probability: from 0 to 1.
        seed: makes the random choices repeatable.
        ttl: seconds until the fault expires; None = never.
    """

    idempotency_key: str
    content: object
    times: int | None
    skip_first: int
    probability: float
    seed: int | None
    ttl: float | None


class DescribedRequest(TypedDict, total=False):
    """A request to evaluate without sending it.

    Attributes:
        headers: header fields by name.
        form: parameters of the form.
        body: the raw body, instead of a form.
    """

    headers: dict[str, str]
    form: dict[str, str]
    body: str
