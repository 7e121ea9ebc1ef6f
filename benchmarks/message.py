"""The requests sent, byte for byte: the create as twilio-python sends it, and the plain GET."""

import base64
import json
from urllib.parse import urlencode

ACCOUNT = "AC" + "a" * 32
CALL = "CA" + "b" * 32
EACH_ITS_OWN = "@" * 32
"""As an idempotency key or in a CallSid: create.lua puts a number of its own here in each request."""

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
    """Give the CallSid that has this number."""
    return f"CA{number:032x}"


def create(port: int, *, call: str = CALL, key: str | None = None) -> bytes:
    """Give the request that creates one message."""
    form = _CONTENT if key is None else f"{_CONTENT}&IdempotencyKey={key}"
    return _create(port, "UserDefinedMessages", call, form)


def subscribe(port: int, callback: str, *, call: str) -> bytes:
    """Give the request that subscribes a URL to what the end user of a call says."""
    return _create(port, "UserDefinedMessageSubscriptions", call, urlencode({"Callback": callback}))


def get(port: int, target: str) -> bytes:
    """Give the request that reads a path of the inspection surface."""
    return _plain("GET", port, target)


def post_json(port: int, target: str, value: object) -> bytes:
    """Give the request that puts a JSON value onto the inspection surface."""
    body = json.dumps(value)
    head = f"POST {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode()


def reset(port: int, call: str) -> bytes:
    """Give the request that forgets all of one call."""
    return _plain("POST", port, f"/_emulator/reset?call_sid={call}")


def _create(port: int, resource: str, call: str, form: str) -> bytes:
    about = {"account": ACCOUNT, "call": call, "resource": resource, "port": port, "credentials": _CREDENTIALS}
    return _CREATE.format(**about, length=len(form), form=form).replace("\n", "\r\n").encode()


def _plain(method: str, port: int, target: str) -> bytes:
    return f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
