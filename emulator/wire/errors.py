"""The error catalogue: a row for every error response. Code raises `TwilioError(row)`; replies.py renders it.

A row is also a rule, with a name, a certainty and a source.
"""

from dataclasses import dataclass, replace
from http import HTTPStatus

from emulator.wire.rules import Certainty, Rule

_DETAIL = "Your AccountSid or AuthToken was incorrect."
_DICTIONARY = "https://www.twilio.com/docs/api/errors/"
_SUBSCRIPTION = "https://www.twilio.com/docs/voice/api/userdefinedmessagesubscription-resource"
_PATTERN = "the pattern of `Invalid PageSize.` (ex_twilio #186, 2024); unknown for this resource; "


@dataclass(frozen=True, slots=True, kw_only=True)
class ErrorSpec:
    """A row of the catalogue.

    Attributes:
        name: the rule's name, as in `GET /_emulator/rules` and in the journal.
        status: the HTTP status.
        code: Twilio's error code, or None where Twilio sends a body without one.
        message: the message; `{path}` is replaced by the raw path without its query.
        detail: the extra member recorded in 401 bodies.
        headers: headers of the response in addition to the usual ones.
        certainty: how the row is known.
        source: where it was found.
    """

    name: str
    status: int
    code: int | None
    message: str
    certainty: Certainty
    source: str
    detail: str | None = None
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @property
    def more_info(self) -> str | None:
        """URL of the error's page in Twilio's dictionary, in the form of all recordings from 2015 to 2023."""
        return None if self.code is None else f"https://www.twilio.com/docs/errors/{self.code}"

    def with_headers(self, headers: tuple[tuple[bytes, bytes], ...]) -> "ErrorSpec":
        """Return a copy with additional headers."""
        return replace(self, headers=(*self.headers, *headers)) if headers else self

    @property
    def rule(self) -> Rule:
        """The row as listed in `GET /_emulator/rules`."""
        code = "" if self.code is None else f"/{self.code}"
        says = f"{self.status:d}{code} {self.message}"
        return Rule(name=self.name, says=says, certainty=self.certainty, source=self.source)


_LONGEST_REASON = 300


class TwilioError(Exception):
    """A request is rejected with a row of the catalogue; `reason` explains why, in at most 300 characters."""

    def __init__(self, problem: ErrorSpec, reason: str | None = None) -> None:
        super().__init__(problem.name)
        self.problem = problem
        self.reason = reason if reason is None or len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + "…"


_CHALLENGE = ((b"www-authenticate", b'Basic realm="Twilio API"'),)
ALLOW = (b"allow", b"OPTIONS, POST")

