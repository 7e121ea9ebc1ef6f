"""The Twilio operations of our OpenAPI document.

Source: twilio-oai 2.6.7, spec/json/twilio_api_v2010.json. Its 201 headers are left out: they contradict
every recording. Twilio declares no error responses; ours are listed.
"""

from typing import Any

from emulator.endpoints.twilio.checks import CHECKS
from emulator.wire import dates, errors, paths, resources, sids
from emulator.wire.resources import Operation

_ACCOUNT = "AC" + "a" * 32
_CALL = "CA" + "b" * 32
_SUBSCRIPTION = "ZY" + "c" * 32
_EXAMPLE_DATE = 1576699321.0  # Twilio's own example: Wed, 18 Dec 2019 20:02:01 +0000


def _sid(kind: str, example: str) -> dict[str, Any]:
    return {
        "type": "string",
        "minLength": sids.SID_LENGTH,
        "maxLength": sids.SID_LENGTH,
        "pattern": f"^{sids.pattern(kind)}$",
        "examples": [example],
    }


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    return {**schema, "type": [schema["type"], "null"]}


_MESSAGE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "account_sid": _nullable(_sid(sids.ACCOUNT, _ACCOUNT)),
        "call_sid": _nullable(_sid(sids.CALL, _CALL)),
        "sid": _nullable(_sid(sids.MESSAGE, "KX" + "a" * 32)),
        "date_created": {
            "type": ["string", "null"],
            "format": "date-time-rfc-2822",
            "examples": [dates.rfc2822(_EXAMPLE_DATE)],
        },
    },
}
_SUBSCRIBED: dict[str, Any] = {
    "type": "object",
    "properties": {
        **_MESSAGE["properties"],
        "sid": _nullable(_sid(sids.SUBSCRIPTION, _SUBSCRIPTION)),
        "uri": {"type": ["string", "null"], "examples": [f"{paths.PREFIX}/Accounts/…"]},
    },
}
_ERROR: dict[str, Any] = {
    "type": "object",
    "required": ["message", "status"],
    "properties": {
        "code": {"type": "integer", "examples": [20404]},
        "detail": {"type": "string"},
        "message": {"type": "string"},
        "more_info": {"type": "string", "examples": ["https://www.twilio.com/docs/errors/20404"]},
        "status": {"type": "integer", "examples": [404]},
    },
}
_FORM: dict[str, Any] = {
    "type": "object",
    "title": "CreateUserDefinedMessageRequest",
    "required": ["Content"],
    "properties": {
        "Content": {
            "type": "string",
            "contentMediaType": "application/json",
            "description": "The User Defined Message in the form of URL-encoded JSON string.",
            "examples": ['{"key":"value"}'],
        },
        "IdempotencyKey": {
            "type": "string",
            "description": "A unique string value to identify API call. This should be a unique string value per API "
            "call and can be a randomly generated.",
            "examples": ["1"],
        },
    },
}


_SUBSCRIPTION_FORM: dict[str, Any] = {
    "type": "object",
    "title": "CreateUserDefinedMessageSubscriptionRequest",
    "required": ["Callback"],
    "properties": {
        "Callback": {
            "type": "string",
            "format": "uri",
            "description": "The URL that receives each message of the end user; no underscore in its host.",
            "examples": ["http://127.0.0.1:8000/messages"],
        },
        "Method": {
            "type": "string",
            "enum": ["GET", "POST"],
            "description": "HTTP method of the callback; POST by default.",
            "examples": ["POST"],
        },
        "IdempotencyKey": _FORM["properties"]["IdempotencyKey"],
    },
}


def _refusals(operation: Operation) -> dict[str, Any]:
    """Return the error responses: those of the checks, and those of the operation."""
    rows = (*(problem for _, problems in CHECKS for problem in problems), *operation.refusals)
    others = (errors.TOO_MANY_REQUESTS, errors.INTERNAL_ERROR, errors.SERVICE_UNAVAILABLE)
    by_status: dict[str, list[str]] = {}
    for problem in (*rows, *others, errors.REQUEST_MALFORMED, errors.HEAD_TOO_LARGE):
        by_status.setdefault(str(int(problem.status)), []).append(f"{problem.message} ({problem.name})")
    return {
        status: {
            "description": "; ".join(texts),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/TwilioError"}}},
        }
        for status, texts in sorted(by_status.items())
    }


def _parameter(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    return {
        "name": name,
        "in": "path",
        "required": True,
        "description": description,
        "schema": {**schema, "default": schema["examples"][0]},
    }


_PATH = [
    _parameter("AccountSid", _sid(sids.ACCOUNT, _ACCOUNT), "The SID of the Account that created it."),
    _parameter("CallSid", _sid(sids.CALL, _CALL), "The SID of the Call that it is associated with."),
]


def _described(operation_id: str, summary: str, path: str, success: dict[str, Any], **more: object) -> dict[str, Any]:
    target = paths.parse(path.format(AccountSid=_ACCOUNT, CallSid=_CALL, Sid=_SUBSCRIPTION))
    assert target is not None
    operation = resources.operation(target)
    assert operation is not None
    described = {
        "operationId": operation_id,
        "tags": ["Twilio"],
        "summary": summary,
        "security": [{"accountSid_authToken": []}],
        "parameters": _PATH,
        "responses": {**success, **_refusals(operation)},
        **more,
    }
    return {path: {operation.method.lower(): described}}


def _created(schema: str) -> dict[str, Any]:
    return {
        "201": {
            "description": "Created",
            "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
        }
    }


def _form(schema: dict[str, Any]) -> dict[str, Any]:
    return {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": schema}}}


def document() -> dict[str, Any]:
    """Return `paths`, `schemas` and `securitySchemes` for an OpenAPI 3.1 document."""
    call = f"{paths.PREFIX}/Accounts/{{AccountSid}}/Calls/{{CallSid}}"
    subscription = _parameter("Sid", _sid(sids.SUBSCRIPTION, _SUBSCRIPTION), "The SID of the subscription.")
    return {
        "paths": {
            **_described(
                "CreateUserDefinedMessage",
                "Create a new User Defined Message for the given Call SID.",
                f"{call}/UserDefinedMessages.json",
                _created("UserDefinedMessage"),
                requestBody=_form(_FORM),
            ),
            **_described(
                "CreateUserDefinedMessageSubscription",
                "Subscribe to User Defined Messages for a given Call SID.",
                f"{call}/UserDefinedMessageSubscriptions.json",
                _created("UserDefinedMessageSubscription"),
                requestBody=_form(_SUBSCRIPTION_FORM),
            ),
            **_described(
                "DeleteUserDefinedMessageSubscription",
                "Delete a specific User Defined Message Subscription.",
                f"{call}/UserDefinedMessageSubscriptions/{{Sid}}.json",
                {"204": {"description": "Deleted"}},
                parameters=[*_PATH, subscription],
            ),
        },
        "schemas": {
            "UserDefinedMessage": _MESSAGE,
            "UserDefinedMessageSubscription": _SUBSCRIBED,
            "TwilioError": _ERROR,
        },
        "securitySchemes": {"accountSid_authToken": {"type": "http", "scheme": "basic"}},
    }
