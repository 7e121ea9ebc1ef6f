"""The error catalogue: a row for every error response. Code raises `TwilioError(row)`; replies.py renders it.

A row is also a rule, with a name, a certainty and a source.
"""

from dataclasses import dataclass, replace
from http import HTTPStatus

from emulator.wire.rules import Certainty, Rule

_DETAIL = "Your AccountSid or AuthToken was incorrect."
_DICTIONARY = "https://www.twilio.com/docs/api/errors/"
_SUBSCRIPTION = "https://www.twilio.com/docs/voice/api/userdefinedmessagesubscription-resource"
_EVENTS = "https://www.twilio.com/docs/voice/sdks/call-message-events"
_NOT_FOUND = "The requested resource {path} was not found"
_MISSING = "Missing required parameter {} in the post body"
_PATTERN = "the pattern of `Invalid PageSize.` (ex_twilio #186, 2024); unknown for this resource; "

Headers = tuple[tuple[bytes, bytes], ...]


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
        advice: what the client can do, in one or two sentences.
    """

    name: str
    status: int
    code: int | None
    message: str
    certainty: Certainty
    source: str
    advice: str
    detail: str | None = None
    headers: Headers = ()

    @property
    def more_info(self) -> str | None:
        """URL of the error's page in Twilio's dictionary, in the form of all recordings from 2015 to 2023."""
        return None if self.code is None else f"https://www.twilio.com/docs/errors/{self.code}"

    def with_headers(self, headers: Headers) -> "ErrorSpec":
        """Return a copy with additional headers."""
        return replace(self, headers=(*self.headers, *headers)) if headers else self

    @property
    def rule(self) -> Rule:
        """The row as listed in `GET /_emulator/rules`."""
        code = "" if self.code is None else f"/{self.code}"
        summary = f"{self.status}{code} {self.message}"
        return Rule(self.name, self.certainty, summary, self.source, self.advice)


_LONGEST_REASON = 300


class TwilioError(Exception):
    """A request is rejected with a row of the catalogue; `reason` explains why, in at most 300 characters."""

    def __init__(self, problem: ErrorSpec, reason: str | None = None) -> None:
        super().__init__(problem.name)
        self.problem = problem
        self.reason = reason if reason is None or len(reason) <= _LONGEST_REASON else reason[:_LONGEST_REASON] + "…"


_CHALLENGE = ((b"www-authenticate", b'Basic realm="Twilio API"'),)
ALLOW = (b"allow", b"OPTIONS, POST")
DOCUMENTED, OBSERVED, ASSUMED = Certainty.DOCUMENTED, Certainty.OBSERVED, Certainty.ASSUMED
_rows: list[ErrorSpec] = []


def _error(  # noqa: PLR0917  the columns of a table
    name: str,
    status: int,
    code: int | None,
    message: str,
    certainty: Certainty,
    source: str,
    advice: str,
    *,
    detail: str | None = None,
    headers: Headers = (),
) -> ErrorSpec:
    """Add a row to the catalogue; each 401 has a challenge."""
    row = ErrorSpec(
        name=name,
        status=status,
        code=code,
        message=message,
        certainty=certainty,
        source=source,
        advice=advice,
        detail=detail,
        headers=_CHALLENGE if status == HTTPStatus.UNAUTHORIZED else headers,
    )
    _rows.append(row)
    return row


# A row: the response and its certainty, the source, the advice.
# fmt: off
CREDENTIALS_MISSING = _error("credentials-missing", 401, 20003, "Authentication Error - No credentials provided",
    OBSERVED,
    "quoted from api.twilio.com in six public repositories; challenge: twilio-python's own old test",
    "Send HTTP Basic credentials: AccountSid (or API key) as username, AuthToken (or the key's secret) as password.")
USERNAME_UNKNOWN = _error("username-unknown", 401, 20003, "Authentication Error - invalid username", OBSERVED,
    "quoted from api.twilio.com in eight public repositories, newest 2026-08",
    "Use an AccountSid (AC and 32 hex digits) or a configured API key as username; check for swapped variables.")
TOKEN_WRONG = _error("token-wrong", 401, 20003, "Authenticate", OBSERVED,
    "recorded body of 171 bytes, voicera/gooseberry README (2018)",
    "Use the AuthToken of the emulator: 32 zeros, unless the option auth_token or accounts is set.",
    detail=_DETAIL)
PATH_UNKNOWN = _error("path-unknown", 404, 20404, _NOT_FOUND, OBSERVED,
    "recorded 2016 (aloha/laravel-twilio #96) and 2021; " + _DICTIONARY + "20404",
    "Use /2010-04-01/Accounts/AC…/Calls/CA…/UserDefinedMessages.json; a SID has 32 hex digits, and case matters.")
ACCOUNT_FOREIGN = _error("account-foreign", 401, 20003, "Authenticate", DOCUMENTED,
    _DICTIONARY + "20003 (cause list; the text of the message is assumed)",
    "Create the client with the account that owns the call: these credentials belong to another account.",
    detail=_DETAIL)
METHOD_NOT_ALLOWED = _error("method-not-allowed", 405, 20004, "Method not allowed", ASSUMED,
    _DICTIONARY + "20004 names the code; status, text and Allow are our choice",
    "Create with POST, delete a subscription with DELETE; to read messages, use GET /_emulator/messages.",
    headers=(ALLOW,))
ORIGIN_FOREIGN = _error("origin-foreign", 403, 20403, "Forbidden", ASSUMED,
    "our choice: a page of another site must not change what this machine calls; option allowed_origins",
    "Send the request from a server, or add the page's origin to the option allowed_origins.")
BODY_TOO_LARGE = _error("body-too-large", 413, 20413, "Entity too large", ASSUMED,
    _DICTIONARY + "20413 names the code; the limit of 1 MiB is our choice",
    "Send at most 1 MiB; Content may have 10,000 characters.")
FORM_BROKEN = _error("form-broken", 400, 20001, "Bad request", ASSUMED,
    "the generic 400 seen on other Twilio resources (twilio-go #112, 2021); unknown for broken encoding",
    "Send application/x-www-form-urlencoded with correct percent-encoding, as the official libraries do.")
CONTENT_REQUIRED = _error("content-required", 400, 20001, _MISSING.format("Content"), ASSUMED,
    "the pattern of Twilio's product hosts (twilio-ruby #674, 2023); unknown for this resource",
    "Send the parameter Content, with a capital C, in a form; a JSON body is not parsed.")
CONTENT_TOO_LONG = _error("content-too-long", 400, 32703, "Content body exceeded max length", ASSUMED,
    _DICTIONARY + "32703 gives 10000 characters; that REST answers with it at once is our choice",
    "Keep Content within 10,000 characters: send a reference, and let the client fetch the rest.")
CONTENT_NOT_JSON = _error("content-not-json", 400, 32702, "Invalid Content", ASSUMED,
    _DICTIONARY + "32702 names the cause; that REST answers with it at once is our choice",
    "Send JSON text as Content: use json.dumps(…) or JSON.stringify(…), not a plain string or a dict.")
CONTENT_VIOLATES_SCHEMA = _error("content-violates-schema", 400, 32702, "Invalid Content", ASSUMED,
    "our choice, for schemas registered with on_failure=refuse only; Twilio has no schemas",
    "Send content that is valid by the schema that the reason names; GET /_emulator/schemas lists them.")
KEY_TOO_LONG = _error("idempotency-key-too-long", 400, 20001, "Invalid IdempotencyKey.", ASSUMED,
    _PATTERN + "the limit of 255 characters is our choice: nothing is documented about the parameter",
    "Use a key of at most 255 characters, for example a UUID.")
CALLBACK_REQUIRED = _error("callback-required", 400, 20001, _MISSING.format("Callback"), ASSUMED,
    "the pattern of Twilio's product hosts (twilio-ruby #674, 2023); unknown for this resource",
    "Send the parameter Callback: the URL that receives the end user's messages.")
CALLBACK_INVALID = _error("callback-invalid", 400, 20001, "Invalid Callback.", ASSUMED,
    _PATTERN + "that it is a URL whose host has no underscore is in " + _SUBSCRIPTION,
    "Send an absolute http or https URL, without credentials, and without an underscore in its host.")
METHOD_INVALID = _error("method-invalid", 400, 20001, "Invalid Method.", ASSUMED,
    _PATTERN + "that it is GET or POST is in " + _SUBSCRIPTION,
    "Send POST or GET as Method, or omit it.")
KEY_CONFLICT = _error("idempotency-conflict", 409, 20409, "Conflict", ASSUMED,
    "our choice, with idempotency_mismatch=reject only; nothing is documented about a reused key",
    "Use a new key for each message; reuse a key only to retry the same request.")
CALL_UNKNOWN = _error("call-unknown", 404, 20404, _NOT_FOUND, DOCUMENTED,
    _DICTIONARY + "20404 (that the whole path is echoed is inferred from its siblings)",
    "Check the CallSid, or register the call for this account with PUT /_emulator/calls/CA….")
CALL_FOREIGN = _error("call-foreign", 404, 20404, _NOT_FOUND, ASSUMED,
    "our choice for another account's call under one's own AccountSid",
    "Use the AccountSid and the credentials of the account that owns the call.")
SUBSCRIPTION_UNKNOWN = _error("subscription-unknown", 404, 20404, _NOT_FOUND, DOCUMENTED,
    _DICTIONARY + "20404 (that the whole path is echoed is inferred from its siblings)",
    "Compare the SID with GET /_emulator/subscriptions; the subscription may have been deleted or reset.")
CALL_NOT_ACTIVE = _error("call-not-active", 400, 21220, "Call is not in the expected state", OBSERVED,
    "quoted from this endpoint in a public incident of 2026-09; active states: " + _EVENTS,
    "Send while the call is ringing or in-progress, or set its status with PUT /_emulator/calls/CA….")
CALL_IS_PSTN = _error("call-is-pstn", 400, None, "Client message not supported for PSTN calls", OBSERVED,
    "quoted from this endpoint in a public repository, 2026-09; that the body has no code is inferred",
    "Use the CallSid of the Voice SDK's leg: a phone's leg cannot receive messages.")
TOO_MANY_REQUESTS = _error("too-many-requests", 429, 20429, "Too Many Requests", OBSERVED,
    "body quoted in a public repository; " + _DICTIONARY + "20429",
    "Retry after the delay in Retry-After, or with exponential backoff, and with the same IdempotencyKey.")
INTERNAL_ERROR = _error("internal-error", 500, 20500, "Internal Server Error", ASSUMED,
    _DICTIONARY + "20500 (the text is inferred from its title)",
    "Retry with the same IdempotencyKey. Unless a fault caused it, it is a bug of the emulator: please report it.")
SERVICE_UNAVAILABLE = _error("service-unavailable", 503, 20503, "The service is unavailable", ASSUMED,
    _DICTIONARY + "20503; the text is quoted in a public repository, from a body without a code",
    "Retry with exponential backoff and the same IdempotencyKey.")
REQUEST_MALFORMED = _error("request-malformed", 400, 20001, "Bad request", ASSUMED,
    "our choice for bytes that are not an HTTP request",
    "Send a valid HTTP/1.1 request; check proxies and custom clients.")
TRANSFER_CODING_UNKNOWN = _error("transfer-coding-unknown", 501, None, "Not Implemented", ASSUMED,
    "RFC 9112, 6.1: a transfer coding that the server does not understand",
    "Send the body with Content-Length, or with Transfer-Encoding: chunked.")
HEAD_TOO_LARGE = _error("head-too-large", 431, None, "Request Header Fields Too Large", ASSUMED,
    "our choice: a request line and headers of more than 64 KiB",
    "Send at most 64 KiB of request line and headers; check for a growing cookie or header.")
# fmt: on

CATALOGUE: tuple[ErrorSpec, ...] = tuple(_rows)

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
        advice="A fault sent this response; remove the fault if it is not intended.",
    )


_PHRASES = {status.value: status.phrase for status in HTTPStatus}
