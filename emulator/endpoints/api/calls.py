"""Registered calls."""

from typing import Annotated

from emulator.endpoints.api.model import ACCOUNT, CALL, Model, doc
from emulator.endpoints.api.pagination import RecordError
from emulator.engine.state.calls import Leg, Status


class Call(Model):
    """A registered call."""

    call_sid: Annotated[str, doc(None, CALL)]
    account_sid: Annotated[str | None, doc("null: the call belongs to every account", ACCOUNT)]
    status: Annotated[Status, doc(None, "in-progress")]
    client: Annotated[Leg, doc(None, "voice-sdk")]
    identity: Annotated[str | None, doc("identity of the connected Voice SDK", "alice")] = None


class CallList(Model):
    """The registered calls of a scope, in the order of their registration."""

    calls: tuple[Call | RecordError, ...]
    count: Annotated[int, doc(None, 1)]
