"""Fault rules."""

from dataclasses import field
from typing import Annotated, Any

from emulator.endpoints.api.model import ACCOUNT, Model, doc
from emulator.endpoints.api.pagination import RecordError


class Fault(Model):
    """A fault rule and its counters."""

    id: Annotated[str, doc(None, "fault-1")]
    match: Annotated[dict[str, Any], doc("conditions of the requests", {"account_sid": ACCOUNT})] = field(hash=False)
    then: Annotated[dict[str, Any], doc("its effect", {"reply": {"status": 429}})] = field(hash=False)
    profile: str | None
    skip_first: int
    times: int | None
    probability: float
    seed: int | None
    ttl: Annotated[float | None, doc("seconds, as given")]
    seconds_left: Annotated[float | None, doc("seconds until the rule expires; null: never")]
    matched: Annotated[int, doc("number of requests that matched while the rule was active", 3)]
    fired: Annotated[int, doc("number of requests that it affected", 1)]
    active: Annotated[bool, doc("whether the rule can still fire")]


class Profile(Model):
    """A named set of a fault rule's fields."""

    name: str
    does: str
    then: Annotated[dict[str, Any], doc()] = field(hash=False)
    probability: float = 1.0


class FaultKindDescription(Model):
    """A kind of fault."""

    name: Annotated[str, doc("its member of `then`", "drop")]
    does: Annotated[str, doc(None, "Reset the connection.")]
    then: Annotated[dict[str, Any], doc("an example", {"drop": "before"})] = field(hash=False)
    needs_connection: Annotated[bool, doc("whether only the emulator's own server can do it")]


class FaultList(Model):
    """The fault rules of a scope, in the order of their evaluation, and all profiles and kinds of faults."""

    faults: tuple[Fault | RecordError, ...]
    count: int
    profiles: tuple[Profile, ...]
    kinds: tuple[FaultKindDescription, ...]
