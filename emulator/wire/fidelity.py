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


@dataclass(frozen=True, slots=True)
class Document:
    """The OpenAPI document that patterns, parameters and members were taken from."""

    name: str = "twilio-oai, spec/json/twilio_api_v2010.json"
    version: str = "2.6.7"
    date: str = "2026-04-14"
    commit: str = "d50069b"


DOCUMENT = Document()

# fmt: off
_REPLIES = (
    Rule("created", _D, "201 with account_sid, call_sid, sid, date_created", _RESOURCE),
    Rule("created-order", _A, "members in the order of the OpenAPI example", "the real order is not known"),
    Rule("message-sid", _D, "KX and 32 hex digits", _RESOURCE),
    Rule("message-sid-lower-case", _O, "new SIDs are in lower case", "recordings of sibling resources, 2015 to 2023"),
    Rule("dates", _D, "date_created is RFC 2822 with offset +0000", "the OpenAPI example; recordings"),
    Rule("body-form", _O, "one line, a space after : and , and no trailing newline",
         "recorded Content-Lengths 136, 171, 335"),
    Rule("error-order", _O, "error members in alphabetical order", "the same recordings"),
    Rule("more-info", _O, "more_info is https://www.twilio.com/docs/errors/CODE", "recordings of 2015 to 2023"),
    Rule("headers", _O, "the reply's headers and their order", "recordings of 2023-04, 2023-06 and 2023-11"),
    Rule("request-id", _O, "Twilio-Request-Id has the hex digits of the message created", "three recordings of 2023"),
    Rule("charset", _A, "charset=utf-8 in Content-Type only after Accept-Charset: utf-8",
         "inferred: it fits every recording whose request is known"),
    Rule("representation", _D, "the suffix decides: .json is JSON, none and .xml are XML; Accept never does",
         _RESPONSE),
    Rule("xml-created", _A, "TwilioResponse holds UserDefinedMessage with members in CamelCase",
         "as in sibling resources"),
    Rule("xml-error", _O, "TwilioResponse holds RestException", "a recording of 2018, 293 bytes"),
    Rule("options", _O, "OPTIONS is 200 with Allow and the CORS headers",
         "https://egghead.io/lessons/tools-use-http-options-method"),
    Rule("options-open", _A, "OPTIONS needs no credentials and is valid on any path", "preflight requests have none"),
)
_REQUESTS = (
    Rule("sid-patterns", _D, "^AC[0-9a-fA-F]{32}$ and ^CA[0-9a-fA-F]{32}$ on the whole segment", _RESOURCE),
    Rule("paths-case-sensitive", _D, "paths are case-sensitive", "https://www.twilio.com/docs/api/errors/20404"),
    Rule("basic-credentials", _D, "Basic credentials: AccountSid and AuthToken, or API key and secret",
         "https://www.twilio.com/docs/usage/requests-to-twilio"),
    Rule("parent-credentials", _D, "a parent's credentials work on its subaccount's path",
         "https://www.twilio.com/docs/iam/api/subaccounts"),
    Rule("parameter-names", _O, "parameter names are case-sensitive", "mcwebb/angular-twilio #5, riemann #663"),
    Rule("unknown-parameters", _D, "unknown parameters are ignored", "https://www.twilio.com/docs/api/errors/20001"),
    Rule("repeated-parameters", _A, "the first value of a repeated parameter counts", "not known"),
    Rule("other-media-types", _A, "a body of any other media type is a form without parameters",
         "inferred from chat v2, twilio-chat-demo-android #147"),
    Rule("json-any-value", _A, "JSON that is not an object is accepted, with a note",
         "the text mentions an object, but no check is documented"),
    Rule("json-bounds", _A, "no NaN, Infinity, overflowing number, lone surrogate, even escaped, or nesting over 128",
         "RFC 8259 leaves limits and lone surrogates (8.2) to implementations; Twilio's behaviour is not known"),
    Rule("active-states", _D, "a call is active while it is ringing or in-progress",
         "https://www.twilio.com/docs/voice/sdks/call-message-events"),
)
_IDEMPOTENCY = (
    Rule("key-parameter", _D, "IdempotencyKey identifies an API call", _RESOURCE),
    Rule("key-scope", _A, "a key belongs to one account, call and resource", "not known; option none"),
    Rule("key-replay", _A, "a repeated key returns the body of the first 201 and creates nothing", "not known"),
    Rule("key-mismatch", _A, "a known key with different Content is replayed too; option idempotency_mismatch",
         "not known"),
    Rule("key-refusals", _A, "error responses are not stored", "not known"),
    Rule("key-ttl", _A, "a key expires after 24 hours; option idempotency_ttl", "not known"),
    Rule("key-empty", _A, "an empty key is ignored", "not known"),
    Rule("key-length", _A, "a key has at most 255 characters", "not known"),
)
_SUBSCRIPTIONS = (
    Rule("subscription-created", _D, "201 with account_sid, call_sid, sid, date_created, uri", _SUBSCRIPTION),
    Rule("subscription-sid", _D, "ZY and 32 hex digits", _SUBSCRIPTION),
    Rule("subscription-method", _D, "Method is GET or POST; the default is POST", _SUBSCRIPTION),
    Rule("subscription-host", _D, "the host of Callback has no underscore", _SUBSCRIPTION),
    Rule("subscription-callback", _A, "Callback is an http or https URI of at most 2048 characters", "not known"),
    Rule("subscription-delete", _D, "DELETE is 204 without a body", _SUBSCRIPTION),
    Rule("subscription-call", _D, "only an active call can be subscribed to", _SUBSCRIPTION),
    Rule("subscription-delete-call", _A, "DELETE does not check the call's state", "not known"),
)
_CALLBACKS = (
    Rule("callback-parameters", _D, "AccountSid, CallSid, Content, ContentType, SequenceNumber, Sid, Timestamp",
         _EVENTS),
    Rule("callback-timestamp", _D, "Timestamp is RFC 2822, its day without a leading zero", _EVENTS + " (sample)"),
    Rule("callback-sequence", _A, "SequenceNumber counts a call's messages from 1",
         _EVENTS + ": from 0 in the text, 1 in the sample"),
    Rule("callback-form", _A, "POST carries a form, GET a query",
         "as in all recorded webhooks; the resource's page mentions application/json, its sample shows parameters"),
    Rule("callback-signature", _D, "X-Twilio-Signature: HMAC-SHA1 with the account's token", _SECURITY),
    Rule("callback-signed-url", _A, "signed with its port unless it is the default; the official libraries accept both",
         _SECURITY + " mentions ports for some products only"),
    Rule("callback-headers", _O, "User-Agent TwilioProxy/1.1, Accept */*, X-Home-Region us1, form with charset=UTF-8",
         "other webhooks, recorded 2023-02 and 2023-08 behind API gateways"),
    Rule("callback-token", _D, "I-Twilio-Idempotency-Token is a UUID, the same for every attempt", _OVERRIDES),
    Rule("callback-times", _D, "timeouts: 5 s to connect, 15 s to read, 15 s in total", _OVERRIDES),
    Rule("callback-retries", _D, "one retry, and only when connecting (TCP, TLS) failed", _OVERRIDES),
    Rule("callback-overrides", _D, "#ct, rt, tt, rc, rp override these; the fragment is neither sent nor signed",
         _OVERRIDES),
    Rule("callback-limits", _A, "all of this applies to user-defined messages; a retry follows immediately",
         "not known"),
    Rule("callback-failure", _D, "unreachable, 4xx and 5xx are error 32711",
         "https://www.twilio.com/docs/api/errors/32711"),
    Rule("callback-redirect", _A, "a redirect is not followed and is error 32711 too",
         "our choice: it has another destination"),
    Rule("callback-order", _A, "callbacks of a subscription are sent one after the other", "not known"),
)
# fmt: on

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
