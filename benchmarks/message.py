"""The bytes of the requests: a create as twilio-python sends it, and requests to the inspection API."""

import base64
import json
from urllib.parse import urlencode

ACCOUNT = "AC" + "a" * 32
CALL = "CA" + "b" * 32
EACH_ITS_OWN = "@" * 32
"""Placeholder for an idempotency key or a part of a CallSid: create.lua inserts a unique number per request."""

_CREDENTIALS = base64.b64encode(f"{ACCOUNT}:{'0' * 32}".encode()).decode()
_CONTENT = "Content=%7B%22key%22%3A+%22value%22%7D"

# Order and values as recorded from twilio-python 9.13.0 over requests.
_CREATE = """\
POST /2010-04-01/Accounts/{account}/Calls/{call}/{resource}.json HTTP/1.1
Host: 127.0.0.1:{port}
User-Agent: twilio-python/9.13.0 (Linux x86_64) Python/3.11.7
Accept-Encoding: gzip, deflate
Accept: application/json
Connection: keep-alive
Content-Type: application/x-www-form-urlencoded
X-Twilio-Client: python-9.13.0
Accept-Charset: utf-8
Content-Length: {length}
Authorization: Basic {credentials}

{form}"""


def call_sid(number: int) -> str:
    """Return the CallSid with this number."""
    return f"CA{number:032x}"


def create(port: int, *, call: str = CALL, key: str | None = None) -> bytes:
    """Return the request that creates a message."""
    form = _CONTENT if key is None else f"{_CONTENT}&IdempotencyKey={key}"
    return _create(port, "UserDefinedMessages", call, form)


def subscribe(port: int, callback: str, *, call: str) -> bytes:
    """Return the request that subscribes a URL to the end user messages of a call."""
    return _create(port, "UserDefinedMessageSubscriptions", call, urlencode({"Callback": callback}))


def get(port: int, target: str) -> bytes:
    """Return a GET request to the inspection API."""
    return _plain("GET", port, target)


def post_json(port: int, target: str, value: object) -> bytes:
    """Return a POST request with a JSON body to the inspection API."""
    body = json.dumps(value)
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def reset(port: int, call: str) -> bytes:
    """Return the request that resets one call."""
    return _plain("POST", port, f"/_emulator/reset?call_sid={call}")


def _create(port: int, resource: str, call: str, form: str) -> bytes:
    about = {"account": ACCOUNT, "call": call, "resource": resource, "port": port, "credentials": _CREDENTIALS}
    return _CREATE.format(**about, length=len(form), form=form).replace("\n", "\r\n").encode()


def _plain(method: str, port: int, target: str) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
