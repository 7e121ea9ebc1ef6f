"""Both directions of a call, as its end user has them."""

from dataclasses import field
from typing import Annotated, Any

from emulator.endpoints.api.messages import Message
from emulator.endpoints.api.model import CALL, Model, Timestamp, doc
from emulator.endpoints.api.pagination import RecordError
from emulator.wire.signalling import CONTENT_TYPE


class MessageFromEndUser(Model):
    """A message that the end user sent."""

    sid: Annotated[str, doc(None, "KX" + "d" * 32)]
    account_sid: str | None
    call_sid: Annotated[str, doc(None, CALL)]
    identity: Annotated[str, doc(None, "alice")]
    content: Annotated[str, doc(None, '{"answer": "yes"}')]
    content_type: Annotated[str, doc(None, CONTENT_TYPE)]
    sequence_number: Annotated[int, doc(None, 1)]
    at: Timestamp
    notified: Annotated[int, doc("number of notified subscriptions", 1)]
    json: Annotated[Any, doc("the parsed content", {"answer": "yes"})] = field(hash=False)


class CallMessages(Model):
    """The messages of a call in both directions."""

    call_sid: Annotated[str, doc(None, CALL)]
    identity: Annotated[str | None, doc("identity of the connected Voice SDK; null: none", "alice")]
    received: tuple[Message | RecordError, ...]
    said: tuple[MessageFromEndUser | RecordError, ...]
    received_count: Annotated[int, doc("number of messages to the end user, listed or not", 0)]
    said_count: Annotated[int, doc("number of messages from the end user, listed or not", 1)]
