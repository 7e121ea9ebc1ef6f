"""Subscriptions to messages of end users."""

from typing import Annotated

from emulator.endpoints.api.model import ACCOUNT, CALL, SUBSCRIPTION, Model, doc
from emulator.endpoints.api.pagination import RecordError


class Subscription(Model):
    """A subscription."""

    sid: Annotated[str, doc(None, SUBSCRIPTION)]
    account_sid: Annotated[str, doc(None, ACCOUNT)]
    call_sid: Annotated[str, doc(None, CALL)]
    callback: Annotated[str, doc(None, "http://127.0.0.1:8000/messages")]
    method: Annotated[str, doc(None, "POST")]
    idempotency_key: Annotated[str | None, doc(None, None)]
    replays: Annotated[int, doc("number of later requests with the same key", 0)]
    date_created: Annotated[str, doc("RFC 2822", "Wed, 18 Dec 2019 20:02:01 +0000")]


class SubscriptionList(Model):
    """The subscriptions of a scope, in the order of their creation."""

    subscriptions: tuple[Subscription | RecordError, ...]
    count: Annotated[int, doc("number of subscriptions, listed or not", 1)]