CREDENTIALS_MISSING = ErrorSpec(
    name="credentials-missing",
    status=HTTPStatus.UNAUTHORIZED,
    code=20003,
    message="Authentication Error - No credentials provided",
    headers=_CHALLENGE,
    certainty=Certainty.OBSERVED,
    source="quoted from api.twilio.com in six public repositories; challenge: twilio-python's own old test",
)
USERNAME_UNKNOWN = ErrorSpec(
    name="username-unknown",
    status=HTTPStatus.UNAUTHORIZED,
    code=20003,
    message="Authentication Error - invalid username",
    headers=_CHALLENGE,
    certainty=Certainty.OBSERVED,
    source="quoted from api.twilio.com in eight public repositories, newest 2026-08",
)
TOKEN_WRONG = ErrorSpec(
    name="token-wrong",
    status=HTTPStatus.UNAUTHORIZED,
    code=20003,
    message="Authenticate",
    detail=_DETAIL,
    headers=_CHALLENGE,
    certainty=Certainty.OBSERVED,
    source="recorded body of 171 bytes, voicera/gooseberry README (2018)",
)
ACCOUNT_FOREIGN = ErrorSpec(
    name="account-foreign",
    status=HTTPStatus.UNAUTHORIZED,
    code=20003,
    message="Authenticate",
    detail=_DETAIL,
    headers=_CHALLENGE,
    certainty=Certainty.DOCUMENTED,
    source=_DICTIONARY + "20003 (cause list; the text of the message is assumed)",
)
PATH_UNKNOWN = ErrorSpec(
    name="path-unknown",
    status=HTTPStatus.NOT_FOUND,
    code=20404,
    message="The requested resource {path} was not found",
    certainty=Certainty.OBSERVED,
    source="recorded 2016 (aloha/laravel-twilio #96) and 2021; " + _DICTIONARY + "20404",
)
METHOD_NOT_ALLOWED = ErrorSpec(
    name="method-not-allowed",
    status=HTTPStatus.METHOD_NOT_ALLOWED,
    code=20004,
    message="Method not allowed",
    headers=(ALLOW,),
    certainty=Certainty.ASSUMED,
    source=_DICTIONARY + "20004 names the code; status, text and Allow are our choice",
)
BODY_TOO_LARGE = ErrorSpec(
    name="body-too-large",
    status=HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    code=20413,
    message="Entity too large",
    certainty=Certainty.ASSUMED,
    source=_DICTIONARY + "20413 names the code; the limit of 1 MiB is our choice",
)
FORM_BROKEN = ErrorSpec(
    name="form-broken",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Bad request",
    certainty=Certainty.ASSUMED,
    source="the generic 400 seen on other Twilio resources (twilio-go #112, 2021); unknown for broken encoding",
)
CONTENT_REQUIRED = ErrorSpec(
    name="content-required",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Missing required parameter Content in the post body",
    certainty=Certainty.ASSUMED,
    source="the pattern of Twilio's product hosts (twilio-ruby #674, 2023); unknown for this resource",
)
CONTENT_TOO_LONG = ErrorSpec(
    name="content-too-long",
    status=HTTPStatus.BAD_REQUEST,
    code=32703,
    message="Content body exceeded max length",
    certainty=Certainty.ASSUMED,
    source=_DICTIONARY + "32703 gives 10000 characters; that REST answers with it at once is our choice",
)
CONTENT_NOT_JSON = ErrorSpec(
    name="content-not-json",
    status=HTTPStatus.BAD_REQUEST,
    code=32702,
    message="Invalid Content",
    certainty=Certainty.ASSUMED,
    source=_DICTIONARY + "32702 names the cause; that REST answers with it at once is our choice",
)
KEY_TOO_LONG = ErrorSpec(
    name="idempotency-key-too-long",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Invalid IdempotencyKey.",
    certainty=Certainty.ASSUMED,
    source=_PATTERN + "the limit of 255 characters is our choice: nothing is documented about the parameter",
)
CALLBACK_REQUIRED = ErrorSpec(
    name="callback-required",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Missing required parameter Callback in the post body",
    certainty=Certainty.ASSUMED,
    source="the pattern of Twilio's product hosts (twilio-ruby #674, 2023); unknown for this resource",
)
CALLBACK_INVALID = ErrorSpec(
    name="callback-invalid",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Invalid Callback.",
    certainty=Certainty.ASSUMED,
    source=_PATTERN + "that it is a URL whose host has no underscore is in " + _SUBSCRIPTION,
)
METHOD_INVALID = ErrorSpec(
    name="method-invalid",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Invalid Method.",
    certainty=Certainty.ASSUMED,
    source=_PATTERN + "that it is GET or POST is in " + _SUBSCRIPTION,
)
ORIGIN_FOREIGN = ErrorSpec(
    name="origin-foreign",
    status=HTTPStatus.FORBIDDEN,
    code=20403,
    message="Forbidden",
    certainty=Certainty.ASSUMED,
    source="our choice: a page of another site must not change what this machine calls; option allowed_origins",
)
KEY_CONFLICT = ErrorSpec(
    name="idempotency-conflict",
    status=HTTPStatus.CONFLICT,
    code=20409,
    message="Conflict",
    certainty=Certainty.ASSUMED,
    source="our choice, with idempotency_mismatch=reject only; nothing is documented about a reused key",
)
CALL_UNKNOWN = ErrorSpec(
    name="call-unknown",
    status=HTTPStatus.NOT_FOUND,
    code=20404,
    message="The requested resource {path} was not found",
    certainty=Certainty.DOCUMENTED,
    source=_DICTIONARY + "20404 (that the whole path is echoed is inferred from its siblings)",
)
CALL_FOREIGN = ErrorSpec(
    name="call-foreign",
    status=HTTPStatus.NOT_FOUND,
    code=20404,
    message="The requested resource {path} was not found",
    certainty=Certainty.ASSUMED,
    source="our choice for another account's call under one's own AccountSid",
)
SUBSCRIPTION_UNKNOWN = ErrorSpec(
    name="subscription-unknown",
    status=HTTPStatus.NOT_FOUND,
    code=20404,
    message="The requested resource {path} was not found",
    certainty=Certainty.DOCUMENTED,
    source=_DICTIONARY + "20404 (that the whole path is echoed is inferred from its siblings)",
)
CALL_NOT_ACTIVE = ErrorSpec(
    name="call-not-active",
    status=HTTPStatus.BAD_REQUEST,
    code=21220,
    message="Call is not in the expected state",
    certainty=Certainty.OBSERVED,
    source="quoted from this endpoint in a public incident of 2026-09; "
    "active states: https://www.twilio.com/docs/voice/sdks/call-message-events",
)
CALL_IS_PSTN = ErrorSpec(
    name="call-is-pstn",
    status=HTTPStatus.BAD_REQUEST,
    code=None,
    message="Client message not supported for PSTN calls",
    certainty=Certainty.OBSERVED,
    source="quoted from this endpoint in a public repository, 2026-09; that the body has no code is inferred",
)
TOO_MANY_REQUESTS = ErrorSpec(
    name="too-many-requests",
    status=HTTPStatus.TOO_MANY_REQUESTS,
    code=20429,
    message="Too Many Requests",
    certainty=Certainty.OBSERVED,
    source="body quoted in a public repository; " + _DICTIONARY + "20429",
)
INTERNAL_ERROR = ErrorSpec(
    name="internal-error",
    status=HTTPStatus.INTERNAL_SERVER_ERROR,
    code=20500,
    message="Internal Server Error",
    certainty=Certainty.ASSUMED,
    source=_DICTIONARY + "20500 (the text is inferred from its title)",
)
SERVICE_UNAVAILABLE = ErrorSpec(
    name="service-unavailable",
    status=HTTPStatus.SERVICE_UNAVAILABLE,
    code=20503,
    message="The service is unavailable",
    certainty=Certainty.ASSUMED,
    source=_DICTIONARY + "20503; the text is quoted in a public repository, from a body without a code",
)
REQUEST_MALFORMED = ErrorSpec(
    name="request-malformed",
    status=HTTPStatus.BAD_REQUEST,
    code=20001,
    message="Bad request",
    certainty=Certainty.ASSUMED,
    source="our choice for bytes that are not an HTTP request",
)
TRANSFER_CODING_UNKNOWN = ErrorSpec(
    name="transfer-coding-unknown",
    status=HTTPStatus.NOT_IMPLEMENTED,
    code=None,
    message="Not Implemented",
    certainty=Certainty.ASSUMED,
    source="RFC 9112, 6.1: a transfer coding that the server does not understand",
)
HEAD_TOO_LARGE = ErrorSpec(
    name="head-too-large",
    status=HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    code=None,
    message="Request Header Fields Too Large",
    certainty=Certainty.ASSUMED,
    source="our choice: a request line and headers of more than 64 KiB",
)

