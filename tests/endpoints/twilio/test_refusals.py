"""Every refusal of the Twilio surface: status, code, message, and what holds for all of them."""

import json
import logging
from collections.abc import Callable
from typing import Any, NamedTuple
from xml.etree import ElementTree as ET

import pytest
from support.server import Caller, Servers, basic, fresh, path_of

from emulator.endpoints.twilio.request_log import log
from emulator.wire.credentials import Account, ApiKey
from emulator.wire.errors import PATH_UNKNOWN

NO_CREDENTIALS = 401, 20003, "Authentication Error - No credentials provided"
UNKNOWN_USER = 401, 20003, "Authentication Error - invalid username"
WRONG_TOKEN = 401, 20003, "Authenticate"
NOT_FOUND = 404, 20404, "The requested resource {path} was not found"
NOT_ALLOWED = 405, 20004, "Method not allowed"
BAD_REQUEST = 400, 20001, "Bad request"
MISSING = 400, 20001, "Missing required parameter Content in the post body"
NOT_JSON = 400, 32702, "Invalid Content"
TOO_LONG = 400, 32703, "Content body exceeded max length"

Fault = Callable[[Caller], dict[str, Any]]


class Row(NamedTuple):
    """What is wrong with the request, and what it gets."""

    name: str
    fault: Fault
    expected: tuple[int, int, str]


def _authorization(value: str) -> Fault:
    return lambda _: {"headers": [("Authorization", value)]}


def _path(change: Callable[[Caller], str]) -> Fault:
    return lambda caller: {"path": change(caller)}


def _method(name: str) -> Fault:
    return lambda _: {"method": name}


def _form(body: str) -> Fault:
    return lambda _: {"body": body.encode()}


