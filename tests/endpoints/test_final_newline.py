"""JSON replies of the control surface end with a newline; Twilio's do not, and streams keep their form."""

import asyncio
import json
from collections.abc import MutableMapping
from typing import Any

import pytest
from support.server import Caller, Connection, Headers, Servers, Site, fresh, request
from support.sse import Stream

from emulator.app import create_app
from emulator.settings import Settings

JSON = ("Content-Type", "application/json")
CALL_SID = fresh("CA")
CALL = f"/_emulator/calls/{CALL_SID}"
WAIT = f"/_emulator/messages?at_least=1&timeout=0&call_sid={CALL_SID}"
REQUESTS = [
    ("GET", "/livez", (), None, 200),
    ("GET", "/readyz", (), None, 200),
    ("GET", "/openapi.json", (), None, 200),
    ("GET", "/_emulator/messages", (), None, 200),
    ("GET", WAIT, (), None, 200),
    ("GET", "/_emulator/requests", (), None, 200),
    ("GET", "/_emulator/retries", (), None, 200),
    ("GET", "/_emulator/deliveries", (), None, 200),
    ("GET", "/_emulator/users", (), None, 200),
    ("GET", "/_emulator/rules", (), None, 200),
    ("PUT", CALL, [JSON], b"{}", 201),
    ("GET", CALL + "/end-user", (), None, 200),
    ("POST", "/_emulator/faults", [JSON], b'{"profile": "outage", "times": 0}', 422),
    ("GET", "/_emulator/nothing", (), None, 404),
    ("GET", "/_emulator/messages/KX" + "0" * 32, (), None, 404),
    ("DELETE", "/livez", (), None, 405),
    ("GET", WAIT + "&strict=true", (), None, 408),
    ("PUT", "/_emulator/clock", [JSON], b" " * 1024 * 1025, 413),
    ("GET", "/_emulator/messages?limit=x", (), None, 422),
    ("PUT", "/_emulator/clock", [JSON], b"{", 422),
    ("GET", "/livez", [("Origin", "https://evil.example")], None, 403),
]


@pytest.mark.parametrize(("method", "target", "headers", "body", "status"), REQUESTS)
def test_a_json_reply_is_a_line(
    site: Site, method: str, target: str, headers: Headers, body: bytes | None, *, status: int
) -> None:
    """A second request on the connection, or its end, shows that the length is right."""
    with Connection(site.address) as connection:
        connection.send(request(method, target, headers, body))
        reply = connection.reply(method)
        if reply.header("connection") == "close":
            assert connection.is_closed()
        else:
            connection.send(request("GET", "/livez"))
            assert connection.reply("GET").body == b'{"status":"ok"}\n'

    assert reply.status == status
    assert reply.header("content-type") == "application/json"
    assert int(reply.header("content-length") or 0) == len(reply.body)
    assert reply.body.endswith(b"}\n")
    json.loads(reply.body)


def test_refusal_without_token_is_a_line(serve: Servers) -> None:
    reply = serve(control_token="sesame").get("/_emulator/messages")

    assert (reply.status, reply.body[-2:]) == (401, b"}\n")


def test_other_replies_are_unchanged(caller: Caller) -> None:
    sent, call = caller.send(), f"/_emulator/calls/{caller.call}"
    caller.site.put_json(call, {})
    deleted = caller.site.delete(call)
    page = caller.site.get("/docs")

    assert sent.body.endswith(b"}")
    assert (deleted.status, deleted.body, deleted.header("content-length")) == (204, b"", None)
    assert int(page.header("content-length") or 0) == len(page.body)


def test_events_are_unchanged(caller: Caller) -> None:
    with Stream(caller.site, account_sid=caller.account) as stream:
        caller.send()
        events = [stream.next(), stream.next()]

    assert [event and event.kind for event in events] == ["request", "message"]


def test_a_failure_of_the_emulator_is_a_line() -> None:
    sent: list[MutableMapping[str, Any]] = []
    app = create_app(Settings())
    del app.state.services
    scope = {"type": "http", "method": "GET", "path": "/readyz", "raw_path": b"/readyz", "query_string": b""}

    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    with pytest.raises(AttributeError):
        asyncio.run(app({**scope, "headers": [], "scheme": "http"}, receive, send))
    start, body = sent

    assert start["status"] == 500
    assert body["body"].endswith(b"}\n")
    assert dict(start["headers"])[b"content-length"] == str(len(body["body"])).encode()
