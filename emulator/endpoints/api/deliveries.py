"""Callbacks to subscriptions."""

from dataclasses import field
from typing import Annotated, Any

from emulator.endpoints.api.model import ACCOUNT, CALL, SUBSCRIPTION, Model, Timestamp, doc
from emulator.endpoints.api.pagination import RecordError, WaitResult
from emulator.engine.callbacks.deliveries import DeliveryOutcome


class DeliveryAttempt(Model):
    """An attempt to deliver a callback."""

    at: Timestamp
    duration: Annotated[float, doc("seconds", 0.004)]
    status: Annotated[int | None, doc("status of the response; null when there was none", 204)]
    error: Annotated[str | None, doc("why it failed", None)]


class Delivery(Model):
    """A callback to one subscription."""

    seq: Annotated[int, doc("sequence number among deliveries, from 1; pass it as `after`", 1)]
    id: Annotated[str, doc(None, "8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b")]
    subscription_sid: Annotated[str, doc(None, SUBSCRIPTION)]
    message_sid: Annotated[str, doc("the end user's message", "KX" + "d" * 32)]
    account_sid: Annotated[str, doc(None, ACCOUNT)]
    call_sid: Annotated[str, doc(None, CALL)]
    method: Annotated[str, doc(None, "POST")]
    callback: Annotated[str, doc(None, "http://127.0.0.1:8000/messages")]
    content: Annotated[str, doc(None, '{"key":"value"}')]
    content_type: Annotated[str, doc(None, "application/json")]
    sequence_number: Annotated[int, doc(None, 1)]
    idempotency_token: str
    created_at: Timestamp
    outcome: Annotated[DeliveryOutcome, doc(None, "delivered")]
    code: Annotated[int | None, doc("Twilio error code, if it failed", None)]
    attempts: tuple[DeliveryAttempt, ...]
    json: Annotated[Any, doc("the parsed content", {"key": "value"})] = field(hash=False)


class DeliveryPage(WaitResult):
    """A page of deliveries."""

    deliveries: tuple[Delivery | RecordError, ...]
    count: Annotated[int, doc("number of matching deliveries, listed or not", 1)]
    last_seq: Annotated[int, doc("sequence number of the newest delivery; pass it as `after`", 1)]
    evicted: Annotated[int, doc("number of deliveries evicted because the store was full", 0)]
