"""What every official library must tell apart: a request through the library, and the error it must raise, or meets."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from support.faults import add_fault
from support.server import CONTENT, Caller, fresh


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
    options: Mapping[str, Any] = field(default_factory=dict)  # of a client that takes any


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


@dataclass(frozen=True, kw_only=True)
class Trouble:
    """A fault, and what the libraries make of it.

    Attributes:
        then: the rule's.
        processed: whether a message is created all the same.
        python: the exception's class, and how its text begins; None = all is well.
        node: the error's class, code (None when it has none) and how its message begins.
    """

    name: str
    then: Mapping[str, Any]
    processed: bool
    python: tuple[str, str] | None
    node: tuple[str, object, str] | None


_ABORTED = "('Connection aborted.', "
TROUBLES = (
    Trouble(
        name="429",
        then={"reply": {"status": 429, "retry_after": 1}},
        processed=False,
        python=("TwilioRestException", "HTTP 429 error: Unable to create record: Too Many Requests"),
        node=("RestException", 20429, "Too Many Requests"),
    ),
    Trouble(
        name="500",
        then={"reply": {"code": 20500}},
        processed=False,
        python=("TwilioRestException", "HTTP 500 error: Unable to create record: Internal Server Error"),
        node=("RestException", 20500, "Internal Server Error"),
    ),
    Trouble(
        name="503 with a text of its own",
        then={"reply": {"status": 503, "message": "Come back"}},
        processed=False,
        python=("TwilioRestException", "HTTP 503 error: Unable to create record: Come back"),
        node=("RestException", 20503, "Come back"),
    ),
    Trouble(
        name="an exhausted quota",
        then={"quota": {"requests": 0, "window": 5}},
        processed=False,
        python=("TwilioRestException", "HTTP 429 error: Unable to create record: Too Many Requests"),
        node=("RestException", 20429, "Too Many Requests"),
    ),
    Trouble(
        name="a gateway's page",
        then={"reply": {"status": 502}},
        processed=False,
        python=("TwilioRestException", "HTTP 502 error: Unable to create record"),
        node=("RestException", None, "[HTTP 502] Failed to execute request"),
    ),
    Trouble(
        name="a page that says all is well",
        then={"reply": {"status": 200, "body": "<h1>hello</h1>"}},
        processed=False,
        python=("JSONDecodeError", "Expecting value"),
        node=("SyntaxError", None, "Unexpected token"),
    ),
    Trouble(
        name="drop before",
        then={"drop": "before"},
        processed=False,
        python=("ConnectionError", f"{_ABORTED}ConnectionResetError(104"),
        node=("AxiosError", "ECONNRESET", "read ECONNRESET"),
    ),
    Trouble(
        name="drop after",
        then={"drop": "after"},
        processed=True,
        python=("ConnectionError", f"{_ABORTED}ConnectionResetError(104"),
        node=("AxiosError", "ECONNRESET", "read ECONNRESET"),
    ),
    Trouble(
        name="half an answer",
        then={"truncate": 10},
        processed=True,
        python=("ChunkedEncodingError", "('Connection broken: IncompleteRead(10 bytes read, 189 more expected)'"),
        node=("AxiosError", "ERR_BAD_RESPONSE", "stream has been aborted"),
    ),
    Trouble(
        name="garbage",
        then={"garbage": True},
        processed=True,
        python=("ConnectionError", f"{_ABORTED}BadStatusLine("),
        node=("AxiosError", "HPE_INVALID_CONSTANT", "Parse Error"),
    ),
    Trouble(
        name="a close without an answer",
        then={"close": True},
        processed=False,
        python=("ConnectionError", f"{_ABORTED}RemoteDisconnected("),
        node=("AxiosError", "ECONNRESET", "socket hang up"),
    ),
    Trouble(name="a delay", then={"delay": 0.001}, processed=True, python=None, node=None),
)


def troubled(caller: Caller, trouble: Trouble) -> Caller:
    """The caller, whose next request meets the fault."""
    add_fault(caller, trouble.then, times=1)
    return caller


def asked_of(caller: Caller) -> int:
    """How many requests came from a caller."""
    count: int = caller.site.get(f"/_emulator/requests?account_sid={caller.account}").json()["count"]
    return count
