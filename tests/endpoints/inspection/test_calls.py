"""`/_emulator/calls`: telling the emulator what state a call is in."""

import json

import pytest
from support.server import Caller, Reply, Site, fresh
from support.signal_client import signal_client
from support.sse import post_json
from support.subscriptions import deliveries, subscribed

JSON = [("Content-Type", "application/json")]


def path(sid: str) -> str:
    return f"/_emulator/calls/{sid}"


def test_a_call_is_registered_and_replaced(site: Site) -> None:
    sid, account = fresh("CA"), fresh("AC")
    state = {"account_sid": account, "status": "ringing", "client": "pstn"}
    first = site.put_json(path(sid), state)
    second = site.put_json(path(sid), {"status": "completed"})

    assert (first.status, first.json()) == (201, {**state, "call_sid": sid, "identity": None})
    assert (second.status, second.json()) == (
        200,
        {"account_sid": None, "status": "completed", "client": "voice-sdk", "call_sid": sid, "identity": None},
    )
    assert site.get(path(sid)).json() == second.json()


def test_defaults_of_a_registered_call(site: Site) -> None:
    """In progress, with a Voice SDK, of any account."""
    reply = site.put_json(path(fresh("CA")), {})

    state = {name: reply.json()[name] for name in ("account_sid", "status", "client")}
    assert state == {"account_sid": None, "status": "in-progress", "client": "voice-sdk"}


@pytest.mark.parametrize(
    "status", ["queued", "ringing", "in-progress", "completed", "busy", "failed", "no-answer", "canceled"]
)
def test_every_status_can_be_registered(site: Site, status: str) -> None:
    reply = site.put_json(path(fresh("CA")), {"status": status})

    assert (reply.status, reply.json()["status"]) == (201, status)


def test_a_call_is_forgotten(site: Site) -> None:
    sid = fresh("CA")
    site.put_json(path(sid), {})
    deleted = site.delete(path(sid))

    assert (deleted.status, deleted.body) == (204, b"")
    assert site.get(path(sid)).status == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_unregistered_call_is_not_found(site: Site, method: str) -> None:
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
        pytest.param({"account_sid": "AC" + "a" * 32 + "\n"}, "/account_sid", "AC", id="line events in the account"),
        pytest.param({"account_sid": 1}, "/account_sid", "string", id="a number as account"),
        pytest.param({"state": "ringing"}, "/state", "unknown parameter", id="misspelt member"),
        pytest.param([], "body", "object", id="an array"),
        pytest.param(None, "body", "object", id="null"),
        pytest.param({"status": "x" * 100_000}, "/status", "'in-progress'", id="a long value"),
    ],
)
def test_invalid_state_is_named(site: Site, state: object, parameter: str, allowed: str) -> None:
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
def test_body_that_is_not_a_state(site: Site, body: bytes) -> None:
    """It is rejected with 422."""
    reply = site.ask("PUT", path(fresh("CA")), JSON, body)

    assert reply.status == 422
    assert reply.json()["error"]


@pytest.mark.parametrize("sid", ["CA1", "ca" + "0" * 32, "CA" + "g" * 32, "CA" + "0" * 33, "CA" + "0" * 32 + "%0A"])
@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_malformed_call_sid(site: Site, method: str, sid: str) -> None:
    """It is rejected with 422."""
    reply = site.ask(method, path(sid), JSON, json.dumps({}).encode())

    assert reply.status == 422
    assert reply.json()["parameters"][0]["parameter"] == "call_sid"


def test_call_sid_is_case_sensitive(caller: Caller) -> None:
    upper = "CA" + "AB" * 16
    caller.site.put_json(path(upper), {"status": "completed"})

    assert caller.site.get(path("CA" + "ab" * 16)).status == 404


# --- calls of Voice SDKs


def state(site: Site, sid: str) -> dict[str, str | None]:
    call: dict[str, str | None] = site.get(path(sid)).json()
    return call


def place(site: Site, **placed: object) -> Reply:
    return post_json(site, "/_emulator/calls", placed)


