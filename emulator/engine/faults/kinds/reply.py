"""Other replies: a row of the error catalogue, or any page, as a gateway would send it."""

from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, ClassVar

from emulator.engine.faults.fault_kind import FaultAction, FaultForm, fault_kind
from emulator.engine.faults.parameter import Parameter
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
        raise ValueError(f"{status} has no body; that would be no fault but another protocol")


RetryAfter = Annotated[int | None, Parameter(ge=0, le=86400, description="seconds, sent as Retry-After", examples=(2,))]
Message = Annotated[
    str | None,
    Parameter(max_length=1000, description="{path} in it stands for the path", examples=("Too Many Requests",)),
]
ErrorStatus = Annotated[int, Parameter(ge=200, le=599, check=_check_error, schema={"minimum": 400}, examples=(429,))]
_MEDIA_TYPE = Parameter(pattern=r"^[!-~]([ -~]*[!-~])?$", max_length=200, examples=("text/html",))


@dataclass(frozen=True, slots=True, kw_only=True)
class _ReplyForm(FaultForm):
    retry_after: RetryAfter = None

    def _with_retry_after(self, problem: ErrorSpec) -> ErrorSpec:
        wait = self.retry_after
        return problem if wait is None else problem.with_headers(((b"retry-after", b"%d" % wait),))

    def _problem(self, status: int | None, code: int | None, message: str | None) -> "ReplyFault":
        problem = errors.like(status, code, message)
        assert problem is not None
        return ReplyFault(self._with_retry_after(problem))

    def _page(self, status: int, body: str | None = None, content_type: str | None = None) -> "ReplyFault":
        problem = errors.made_up(status)
        if body is None:
            body = _GATEWAY_PAGE.format(f"{status} {problem.message}")
        guess = "application/json" if body.lstrip()[:1] in ("{", "[") else "text/html"
        return ReplyFault(self._with_retry_after(problem), body, content_type or guess)


@dataclass(frozen=True, slots=True, kw_only=True)
class PageReply(_ReplyForm):
    """A response with any body."""

    selector: ClassVar[str] = "body"
    status: Annotated[
        int,
        Parameter(
            ge=200,
            le=599,
            check=_check_has_body,
            schema={"not": {"enum": [int(status) for status in _NO_BODY]}},
            examples=(502,),
        ),
    ]
    body: Annotated[
        str,
        Parameter(
            max_length=64 * 1024,
            description="sent as it is, without Twilio's headers",
            examples=("<h1>Oops</h1>",),
        ),
    ]
    content_type: Annotated[str | None, _MEDIA_TYPE] = None

    def fault(self) -> "ReplyFault":
        """Convert to the fault."""
        return self._page(self.status, self.body, self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayReply(_ReplyForm):
    """The page of a gateway, with a media type."""

    selector: ClassVar[str] = "content_type"
    status: ErrorStatus
    content_type: Annotated[str, _MEDIA_TYPE]

    def fault(self) -> "ReplyFault":
        """Convert to the fault."""
        return self._page(self.status, content_type=self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusReply(_ReplyForm):
    """Twilio's response for a status; for 502 and 504 without a code or message, the page of a gateway."""

    selector: ClassVar[str] = "status"
    status: ErrorStatus
    code: Annotated[int | None, Parameter(ge=0, le=99999, examples=(20429,))] = None
    message: Message = None

    def fault(self) -> "ReplyFault":
        """Convert to the fault."""
        if self.status in _GATEWAYS_OWN and self.code is None and self.message is None:
            return self._page(self.status)
        return self._problem(self.status, self.code, self.message)


@dataclass(frozen=True, slots=True, kw_only=True)
class CodeReply(_ReplyForm):
    """Twilio's response for a code."""

    selector: ClassVar[str] = "code"
    code: Annotated[int, Parameter(check=_check_code, schema={"enum": _CODES}, examples=(20429,))]
    message: Message = None

    def fault(self) -> "ReplyFault":
        """Convert to the fault."""
        return self._problem(None, self.code, self.message)


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
    forms = (PageReply, GatewayReply, StatusReply, CodeReply)
    prevents = True
    effect = "Another response was sent; the request was not processed."

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
            raise ValueError("code and message are Twilio's form, body and content_type a page: give one or the other")
