"""All rules in one list: the error catalogue, response format, idempotency keys, calls, and our deviations.

Served by `GET /_emulator/rules`. A behaviour without a public source is `assumed`; no guess is listed as a fact.
"""

from dataclasses import dataclass

from emulator.wire.content import LONG_INTEGER
from emulator.wire.errors import CATALOGUE
from emulator.wire.rules import Certainty, Rule

_D, _O, _A = Certainty.DOCUMENTED, Certainty.OBSERVED, Certainty.ASSUMED
_RESOURCE = "https://www.twilio.com/docs/voice/api/userdefinedmessage-resource"
_SUBSCRIPTION = "https://www.twilio.com/docs/voice/api/userdefinedmessagesubscription-resource"
_EVENTS = "https://www.twilio.com/docs/voice/sdks/call-message-events"
_SECURITY = "https://www.twilio.com/docs/usage/security#validating-requests"
_OVERRIDES = "https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides"
_RESPONSE = "https://www.twilio.com/docs/usage/twilios-response"


def _rule(name: str, certainty: Certainty, says: str, source: str) -> Rule:
    return Rule(name=name, says=says, certainty=certainty, source=source)


@dataclass(frozen=True, slots=True)
class Document:
    """The OpenAPI document that patterns, parameters and members were taken from."""

    name: str = "twilio-oai, spec/json/twilio_api_v2010.json"
    version: str = "2.6.7"
    date: str = "2026-04-14"
    commit: str = "d50069b"


DOCUMENT = Document()