def test_connected_user_is_called(site: Site) -> None:
    name = fresh("user")
    with signal_client(site, name) as alice:
        alice.send("register", media={"audio": True}).receive("ready")
        placed = place(site, **{"to": f"client:{name}", "from": "bob", "parameters": {"order": "7"}})
        incoming = alice.receive("invite")
        ringing = state(site, incoming["callsid"])["status"]
        early = Caller(site, call=incoming["callsid"]).send().status
        alice.send("answer", callsid=incoming["callsid"], sdp="v=0").send("register").receive("ready")
        talking = state(site, incoming["callsid"])

    assert placed.status == 201
    assert placed.json() == {
        "account_sid": None,
        "status": "ringing",
        "client": "voice-sdk",
        "call_sid": incoming["callsid"],
        "identity": name,
    }
    assert (incoming["parameters"]["From"], incoming["parameters"]["To"]) == ("bob", f"client:{name}")
    assert incoming["parameters"]["Params"] == "order=7"
    assert (ringing, early, talking["status"], talking["identity"]) == ("ringing", 201, "in-progress", name)


def test_call_of_an_account(site: Site) -> None:
    """A call of an account does not exist for other accounts."""
    name, caller = fresh("user"), Caller(site)
    with signal_client(site, name) as alice:
        alice.send("register", media={"audio": True}).receive("ready")
        sid = place(site, to=name, account_sid=caller.account).json()["call_sid"]
        alice.receive("invite")

        assert Caller(site, account=caller.account, call=sid).send().status == 201
        assert Caller(site, call=sid).send().status == 404


@pytest.mark.parametrize("registers", [True, False])
def test_unreachable_user_is_not_found(site: Site, *, registers: bool) -> None:
    name = fresh("user")
    if not registers:
        reply = place(site, to=f"client:{name}")
    else:
        with signal_client(site, name):
            reply = place(site, to=f"client:{name}")

    assert (reply.status, name in reply.json()["error"]) == (404, True)
    assert "/_emulator/users" in reply.json()["error"]


@pytest.mark.parametrize("status", ["completed", "failed", "canceled", "busy", "no-answer", "queued"])
def test_completed_call_is_hung_up(site: Site, status: str) -> None:
    with signal_client(site) as alice:
        sid = alice.call()["callsid"]
        reply = site.put_json(path(sid), {"status": status})
        hung_up = alice.receive("hangup")

        assert (reply.status, reply.json()["status"], reply.json()["identity"]) == (200, status, None)
        assert hung_up["callsid"] == sid
        assert Caller(site, call=sid).send().json()["code"] == 21220


def test_completed_ringing_call_is_cancelled(site: Site) -> None:
    name = fresh("user")
    with signal_client(site, name) as alice:
        alice.send("register", media={"audio": True}).receive("ready")
        sid = place(site, to=name).json()["call_sid"]
        alice.receive("invite")
        site.put_json(path(sid), {"status": "canceled"})

        assert alice.receive("cancel")["callsid"] == sid


def test_deleted_call_is_hung_up(site: Site) -> None:
    with signal_client(site) as alice:
        sid = alice.call()["callsid"]
        deleted = site.delete(path(sid)).status
        alice.receive("hangup")

        assert (deleted, site.get(path(sid)).status) == (204, 404)
        assert Caller(site, call=sid).send().status == 201


def test_call_moved_to_an_account(site: Site) -> None:
    """Only subscriptions of that account are notified."""
    with signal_client(site) as alice:
        mine = Caller(site, call=alice.call()["callsid"])
        other = Caller(site, call=mine.call)
        sids = [subscribed(one) for one in (mine, other)]
        site.put_json(path(mine.call), {"account_sid": mine.account})
        alice.send_message(mine.call, [1])
        told = [deliveries(one)["count"] for one in (mine, other)]

    assert len(sids) == 2
    assert told == [1, 0]


BAD_CALLS: list[tuple[object, str]] = [
    ({}, "/to"),
    ({"to": ""}, "/to"),
    ({"to": 1}, "/to"),
    ({"to": "x" * 257}, "/to"),
    ({"to": "a", "from": ""}, "/from"),
    ({"to": "a", "account_sid": "AC1"}, "/account_sid"),
    ({"to": "a", "parameters": {"a": 1}}, "/parameters/a"),
    ({"to": "a", "parameters": []}, "/parameters"),
    ({"to": "a", "parameters": {str(number): "" for number in range(101)}}, "/parameters"),
    ({"to": "a", "status": "ringing"}, "/status"),
    ([], "body"),
    (None, "body"),
]


@pytest.mark.parametrize(("placed", "parameter"), BAD_CALLS)
def test_a_bad_call_is_refused_by_name(site: Site, placed: object, parameter: str) -> None:
    reply = post_json(site, "/_emulator/calls", placed)

    assert (reply.status, [bad["parameter"] for bad in reply.json()["parameters"]]) == (422, [parameter])
    assert len(reply.body) < 4000
