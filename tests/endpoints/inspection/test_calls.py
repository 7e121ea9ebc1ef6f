"""`/_emulator/calls`: telling the emulator what state a call is in."""

import json

import pytest
from serving import Caller, Serve, Site, fresh

JSON = [("Content-Type", "application/json")]


def path(sid: str) -> str:
    return f"/_emulator/calls/{sid}"


def test_a_call_is_registered_and_replaced(site: Site) -> None:
    sid, account = fresh("CA"), fresh("AC")
    state = {"account_sid": account, "status": "ringing", "client": "pstn"}
    first = site.put_json(path(sid), state)
    second = site.put_json(path(sid), {"status": "completed"})

    assert (first.status, first.json()) == (201, {**state, "call_sid": sid})
    assert (second.status, second.json()) == (
        200,
        {"account_sid": None, "status": "completed", "client": "voice-sdk", "call_sid": sid},
    )
    assert site.get(path(sid)).json() == second.json()


def test_a_call_is_in_progress_with_a_voice_sdk_of_any_account_unless_told_otherwise(site: Site) -> None:
    reply = site.put_json(path(fresh("CA")), {})

    state = {name: reply.json()[name] for name in ("account_sid", "status", "client")}
    assert state == {"account_sid": None, "status": "in-progress", "client": "voice-sdk"}


@pytest.mark.parametrize(
    "status", ["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
)
def test_every_state_of_twilios_can_be_registered(site: Site, status: str) -> None:
    reply = site.put_json(path(fresh("CA")), {"status": status})

    assert (reply.status, reply.json()["status"]) == (201, status)


def test_calls_are_listed_in_the_order_of_their_registration(serve: Serve) -> None:
    site = serve(calls="registered", content="lenient")
    registered = [fresh("CA") for _ in range(3)]
    for sid in registered:
        site.put_json(path(sid), {})
    site.put_json(path(registered[0]), {"status": "busy"})
    reply = site.get("/_emulator/calls")

    assert [call["call_sid"] for call in reply.json()["calls"]] == registered
    assert reply.json()["count"] == 3


def test_a_call_is_forgotten(site: Site) -> None:
    sid = fresh("CA")
    site.put_json(path(sid), {})
    deleted = site.delete(path(sid))

    assert (deleted.status, deleted.body) == (204, b"")
    assert site.get(path(sid)).status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_call_that_is_not_registered_is_not_found(site: Site, method: str) -> None:
    sid = fresh("CA")
    reply = site.ask(method, path(sid))

    assert reply.status == 404
    assert sid in reply.json()["error"]


@pytest.mark.parametrize(
    ("state", "parameter", "allowed"),
    [
        pytest.param({"status": "on-hold"}, "/status", "'in-progress'", id="unknown status"),
        pytest.param({"status": None}, "/status", "'in-progress'", id="no status"),
        pytest.param({"client": "sip"}, "/client", "'pstn'", id="unknown client"),
        pytest.param({"account_sid": "AC1"}, "/account_sid", "AC[0-9a-fA-F]{32}", id="malformed account"),
        pytest.param({"account_sid": "AC" + "a" * 32 + "\n"}, "/account_sid", "AC", id="line feed in the account"),
        pytest.param({"account_sid": 1}, "/account_sid", "string", id="a number as account"),
        pytest.param({"state": "ringing"}, "/state", "no parameter of this name", id="misspelt member"),
        pytest.param([], "body", "object", id="an array"),
        pytest.param(None, "body", "object", id="null"),
        pytest.param({"status": "x" * 100_000}, "/status", "'in-progress'", id="a long value"),
    ],
)
def test_a_bad_state_is_named_with_what_is_allowed(site: Site, state: object, parameter: str, allowed: str) -> None:
    sid = fresh("CA")
    reply = site.put_json(path(sid), state)

    (bad,) = reply.json()["parameters"]
    assert (reply.status, bad["parameter"]) == (422, parameter)
    assert allowed in bad["allowed"]
    assert len(reply.body) < 2000
    assert site.get(path(sid)).status == 404


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{", id="half an object"),
        pytest.param(b'{"status": NaN}', id="NaN"),
        pytest.param(b'{"status": 1e999}', id="infinity"),
        pytest.param(b'{"status": "\\ud800"}', id="a lone surrogate as a value"),
        pytest.param(b'{"\\ud800": 1}', id="a lone surrogate as a name"),
        pytest.param(b'{"a": "\xff"}', id="bytes that are not UTF-8"),
        pytest.param(b"\xff\xfe", id="a mark of UTF-16"),
        pytest.param(b"9" * 5000, id="a long number"),
        pytest.param(b"[" * 100_000, id="nested without end"),
    ],
)
def test_a_body_that_is_no_state_is_unprocessable(site: Site, body: bytes) -> None:
    reply = site.ask("PUT", path(fresh("CA")), JSON, body)

    assert reply.status == 422
    assert reply.json()["error"]


@pytest.mark.parametrize("sid", ["CA1", "ca" + "0" * 32, "CA" + "g" * 32, "CA" + "0" * 33, "CA" + "0" * 32 + "%0A"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_a_malformed_call_sid_is_unprocessable(site: Site, method: str, sid: str) -> None:
    reply = site.ask(method, path(sid), JSON, json.dumps({}).encode())

    assert reply.status == 422
    assert reply.json()["parameters"][0]["parameter"] == "call_sid"


def test_a_call_is_known_by_the_letters_of_its_sid(caller: Caller) -> None:
    upper = "CA" + "AB" * 16
    caller.site.put_json(path(upper), {"status": "completed"})

    assert caller.site.get(path("CA" + "ab" * 16)).status == 404