_REPLIES = (
    _rule("created", _D, "201 with account_sid, call_sid, sid, date_created", _RESOURCE),
    _rule("created-order", _A, "members in the order of the OpenAPI example", "the real order is not known"),
    _rule("message-sid", _D, "KX and 32 hex digits", _RESOURCE),
    _rule("message-sid-lower-case", _O, "new SIDs are in lower case", "recordings of sibling resources, 2015 to 2023"),
    _rule("dates", _D, "date_created is RFC 2822 with offset +0000", "the OpenAPI example; recordings"),
    _rule(
        "body-form",
        _O,
        "one line, a space after : and , and no trailing newline",
        "recorded Content-Lengths 136, 171, 335",
    ),
    _rule("error-order", _O, "error members in alphabetical order", "the same recordings"),
    _rule("more-info", _O, "more_info is https://www.twilio.com/docs/errors/CODE", "recordings of 2015 to 2023"),
    _rule("headers", _O, "the reply's headers and their order", "recordings of 2023-04, 2023-06 and 2023-11"),
    _rule("request-id", _O, "Twilio-Request-Id has the hex digits of the message created", "three recordings of 2023"),
    _rule(
        "charset",
        _A,
        "charset=utf-8 in Content-Type only after Accept-Charset: utf-8",
        "inferred: it fits every recording whose request is known",
    ),
    _rule(
        "representation", _D, "the suffix decides: .json is JSON, none and .xml are XML; Accept never does", _RESPONSE
    ),
    _rule(
        "xml-created",
        _A,
        "TwilioResponse holds UserDefinedMessage with members in CamelCase",
        "as in sibling resources",
    ),
    _rule("xml-error", _O, "TwilioResponse holds RestException", "a recording of 2018, 293 bytes"),
    _rule(
        "options",
        _O,
        "OPTIONS is 200 with Allow and the CORS headers",
        "https://egghead.io/lessons/tools-use-http-options-method",
    ),
    _rule("options-open", _A, "OPTIONS needs no credentials and is valid on any path", "preflight requests have none"),
)
_REQUESTS = (
    _rule("sid-patterns", _D, "^AC[0-9a-fA-F]{32}$ and ^CA[0-9a-fA-F]{32}$ on the whole segment", _RESOURCE),
    _rule("paths-case-sensitive", _D, "paths are case-sensitive", "https://www.twilio.com/docs/api/errors/20404"),
    _rule(
        "basic-credentials",
        _D,
        "Basic credentials: AccountSid and AuthToken, or API key and secret",
        "https://www.twilio.com/docs/usage/requests-to-twilio",
    ),
    _rule(
        "parent-credentials",
        _D,
        "a parent's credentials work on its subaccount's path",
        "https://www.twilio.com/docs/iam/api/subaccounts",
    ),
    _rule("parameter-names", _O, "parameter names are case-sensitive", "mcwebb/angular-twilio #5, riemann #663"),
    _rule("unknown-parameters", _D, "unknown parameters are ignored", "https://www.twilio.com/docs/api/errors/20001"),
    _rule("repeated-parameters", _A, "the first value of a repeated parameter counts", "not known"),
    _rule(
        "other-media-types",
        _A,
        "a body of any other media type is a form without parameters",
        "inferred from chat v2, twilio-chat-demo-android #147",
    ),
    _rule(
        "json-any-value",
        _A,
        "JSON that is not an object is accepted, with a note",
        "the text mentions an object, but no check is documented",
    ),
    _rule(
        "json-bounds",
        _A,
        "no NaN, Infinity, overflowing number, lone surrogate (escaped or not), or nesting deeper than 128",
        "RFC 8259 leaves limits and lone surrogates (8.2) to implementations; Twilio's behaviour is not known",
    ),
    _rule(
        "active-states",
        _D,
        "a call is active while it is ringing or in-progress",
        "https://www.twilio.com/docs/voice/sdks/call-message-events",
    ),
)
_IDEMPOTENCY = (
    _rule("key-parameter", _D, "IdempotencyKey identifies an API call", _RESOURCE),
    _rule("key-scope", _A, "a key belongs to one account, call and resource", "not known; option none"),
    _rule("key-replay", _A, "a repeated key returns the body of the first 201 and creates nothing", "not known"),
    _rule(
        "key-mismatch",
        _A,
        "a known key with different Content is replayed too; option idempotency_mismatch",
        "not known",
    ),
    _rule("key-refusals", _A, "error responses are not stored", "not known"),
    _rule("key-ttl", _A, "a key expires after 24 hours; option idempotency_ttl", "not known"),
    _rule("key-empty", _A, "an empty key is ignored", "not known"),
    _rule("key-length", _A, "a key has at most 255 characters", "not known"),
)
_SUBSCRIPTIONS = (
    _rule("subscription-created", _D, "201 with account_sid, call_sid, sid, date_created, uri", _SUBSCRIPTION),
    _rule("subscription-sid", _D, "ZY and 32 hex digits", _SUBSCRIPTION),
    _rule("subscription-method", _D, "Method is GET or POST; the default is POST", _SUBSCRIPTION),
    _rule("subscription-host", _D, "the host of Callback has no underscore", _SUBSCRIPTION),
    _rule("subscription-callback", _A, "Callback is an http or https URI of at most 2048 characters", "not known"),
    _rule("subscription-delete", _D, "DELETE is 204 without a body", _SUBSCRIPTION),
    _rule("subscription-call", _D, "only an active call can be subscribed to", _SUBSCRIPTION),
    _rule("subscription-delete-call", _A, "DELETE does not check the call's state", "not known"),
)
_CALLBACKS = (
    _rule(
        "callback-parameters",
        _D,
        "AccountSid, CallSid, Content, ContentType, SequenceNumber, Sid, Timestamp",
        _EVENTS,
    ),
    _rule("callback-timestamp", _D, "Timestamp is RFC 2822, its day without a leading zero", _EVENTS + " (sample)"),
    _rule(
        "callback-sequence",
        _A,
        "SequenceNumber counts a call's messages from 1",
        _EVENTS + ": from 0 in the text, 1 in the sample",
    ),
    _rule(
        "callback-form",
        _A,
        "POST carries a form, GET a query",
        "as in all recorded webhooks; the page of the resource mentions application/json, its sample shows parameters",
    ),
    _rule("callback-signature", _D, "X-Twilio-Signature: HMAC-SHA1 with the account's token", _SECURITY),
    _rule(
        "callback-signed-url",
        _A,
        "signed with its port unless it is the default port; the official libraries accept both",
        _SECURITY + " mentions ports for some products only",
    ),
    _rule(
        "callback-headers",
        _O,
        "User-Agent TwilioProxy/1.1, Accept */*, X-Home-Region us1, a form with charset=UTF-8",
        "other webhooks, recorded 2023-02 and 2023-08 behind API gateways",
    ),
    _rule("callback-token", _D, "I-Twilio-Idempotency-Token is a UUID, the same for every attempt", _OVERRIDES),
    _rule("callback-times", _D, "timeouts: 5 s to connect, 15 s to read, 15 s in total", _OVERRIDES),
    _rule("callback-retries", _D, "one retry, and only when connecting (TCP, TLS) failed", _OVERRIDES),
    _rule(
        "callback-overrides",
        _D,
        "#ct, rt, tt, rc, rp override these values; the fragment is neither sent nor signed",
        _OVERRIDES,
    ),
    _rule(
        "callback-limits", _A, "all of this applies to user-defined messages; a retry follows immediately", "not known"
    ),
    _rule(
        "callback-failure",
        _D,
        "unreachable, 4xx and 5xx are error 32711",
        "https://www.twilio.com/docs/api/errors/32711",
    ),
    _rule(
        "callback-redirect",
        _A,
        "a redirect is not followed and is error 32711 too",
        "our choice: it has another destination",
    ),
    _rule("callback-order", _A, "callbacks of a subscription are sent one after the other", "not known"),
)

RULES: tuple[Rule, ...] = (
    *(problem.rule for problem in CATALOGUE),
    *_REPLIES,
    *_REQUESTS,
    *_IDEMPOTENCY,
    *_SUBSCRIPTIONS,
    *_CALLBACKS,
)

DEVIATIONS: tuple[str, ...] = (
    "Every well-formed AccountSid and CallSid exists unless the options accounts or calls restrict them.",
    "Header names are sent in lower case, as HTTP/2 front ends do; the headers of Twilio's CDN are omitted.",
    "The reason phrase is Created, Bad Request …; recordings before 2021 have it in upper case.",
    "X-API-Domain is api.twilio.com for every Host.",
    "Callbacks are sent to loopback and private addresses only; option callback_hosts adds others.",
    "A Callback with credentials is rejected; Twilio would use them after a 401.",
    "There is no rate limit except by a fault; Twilio-Concurrent-Requests is the real number.",
    "CallSids that end in fa11… cause a fault; option magic=off disables this.",
    f"The member `json` of the inspection API is null, with a note, if {LONG_INTEGER}.",
)
