"""What every official library must tell apart: a request through the library, and the error it must raise."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from serving import CONTENT, Caller, fresh


@dataclass(frozen=True, kw_only=True)
class Attempt:
    """What is asked of a library, one `create`."""

    url: str
    username: str
    password: str
    account_sid: str
    call_sid: str
    content: str
    key: str | None = None


def attempt(caller: Caller, **changes: Any) -> Attempt:  # noqa: ANN401  fields of Attempt
    """A good attempt of this caller's, but for the changes."""
    good = {
        "url": caller.site.url,
        "username": caller.account,
        "password": caller.token,
        "account_sid": caller.account,
        "call_sid": caller.call,
        "content": CONTENT,
    }
    return Attempt(**{**good, **changes})


def _nothing(_: Caller) -> dict[str, Any]:
    return {}


@dataclass(frozen=True, kw_only=True)
class Situation:
    """A request that is refused.

    Attributes:
        name: what is wrong.
        arrange: brings it about at the emulator, and returns what is other about the attempt.
        options: the emulator's.
        code: None when the body has none.
    """

    name: str
    status: int
    code: int | None
    message: str
    arrange: Callable[[Caller], dict[str, Any]] = _nothing
    options: Mapping[str, Any] = field(default_factory=dict)

    def message_for(self, attempt: Attempt) -> str:
        """The message, with the path that was asked for in it."""
        path = f"/2010-04-01/Accounts/{attempt.account_sid}/Calls/{attempt.call_sid}/UserDefinedMessages.json"
        return self.message.replace("{path}", path)


def _changed(**changes: Any) -> Callable[[Caller], dict[str, Any]]:  # noqa: ANN401  fields of Attempt
    return lambda _: changes


def _call(**state: str) -> Callable[[Caller], dict[str, Any]]:
    def register(caller: Caller) -> dict[str, Any]:
        assert caller.site.put_json(f"/_emulator/calls/{caller.call}", state).status == 201
        return {}

    return register


def _used_key(caller: Caller) -> dict[str, Any]:
    assert caller.send('{"other":1}', key="k").status == 201
    return {"key": "k"}


REFUSALS = (
    Situation(
        name="an unknown username",
        status=401,
        code=20003,
        message="Authentication Error - invalid username",
        arrange=lambda _: {"username": fresh("AC")[:-1]},
    ),
    Situation(
        name="a wrong token", status=401, code=20003, message="Authenticate", arrange=_changed(password="1" * 32)
    ),
    Situation(
        name="another account",
        status=401,
        code=20003,
        message="Authenticate",
        arrange=lambda _: {"account_sid": fresh("AC")},
    ),
    Situation(
        name="a malformed CallSid",
        status=404,
        code=20404,
        message="The requested resource {path} was not found",
        arrange=_changed(call_sid="CA123"),
    ),
    Situation(
        name="an unknown call",
        status=404,
        code=20404,
        message="The requested resource {path} was not found",
        options={"calls": "registered"},
    ),
    Situation(
        name="no Content",
        status=400,
        code=20001,
        message="Missing required parameter Content in the post body",
        arrange=_changed(content=""),
    ),
    Situation(
        name="Content that is not JSON",
        status=400,
        code=32702,
        message="Invalid Content",
        arrange=_changed(content="hello"),
    ),
    Situation(
        name="Content that is too long",
        status=400,
        code=32703,
        message="Content body exceeded max length",
        arrange=_changed(content='"' + "a" * 9999 + '"'),
    ),
    Situation(
        name="a body that is too large",
        status=413,
        code=20413,
        message="Entity too large",
        arrange=_changed(content='"' + "a" * (3 << 20) + '"'),
    ),
    Situation(
        name="a key of another message",
        status=409,
        code=20409,
        message="Conflict",
        arrange=_used_key,
        options={"idempotency_mismatch": "reject"},
    ),
    Situation(
        name="an ended call",
        status=400,
        code=21220,
        message="Call is not in the expected state",
        arrange=_call(status="completed"),
    ),
    Situation(
        name="a PSTN leg",
        status=400,
        code=None,
        message="Client message not supported for PSTN calls",
        arrange=_call(client="pstn"),
    ),
)
