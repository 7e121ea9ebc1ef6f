"""Messages that requests created."""

from dataclasses import field
from typing import Annotated, Any

from emulator.endpoints.api.model import ACCOUNT, CALL, MESSAGE, REQUEST, Model, Timestamp, doc
from emulator.endpoints.api.pagination import RecordError, WaitResult
from emulator.endpoints.api.requests import EndUserDelivery, Request


class SchemaError(Model):
    """A violation of a schema."""

    pointer: Annotated[str, doc("JSON Pointer into the content", "/to")]
    message: str


class SchemaResult(Model):
    """The result of validating a content against one schema."""

    name: str
    valid: bool
    errors: tuple[SchemaError, ...]


class Message(Model):
    """A message that was created."""

    seq: Annotated[int, doc("sequence number in the journal, from 1; pass it as `after`", 1)]
    sid: Annotated[str, doc(None, MESSAGE)]
    account_sid: Annotated[str, doc(None, ACCOUNT)]
    call_sid: Annotated[str, doc(None, CALL)]
    content: Annotated[str, doc("the content as received", '{"key":"value"}')]
    json: Annotated[
        Any,
        doc("the parsed content; null when it is not JSON, or has an integer of over 4300 digits", {"key": "value"}),
    ] = field(hash=False)
    idempotency_key: Annotated[str | None, doc(None, "1")]
    replays: Annotated[int, doc("number of later requests with the same key, whatever their content", 0)]
    notes: Annotated[tuple[str, ...], doc("warnings about the accepted content", [])]
    schemas: Annotated[tuple[SchemaResult, ...], doc("results of the schemas of its scope", [])]
    date_created: Annotated[str, doc("RFC 2822, as in Twilio's response", "Wed, 18 Dec 2019 20:02:01 +0000")]
    received_at: Timestamp
    request_id: Annotated[str, doc(None, REQUEST)]
    delivered: Annotated[EndUserDelivery | None, doc("delivery to the end user")] = None


class ContentDifference(Model):
    """A position where a content differs from the wanted JSON."""

    pointer: Annotated[str, doc("JSON Pointer into the content", "/to")]
    wanted: Annotated[Any, doc()] = field(hash=False)
    found: Annotated[Any, doc()] = field(hash=False)
    missing: Annotated[bool, doc("whether the content has nothing there")]


class FilterMismatch(Model):
    """A filter that a request does not match."""

    what: Annotated[str, doc("name of the filter", "call_sid")]
    wanted: Annotated[Any, doc()] = field(hash=False)
    found: Annotated[Any, doc()] = field(hash=False)
    differences: Annotated[tuple[ContentDifference, ...], doc("for content: where it differs", [])]


class NearMiss(Model):
    """A request that matches most filters."""

    text: Annotated[str, doc(None, "number 1: message KX… for call CA…: it is for call CA…, not CA…")]
    lacks: tuple[FilterMismatch, ...]
    request: Request


class MessagePage(WaitResult):
    """A page of messages."""

    messages: tuple[Message | RecordError, ...]
    count: Annotated[int, doc("number of matching messages, listed or not", 1)]
    last_seq: Annotated[int, doc("sequence number of the newest request; pass it as `after`", 1)]
    oldest_seq: Annotated[int, doc("sequence number of the oldest stored request", 1)]
    evicted: Annotated[int, doc("number of requests evicted because the journal was full", 0)]
    near_misses: Annotated[
        tuple[NearMiss | RecordError, ...], doc("after an unsatisfied wait: requests that nearly matched")
    ] = ()


class Deleted(Model):
    """The number of deleted records."""

    deleted: Annotated[int, doc(None, 1)]
