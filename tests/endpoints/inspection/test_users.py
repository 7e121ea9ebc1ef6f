"""`/_emulator/users`: the connected Voice SDKs, and what happens to calls for which nobody is there."""

import json
from typing import Any

import pytest
from support.server import Servers, Site, fresh
from support.signal_client import signal_client
from support.sse import reset, until

JSON = [("Content-Type", "application/json")]


def user(site: Site, identity: str) -> Any:  # noqa: ANN401  JSON
    """What is told of the one user of this name; None when there is none."""
    found = [one for one in site.get("/_emulator/users").json()["users"] if one["identity"] == identity]
    return found[0] if found else None


def behave(site: Site, identity: str, **behaviour: object) -> None:
    reply = site.put_json(f"/_emulator/users/{identity}/behaviour", behaviour)
    assert reply.status == 200, reply


def status_of(site: Site, call_sid: str) -> str:
    status: str = site.get(f"/_emulator/calls/{call_sid}").json()["status"]
    return status


def test_connected_user_is_listed(site: Site) -> None:
    name = fresh("user")
    with signal_client(site, name) as alice:
        connected = user(site, name)
        alice.send("register", media={"audio": True}).receive("ready")
        registered = user(site, name)
        call = alice.call()["callsid"]
        calling = user(site, name)
    until(site, lambda: user(site, name) is None)

    assert connected == {"identity": name, "account_sid": None, "registered": False, "calls": []}
    assert registered["registered"] is True
    assert calling["calls"] == [{"call_sid": call, "account_sid": None, "direction": "outgoing", "answered": True}]


def test_users_and_insights_are_counted(serve: Servers) -> None:
    site = serve(voice_token="lenient", retry_window=7)
    with signal_client(site, "alice"), signal_client(site, "bob"), signal_client(site, "bob"):
        page = site.get("/_emulator/users").json()
    site.ask("POST", "/eventgw?.twilio.com/v4/EndpointEvents", JSON, b"{}")

    assert (page["count"], sorted(one["identity"] for one in page["users"])) == (3, ["alice", "bob", "bob"])
    assert site.get("/_emulator/users").json()["insights"] == page["insights"] + 1


def test_incoming_call_has_a_direction(site: Site) -> None:
    name, other = fresh("user"), fresh("user")
    with signal_client(site, name) as alice, signal_client(site, other) as bob:
        bob.send("register", media={"audio": True}).receive("ready")
        alice.send("invite", callsid="TJS1", sdp="v=0", twilio={"params": f"To={other}"})
        incoming = bob.receive("invite")["callsid"]

        assert user(site, other)["calls"] == [
            {"call_sid": incoming, "account_sid": None, "direction": "incoming", "answered": False}
        ]


@pytest.mark.parametrize(
    ("behaviour", "heard", "status"),
    [
        ({"reaction": "busy"}, "hangup", "busy"),
        ({"reaction": "answer", "after": 600}, "ringing", "ringing"),
        ({"reaction": "answer", "after": 0.001}, "answer", "in-progress"),
        ({}, "answer", "in-progress"),
    ],
)
def test_behaviour_applies_to_calls(site: Site, behaviour: dict[str, object], heard: str, status: str) -> None:
    called = fresh("user")
    behave(site, called, **behaviour)
    with signal_client(site) as alice:
        alice.send("invite", callsid="TJS1", sdp="v=0", twilio={"params": f"To={called}"})
        call = alice.receive("ringing")["callsid"] if heard == "ringing" else alice.receive(heard)["callsid"]

        assert status_of(site, call) == status


def test_deleted_behaviour_is_the_default(site: Site) -> None:
    name = fresh("user")
    behave(site, name, reaction="busy")
    first, second = (site.delete(f"/_emulator/users/{name}/behaviour") for _ in range(2))
    with signal_client(site) as alice:
        answer = alice.call(name)

    assert ((first.status, first.body), second.status) == ((204, b""), 404)
    assert status_of(site, answer["callsid"]) == "in-progress"


def test_full_reset_deletes_behaviours(serve: Servers) -> None:
    """A reset of a scope does not."""
    site = serve(voice_token="lenient", retry_window=8)
    reply = site.put_json("/_emulator/users/alice/behaviour", {"reaction": "answer", "after": 1.5})
    site.put_json("/_emulator/users/bob/behaviour", {})
    reset(site, account_sid=fresh("AC"))
    kept = site.delete("/_emulator/users/alice/behaviour").status
    reset(site)

    assert reply.json() == {"identity": "alice", "reaction": "answer", "after": 1.5}
    assert (kept, site.delete("/_emulator/users/bob/behaviour").status) == (204, 404)


@pytest.mark.parametrize("identity", ["a b", "é\U0001f600", "a%b", "client:a"])
def test_an_identity_is_any_text(site: Site, identity: str) -> None:
    path = "/_emulator/users/" + "".join(f"%{byte:02x}" for byte in identity.encode()) + "/behaviour"

    assert site.put_json(path, {"reaction": "busy"}).json()["identity"] == identity
    assert site.delete(path).status == 204


BAD: list[tuple[object, str]] = [
    ({"reaction": "explode"}, "/reaction"),
    ({"reaction": None}, "/reaction"),
    ({"after": -1}, "/after"),
    ({"after": 601}, "/after"),
    ({"after": "1"}, "/after"),
    ({"after": True}, "/after"),
    ({"after": None}, "/after"),
    ({"then": "busy"}, "/then"),
    ([], "body"),
    (None, "body"),
]


@pytest.mark.parametrize(("behaviour", "parameter"), BAD)
def test_invalid_behaviour_is_named(site: Site, behaviour: object, parameter: str) -> None:
    name = fresh("user")
    reply = site.put_json(f"/_emulator/users/{name}/behaviour", behaviour)

    assert (reply.status, [bad["parameter"] for bad in reply.json()["parameters"]]) == (422, [parameter])
    assert site.delete(f"/_emulator/users/{name}/behaviour").status == 404


@pytest.mark.parametrize("body", [b"", b"{", b'{"after": NaN}', b'{"after": 1e999}', b'{"a": "\xff"}', b"[" * 100_000])
def test_body_that_is_not_a_behaviour(site: Site, body: bytes) -> None:
    reply = site.ask("PUT", "/_emulator/users/alice/behaviour", JSON, body)

    assert reply.status == 422
    assert reply.json()["error"]


def test_identity_length_is_limited(site: Site) -> None:
    body = json.dumps({}).encode()
    replies = [site.ask("PUT", f"/_emulator/users/{'x' * size}/behaviour", JSON, body) for size in (256, 257)]
    site.delete(f"/_emulator/users/{'x' * 256}/behaviour")

    assert [reply.status for reply in replies] == [200, 422]


def test_only_answer_can_be_delayed(site: Site) -> None:
    reply = site.put_json("/_emulator/users/alice/behaviour", {"reaction": "busy", "after": 3})

    assert reply.status == 422
    assert "after requires the reaction answer" in reply.json()["error"]