# One request for each check, and what only HTTP can send; tests/wire says which requests a check refuses.
ROWS = (
    Row("no Authorization", lambda _: {"headers": []}, NO_CREDENTIALS),
    Row("a header that is not ASCII", _authorization("Basic \xff\xfe"), NO_CREDENTIALS),
    Row("username is no SID", lambda _: {"headers": [basic("bob")]}, UNKNOWN_USER),
    Row("wrong token", lambda c: {"headers": [basic(c.account, "wrong")]}, WRONG_TOKEN),
    Row("another account's path", _path(lambda c: path_of(fresh("AC"), c.call)), WRONG_TOKEN),
    Row("CallSid too short", _path(lambda c: path_of(c.account, "CA123")), NOT_FOUND),
    Row("line events after the CallSid", _path(lambda c: path_of(c.account, c.call + "%0A")), NOT_FOUND),
    Row("percent-encoded CallSid", _path(lambda c: path_of(c.account, "%43" + c.call[1:])), NOT_FOUND),
    Row("unknown resource", _path(lambda c: path_of(c.account, c.call, resource="Messages")), NOT_FOUND),
    Row("path in capitals", _path(lambda c: c.path.replace("Accounts", "ACCOUNTS")), NOT_FOUND),
    *(Row(name, _method(name), NOT_ALLOWED) for name in ("GET", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND")),
    Row("empty body", _form(""), MISSING),
    Row(
        "JSON as the body",
        lambda c: {"headers": [c.auth, ("Content-Type", "application/json")], "body": b'{"Content": "{}"}'},
        MISSING,
    ),
    Row("no content type", lambda c: {"headers": [c.auth]}, MISSING),
    Row("% alone", _form("Content=%"), BAD_REQUEST),
    Row("a word", _form("Content=hello"), NOT_JSON),
    Row("10001 characters", _form("Content=%22" + "a" * 9999 + "%22"), TOO_LONG),
)


@pytest.fixture(params=ROWS, ids=[row.name for row in ROWS])
def row(request: pytest.FixtureRequest) -> Row:
    """A refusal that a request can get whatever the options are."""
    row: Row = request.param
    return row


def _expected(row: Row, path: str) -> tuple[int, int, str]:
    status, code, message = row.expected
    return status, code, message.replace("{path}", path)


def test_refusal_bodies_are_exact(caller: Caller, row: Row) -> None:
    fault = {"path": caller.path, **row.fault(caller)}
    reply = caller.ask(**fault)

    status, code, message = _expected(row, fault["path"])
    detail = {"detail": "Your AccountSid or AuthToken was incorrect."} if message == "Authenticate" else {}
    members = {
        "code": code,
        **detail,
        "message": message,
        "more_info": f"https://www.twilio.com/docs/errors/{code}",
        "status": status,
    }
    assert (reply.status, reply.text) == (status, json.dumps(members))


def test_xml_refusal_is_a_rest_exception(caller: Caller, row: Row) -> None:
    fault = {"path": caller.path, **row.fault(caller)}
    path = fault["path"].removesuffix(".json") + ".xml"
    reply = caller.ask(**{**fault, "path": path})

    status, code, message = _expected(row, path)
    exception = ET.fromstring(reply.text)[0]
    found = {element.tag: element.text for element in exception}
    assert exception.tag == "RestException"
    assert (reply.status, reply.header("content-type")) == (status, "application/xml")
    assert (found["Code"], found["Message"], found["Status"]) == (str(code), message, str(status))


def test_refusal_has_cors_headers(caller: Caller, row: Row) -> None:
    reply = caller.ask(**row.fault(caller))

    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("access-control-allow-credentials") == "true"


def test_a_refusal_creates_nothing(caller: Caller, row: Row) -> None:
    caller.ask(**row.fault(caller))

    assert caller.listing()["count"] == 0


def test_challenge_and_allow_headers(caller: Caller, row: Row) -> None:
    reply = caller.ask(**row.fault(caller))

    assert reply.header("www-authenticate") == ('Basic realm="Twilio API"' if reply.status == 401 else None)
    assert reply.header("allow") == ("OPTIONS, POST" if reply.status == 405 else None)


def test_head_is_refused_without_a_body(caller: Caller) -> None:
    reply = caller.ask(method="HEAD")

    assert (reply.status, reply.body) == (405, b"")


def test_paths_of_twilio_hosts_are_twilios(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(
            b"POST /_emulator/messages.json HTTP/1.1\r\nHost: API.twilio.com:443\r\nContent-Length: 0\r\n"
            + f"{': '.join(caller.auth)}\r\n\r\n".encode()
        )
        reply = connection.reply()

    assert (reply.status, reply.json()["code"]) == (404, 20404)


# Each has two faults; the earlier check answers.
ORDER = (
    Row("credentials before path", lambda _: {"headers": [], "path": "/2010-04-01/x.json"}, NO_CREDENTIALS),
    Row("credentials before method", lambda _: {"headers": [], "method": "GET"}, NO_CREDENTIALS),
    Row("credentials before form", lambda _: {"headers": [], "body": b"%"}, NO_CREDENTIALS),
    Row("path before account", lambda _: {"path": path_of(fresh("AC"), "CA1")}, NOT_FOUND),
    Row("path before method", lambda c: {"path": path_of(c.account, "CA1"), "method": "GET"}, NOT_FOUND),
    Row("account before method", lambda c: {"path": path_of(fresh("AC"), c.call), "method": "GET"}, WRONG_TOKEN),
    Row("method before form", lambda _: {"method": "PUT", "body": b"%"}, NOT_ALLOWED),
    Row("form before parameters", lambda _: {"body": b"Content=hello&x=%"}, BAD_REQUEST),
    Row("length before JSON", lambda _: {"body": b"Content=" + b"a" * 10001}, TOO_LONG),
)


@pytest.mark.parametrize("row", ORDER, ids=[row.name for row in ORDER])
def test_earlier_check_decides(caller: Caller, row: Row) -> None:
    fault = {"path": caller.path, **row.fault(caller)}
    reply = caller.ask(**fault)

    assert (reply.status, reply.json()["code"], reply.json()["message"]) == _expected(row, fault["path"])


PARENT, CHILD, STRANGER, KEY = "AC" + "a" * 32, "AC" + "b" * 32, "AC" + "c" * 32, "SK" + "d" * 32


@pytest.fixture
def family(serve: Servers) -> Caller:
    """The parent account at an emulator where only three accounts exist, one of them its subaccount."""
    site = serve(
        accounts={PARENT: Account("p"), CHILD: Account("c", PARENT), STRANGER: Account("s")},
        api_keys={KEY: ApiKey("k", PARENT)},
    )
    return Caller(site, PARENT, token="p")


@pytest.mark.parametrize(
    ("username", "token", "account", "expected"),
    [
        pytest.param(PARENT, "p", CHILD, 201, id="a parent on its subaccount's"),
        pytest.param(KEY, "k", CHILD, 201, id="an API key on its account's subaccount's"),
        pytest.param(KEY, "k", STRANGER, 401, id="an API key on a stranger's"),
        pytest.param(KEY, "p", PARENT, 401, id="the account's token with the API key"),
    ],
)
def test_credentials_reach_own_subaccounts(
    family: Caller, username: str, token: str, account: str, expected: int
) -> None:
    reply = family.ask(
        path=path_of(account, family.call), headers=[basic(username, token), ("Content-Type", family.headers()[1][1])]
    )

    assert reply.status == expected
    assert expected == 201 or reply.json()["message"] == "Authenticate"


def test_options_needs_no_credentials(caller: Caller) -> None:
    replies = [
        caller.ask(b"", method="OPTIONS", path=path, headers=[("Origin", "https://a.example")])
        for path in (caller.path, "/2010-04-01/", "/2010-04-01", "/2010-04-01/no/such/thing")
    ]

    for reply in replies:
        assert (reply.status, reply.body, reply.header("allow")) == (200, b"", "OPTIONS, POST")
        assert reply.header("access-control-allow-origin") == "*"
        assert "Idempotency-Key" in (reply.header("access-control-allow-headers") or "")
        assert reply.header("access-control-allow-methods") == "GET, POST, DELETE, OPTIONS"


def test_a_refusal_is_logged_with_advice(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, log.name)
    caller.send(path=caller.path + "x")

    (line,) = [record.message for record in caplog.records if record.name == log.name]
    problem = f"404/20404 The requested resource {caller.path}x was not found"
    assert line == f"refused POST {caller.path}x: {problem}. Advice: {PATH_UNKNOWN.advice}"
