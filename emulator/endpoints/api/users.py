"""Connected Voice SDK users."""

from typing import Annotated

from emulator.endpoints.api.model import ACCOUNT, CALL, Model, doc
from emulator.endpoints.api.pagination import RecordError
from emulator.engine.voice.auto_answer import Reaction


class UserCall(Model):
    """A user's leg of a call."""

    call_sid: Annotated[str, doc(None, CALL)]
    account_sid: Annotated[str | None, doc("null: the call belongs to every account", ACCOUNT)]
    direction: Annotated[str, doc("outgoing or incoming, from the user's point of view", "outgoing")]
    answered: Annotated[bool, doc(None, example=True)]


class ConnectedUser(Model):
    """A connected Voice SDK."""

    identity: Annotated[str, doc(None, "alice")]
    account_sid: Annotated[str | None, doc("account of the token; null: every account", ACCOUNT)]
    registered: Annotated[bool, doc("whether the user can be called", example=True)]
    calls: tuple[UserCall, ...]


class UserList(Model):
    """The connected users."""

    users: tuple[ConnectedUser | RecordError, ...]
    count: Annotated[int, doc(None, 1)]
    insights: Annotated[int, doc("number of Insights reports of SDKs that were received and dropped", 0)]


class Behaviour(Model):
    """The automatic answer of an identity."""

    identity: Annotated[str, doc(None, "alice")]
    reaction: Annotated[Reaction, doc(None, "answer")]
    after: Annotated[float, doc("seconds of ringing before the answer", 1.5)]
