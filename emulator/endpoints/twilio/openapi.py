"""The Twilio operation as it stands in our OpenAPI document, with the meaning of Twilio's own entry.

Source: twilio-oai 2.6.7, spec/json/twilio_api_v2010.json. Its declared 201 headers are boilerplate that contradicts
every recording and are left out; the refusals are ours to add, Twilio declares none.
"""

from typing import Any

from emulator.wire import dates, errors, paths, sids

_ACCOUNT = "AC" + "a" * 32
_CALL = "CA" + "b" * 32
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


def _refusals() -> dict[str, Any]:
    by_status: dict[str, list[str]] = {}
    for problem in errors.CATALOGUE:
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


def document() -> dict[str, Any]:
    """What this surface adds to an OpenAPI 3.1 document: `paths`, `schemas`, `securitySchemes`."""
    operation = {
        "operationId": "CreateUserDefinedMessage",
        "tags": ["Twilio"],
        "summary": "Create a new User Defined Message for the given Call SID.",
        "security": [{"accountSid_authToken": []}],
        "parameters": [
            _parameter("AccountSid", _sid(sids.ACCOUNT, _ACCOUNT), "The SID of the Account that created it."),
            _parameter("CallSid", _sid(sids.CALL, _CALL), "The SID of the Call that it is associated with."),
        ],
        "requestBody": {"content": {"application/x-www-form-urlencoded": {"schema": _FORM}}},
        "responses": {
            "201": {
                "description": "Created",
                "content": {"application/json": {"schema": {"$ref": "#/components/schemas/UserDefinedMessage"}}},
            },
            **_refusals(),
        },
    }
    path = f"{paths.PREFIX}/Accounts/{{AccountSid}}/Calls/{{CallSid}}/UserDefinedMessages.json"
    return {
        "paths": {path: {"post": operation}},
        "schemas": {"UserDefinedMessage": _MESSAGE, "TwilioError": _ERROR},
        "securitySchemes": {"accountSid_authToken": {"type": "http", "scheme": "basic"}},
    }
