"""All rules in one list: the error catalogue, response format, idempotency keys, calls, and our deviations.

Served by `GET /_emulator/rules`. A behaviour without a public source is `assumed`; no guess is listed as a fact.
"""

from dataclasses import dataclass

from emulator.wire.content import LONG_INTEGER
from emulator.wire.errors import CATALOGUE
from emulator.wire.rules import Certainty, Rule

DOCUMENTED, OBSERVED, ASSUMED = Certainty.DOCUMENTED, Certainty.OBSERVED, Certainty.ASSUMED
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
    Rule("created", DOCUMENTED, "201 with account_sid, call_sid, sid, date_created", _RESOURCE),
    Rule("created-order", ASSUMED, "members in the order of the OpenAPI example", "the real order is not known"),
    Rule("message-sid", DOCUMENTED, "KX and 32 hex digits", _RESOURCE),
    Rule("message-sid-lower-case", OBSERVED,
         "new SIDs are in lower case", "recordings of sibling resources, 2015 to 2023"),
    Rule("dates", DOCUMENTED, "date_created is RFC 2822 with offset +0000", "the OpenAPI example; recordings"),
    Rule("body-form", OBSERVED, "one line, a space after : and , and no trailing newline",
         "recorded Content-Lengths 136, 171, 335"),
    Rule("error-order", OBSERVED, "error members in alphabetical order", "the same recordings"),
    Rule("more-info", OBSERVED, "more_info is https://www.twilio.com/docs/errors/CODE", "recordings of 2015 to 2023"),
    Rule("headers", OBSERVED, "the reply's headers and their order", "recordings of 2023-04, 2023-06 and 2023-11"),
    Rule("request-id", OBSERVED,
         "Twilio-Request-Id has the hex digits of the message created", "three recordings of 2023"),
    Rule("charset", ASSUMED, "charset=utf-8 in Content-Type only after Accept-Charset: utf-8",
         "inferred: it fits every recording whose request is known"),
    Rule("representation", DOCUMENTED, "the suffix decides: .json is JSON, none and .xml are XML; Accept never does",
         _RESPONSE),
    Rule("xml-created", ASSUMED, "TwilioResponse holds UserDefinedMessage with members in CamelCase",
         "as in sibling resources"),
    Rule("xml-error", OBSERVED, "TwilioResponse holds RestException", "a recording of 2018, 293 bytes"),
    Rule("options", OBSERVED, "OPTIONS is 200 with Allow and the CORS headers",
         "https://egghead.io/lessons/tools-use-http-options-method"),
    Rule("options-open", ASSUMED,
         "OPTIONS needs no credentials and is valid on any path", "preflight requests have none"),
)
_REQUESTS = (
    Rule("sid-patterns", DOCUMENTED, "^AC[0-9a-fA-F]{32}$ and ^CA[0-9a-fA-F]{32}$ on the whole segment", _RESOURCE),
    Rule("paths-case-sensitive", DOCUMENTED,
         "paths are case-sensitive", "https://www.twilio.com/docs/api/errors/20404"),
    Rule("basic-credentials", DOCUMENTED, "Basic credentials: AccountSid and AuthToken, or API key and secret",
         "https://www.twilio.com/docs/usage/requests-to-twilio"),
    Rule("parent-credentials", DOCUMENTED, "a parent's credentials work on its subaccount's path",
         "https://www.twilio.com/docs/iam/api/subaccounts"),
    Rule("parameter-names", OBSERVED, "parameter names are case-sensitive", "mcwebb/angular-twilio #5, riemann #663"),
    Rule("unknown-parameters", DOCUMENTED,
         "unknown parameters are ignored", "https://www.twilio.com/docs/api/errors/20001"),
    Rule("repeated-parameters", ASSUMED, "the first value of a repeated parameter counts", "not known"),
    Rule("other-media-types", ASSUMED, "a body of any other media type is a form without parameters",
         "inferred from chat v2, twilio-chat-demo-android #147"),
    Rule("json-any-value", ASSUMED, "JSON that is not an object is accepted, with a note",
         "the text mentions an object, but no check is documented"),
    Rule("json-bounds", ASSUMED,
         "no NaN, Infinity, overflowing number, lone surrogate, even escaped, or nesting over 128",
         "RFC 8259 leaves limits and lone surrogates (8.2) to implementations; Twilio's behaviour is not known"),
    Rule("active-states", DOCUMENTED, "a call is active while it is ringing or in-progress",
         "https://www.twilio.com/docs/voice/sdks/call-message-events"),
)
_IDEMPOTENCY = (
    Rule("key-parameter", DOCUMENTED, "IdempotencyKey identifies an API call", _RESOURCE),
    Rule("key-scope", ASSUMED, "a key belongs to one account, call and resource", "not known; option none"),
    Rule("key-replay", ASSUMED, "a repeated key returns the body of the first 201 and creates nothing", "not known"),
    Rule("key-mismatch", ASSUMED, "a known key with different Content is replayed too; option idempotency_mismatch",
         "not known"),
    Rule("key-refusals", ASSUMED, "error responses are not stored", "not known"),
    Rule("key-ttl", ASSUMED, "a key expires after 24 hours; option idempotency_ttl", "not known"),
    Rule("key-empty", ASSUMED, "an empty key is ignored", "not known"),
    Rule("key-length", ASSUMED, "a key has at most 255 characters", "not known"),
)
_SUBSCRIPTIONS = (
    Rule("subscription-created", DOCUMENTED, "201 with account_sid, call_sid, sid, date_created, uri", _SUBSCRIPTION),
    Rule("subscription-sid", DOCUMENTED, "ZY and 32 hex digits", _SUBSCRIPTION),
    Rule("subscription-method", DOCUMENTED, "Method is GET or POST; the default is POST", _SUBSCRIPTION),
    Rule("subscription-host", DOCUMENTED, "the host of Callback has no underscore", _SUBSCRIPTION),
    Rule("subscription-callback", ASSUMED, "Callback is an http or https URI of at most 2048 characters", "not known"),
    Rule("subscription-delete", DOCUMENTED, "DELETE is 204 without a body", _SUBSCRIPTION),
    Rule("subscription-call", DOCUMENTED, "only an active call can be subscribed to", _SUBSCRIPTION),
    Rule("subscription-delete-call", ASSUMED, "DELETE does not check the call's state", "not known"),
)
_CALLBACKS = (
    Rule("callback-parameters", DOCUMENTED, "AccountSid, CallSid, Content, ContentType, SequenceNumber, Sid, Timestamp",
         _EVENTS),
    Rule("callback-timestamp", DOCUMENTED,
         "Timestamp is RFC 2822, its day without a leading zero", _EVENTS + " (sample)"),
    Rule("callback-sequence", ASSUMED, "SequenceNumber counts a call's messages from 1",
         _EVENTS + ": from 0 in the text, 1 in the sample"),
    Rule("callback-form", ASSUMED, "POST carries a form, GET a query",
         "as in all recorded webhooks; the resource's page mentions application/json, its sample shows parameters"),
    Rule("callback-signature", DOCUMENTED, "X-Twilio-Signature: HMAC-SHA1 with the account's token", _SECURITY),
    Rule("callback-signed-url", ASSUMED,
         "signed with its port unless it is the default; the official libraries accept both",
         _SECURITY + " mentions ports for some products only"),
    Rule("callback-headers", OBSERVED,
         "User-Agent TwilioProxy/1.1, Accept */*, X-Home-Region us1, form with charset=UTF-8",
         "other webhooks, recorded 2023-02 and 2023-08 behind API gateways"),
    Rule("callback-token", DOCUMENTED, "I-Twilio-Idempotency-Token is a UUID, the same for every attempt", _OVERRIDES),
    Rule("callback-times", DOCUMENTED, "timeouts: 5 s to connect, 15 s to read, 15 s in total", _OVERRIDES),
    Rule("callback-retries", DOCUMENTED, "one retry, and only when connecting (TCP, TLS) failed", _OVERRIDES),
    Rule("callback-overrides", DOCUMENTED,
         "#ct, rt, tt, rc, rp override these; the fragment is neither sent nor signed",
         _OVERRIDES),
    Rule("callback-limits", ASSUMED, "all of this applies to user-defined messages; a retry follows immediately",
         "not known"),
    Rule("callback-failure", DOCUMENTED, "unreachable, 4xx and 5xx are error 32711",
         "https://www.twilio.com/docs/api/errors/32711"),
    Rule("callback-redirect", ASSUMED, "a redirect is not followed and is error 32711 too",
         "our choice: it has another destination"),
    Rule("callback-order", ASSUMED, "callbacks of a subscription are sent one after the other", "not known"),
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
