"""Other replies: a row of the error catalogue, or any page, as a gateway would send it."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Annotated

from emulator.engine.faults.fault_kind import FaultAction, fault_kind
from emulator.engine.faults.fault_parameter import Parameter
from emulator.wire import errors
from emulator.wire.errors import ErrorSpec

_GATEWAY_PAGE = "<html><head><title>{0}</title></head><body><center><h1>{0}</h1></center></body></html>\n"
_GATEWAYS_OWN = (502, 504)
_NO_BODY = (HTTPStatus.NO_CONTENT, HTTPStatus.RESET_CONTENT, HTTPStatus.NOT_MODIFIED)
_CODES = sorted({row.code for row in errors.CATALOGUE if row.code is not None})
_NEITHER = "give a status, or a code of Twilio's that GET /_emulator/rules lists"


def _check_code(code: int) -> None:
    if code not in _CODES:
        raise ValueError(_NEITHER)


def _check_error(status: int) -> None:
    if status < HTTPStatus.BAD_REQUEST:
        raise ValueError(f"with status {status} give a body too; Twilio's form is for errors")


def _check_has_body(status: int) -> None:
    if status in _NO_BODY:
        raise ValueError(f"a response with status {status} cannot have a body")


RetryAfter = Annotated[int | None, Parameter(ge=0, le=86400, description="seconds, sent as Retry-After", examples=(2,))]
Message = Annotated[
    str | None,
    Parameter(max_length=1000, description="{path} in it is replaced by the path", examples=("Too Many Requests",)),
]
ErrorStatus = Annotated[int, Parameter(ge=200, le=599, check=_check_error, schema={"minimum": 400}, examples=(429,))]
_MEDIA_TYPE = Parameter(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=200, examples=("text/html",))


def page_reply(
    *,
    status: Annotated[
        int,
        Parameter(
            ge=200,
            le=599,
            check=_check_has_body,
            schema={"not": {"enum": [int(status) for status in _NO_BODY]}},
            examples=(502,),
        ),
    ],
    body: Annotated[
        str,
        Parameter(
            max_length=64 * 1024, description="sent as it is, without Twilio's headers", examples=("<h1>Oops</h1>",)
        ),
    ],
    content_type: Annotated[str | None, _MEDIA_TYPE] = None,
    retry_after: RetryAfter = None,
) -> "ReplyFault":
    """A response with any body."""
    return _page(status, body, content_type, retry_after)


def gateway_reply(
    *, status: ErrorStatus, content_type: Annotated[str, _MEDIA_TYPE], retry_after: RetryAfter = None
) -> "ReplyFault":
    """The page of a gateway, with a media type."""
    return _page(status, None, content_type, retry_after)


def status_reply(
    *,
    status: ErrorStatus,
    code: Annotated[int | None, Parameter(ge=0, le=99999, examples=(20429,))] = None,
    message: Message = None,
    retry_after: RetryAfter = None,
) -> "ReplyFault":
    """Twilio's response for a status; for 502 and 504 without a code or message, the page of a gateway."""
    if status in _GATEWAYS_OWN and code is None and message is None:
        return _page(status, None, None, retry_after)
    return _error(errors.like(status, code, message), retry_after)


def code_reply(
    *,
    code: Annotated[int, Parameter(check=_check_code, schema={"enum": _CODES}, examples=(20429,))],
    message: Message = None,
    retry_after: RetryAfter = None,
) -> "ReplyFault":
    """Twilio's response for a code."""
    return _error(errors.like(None, code, message), retry_after)


def _error(problem: ErrorSpec | None, retry_after: int | None) -> "ReplyFault":
    assert problem is not None
    return ReplyFault(_with_retry_after(problem, retry_after))


def _page(status: int, body: str | None, content_type: str | None, retry_after: int | None) -> "ReplyFault":
    problem = errors.made_up(status)
    if body is None:
        body = _GATEWAY_PAGE.format(f"{status} {problem.message}")
    guess = "application/json" if body.lstrip()[:1] in ("{", "[") else "text/html"
    return ReplyFault(_with_retry_after(problem, retry_after), body, content_type or guess)


def _with_retry_after(problem: ErrorSpec, seconds: int | None) -> ErrorSpec:
    return problem if seconds is None else problem.with_headers(((b"retry-after", b"%d" % seconds),))


@fault_kind
@dataclass(frozen=True, slots=True)
class ReplyFault(FaultAction):
    """Another response; the request is not processed.

    Attributes:
        problem: status, code and message; its headers carry `Retry-After`.
        page: body sent unchanged, without Twilio's headers, as a gateway would; None = Twilio's error format.
        content_type: media type of the page.
    """

    member = "reply"
    example = {"status": 429, "retry_after": 2}  # noqa: RUF012  nobody changes it
    order = 1
    forms = MappingProxyType(
        {"body": page_reply, "content_type": gateway_reply, "status": status_reply, "code": code_reply}
    )
    prevents = True
    effect = "The fault replaced the response; the request was not processed."

    problem: ErrorSpec
    page: str | None = None
    content_type: str = "text/html"

    @property
    def retry_after(self) -> int | None:
        """Value of `Retry-After` in seconds; None without this header."""
        value = dict(self.problem.headers).get(b"retry-after")
        return None if value is None else int(value)

    @classmethod
    def check_members(cls, given: Mapping[str, object]) -> None:
        """Check that a status or code is given, and that Twilio's form and a page are not mixed.

        Raises:
            ValueError: they are not.
        """
        if not {"status", "code"} & given.keys():
            raise ValueError(_NEITHER)
        if {"body", "content_type"} & given.keys() and {"code", "message"} & given.keys():
            raise ValueError("code and message cannot be combined with body and content_type")