CATALOGUE: tuple[ErrorSpec, ...] = (
    CREDENTIALS_MISSING,
    USERNAME_UNKNOWN,
    TOKEN_WRONG,
    PATH_UNKNOWN,
    ACCOUNT_FOREIGN,
    METHOD_NOT_ALLOWED,
    ORIGIN_FOREIGN,
    BODY_TOO_LARGE,
    FORM_BROKEN,
    CONTENT_REQUIRED,
    CONTENT_TOO_LONG,
    CONTENT_NOT_JSON,
    KEY_TOO_LONG,
    CALLBACK_REQUIRED,
    CALLBACK_INVALID,
    METHOD_INVALID,
    KEY_CONFLICT,
    CALL_UNKNOWN,
    CALL_FOREIGN,
    SUBSCRIPTION_UNKNOWN,
    CALL_NOT_ACTIVE,
    CALL_IS_PSTN,
    TOO_MANY_REQUESTS,
    INTERNAL_ERROR,
    SERVICE_UNAVAILABLE,
    REQUEST_MALFORMED,
    TRANSFER_CODING_UNKNOWN,
    HEAD_TOO_LARGE,
)

# Preferred where rows share a status or a code: the row that is least specific about the request.
_USUAL = (TOKEN_WRONG, FORM_BROKEN, PATH_UNKNOWN)


def like(status: int | None, code: int | None, message: str | None = None) -> ErrorSpec | None:
    """Find the row for a status and code, with the given message; None if a code alone is not in the catalogue.

    A status and code that are not in the catalogue give a new row, in Twilio's form.
    """
    for row in (*_USUAL, *CATALOGUE):
        if status in (None, row.status) and (code == row.code if code is not None else row.status == status):
            return row if message is None else replace(row, message=message)
    return None if status is None else made_up(status, code, message)


def made_up(status: int, code: int | None = None, message: str | None = None) -> ErrorSpec:
    """Build a row that is not in the catalogue; the default message is the status phrase."""
    return ErrorSpec(
        name="made-up",
        status=status,
        code=code,
        message=message or _PHRASES.get(status, "Unknown"),
        certainty=Certainty.ASSUMED,
        source="defined by a fault",
    )


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
