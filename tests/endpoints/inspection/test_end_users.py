"""`/_emulator/calls/{CallSid}/end-user`: what the end user of a call got, and speaking in its name."""

from typing import Any

import pytest
from support.builders import Time
from support.server import Caller, Servers, Site, fresh
from support.signal_client import signal_client
from support.sse import post_json
from support.subscriptions import listening, say, settled, speak, subscribed


def end_user(caller: Caller) -> Any:  # noqa: ANN401  JSON
    return caller.site.get(f"/_emulator/calls/{caller.call}/end-user").json()


def test_sent_message_has_all_fields(serve: Servers) -> None:
    caller = Caller(serve(now=Time()))
    said = say(caller, '{"a": 1.00}', content_type="text/plain")

    assert said == {
        "sid": said["sid"],
        "account_sid": None,
        "call_sid": caller.call,
        "identity": "",
        "content": '{"a": 1.00}',
        "json": {"a": 1.0},
        "content_type": "text/plain",
        "sequence_number": 1,
        "at": "2019-12-18T20:02:01.000Z",
        "notified": 0,
    }
    assert (said["sid"][:2], len(said["sid"])) == ("KX", 34)
    assert end_user(caller)["said"] == [said]


def test_message_as_a_connected_voice_sdk(site: Site) -> None:
    """The message has the identity of the connected Voice SDK."""
    with signal_client(site) as alice, listening() as listener:
        caller = Caller(site, call=alice.call()["callsid"])
        subscribed(caller, listener.url())
        alice.send_message(caller.call, {"n": 1})
        said = say(caller, '{"n": 2}')
        found = settled(caller, count=2)

    assert (said["identity"], said["sequence_number"]) == ("alice", 2)
    assert [one["json"] for one in found] == [{"n": 1}, {"n": 2}]


def test_both_directions_of_a_call_are_shown(site: Site) -> None:
    with signal_client(site) as alice:
        caller = Caller(site, call=alice.call()["callsid"])
        caller.send("[1]")
        caller.send("[2]")
        alice.receive("message")
        alice.receive("message")
        alice.send_message(caller.call, [3])
        talking = end_user(caller)
        alice.send("hangup", callsid=caller.call).send("register").receive("ready")
        over = end_user(caller)

    assert (talking["call_sid"], talking["identity"], over["identity"]) == (caller.call, "alice", None)
    assert [one["json"] for one in talking["received"]] == [[1], [2]]
    assert [one["delivered"]["to"] for one in talking["received"]] == ["alice", "alice"]
    assert [(one["json"], one["identity"]) for one in talking["said"]] == [([3], "alice")]
    assert (over["received"], over["said"]) == (talking["received"], talking["said"])


def test_unknown_call_is_empty(caller: Caller) -> None:
    counts = {"received_count": 0, "said_count": 0}
    assert end_user(caller) == {"call_sid": caller.call, "identity": None, "received": [], "said": [], **counts}


@pytest.mark.parametrize("status", ["ringing", "in-progress"])
def test_account_of_call_is_notified(caller: Caller, status: str) -> None:
    caller.site.put_json(f"/_emulator/calls/{caller.call}", {"account_sid": caller.account, "status": status})

    assert say(caller)["account_sid"] == caller.account


@pytest.mark.parametrize(
    ("state", "says"),
    [
        ({"status": "queued"}, "not ringing or in progress"),
        ({"status": "completed"}, "not ringing or in progress"),
        ({"client": "pstn"}, "not a Voice SDK"),
    ],
)
def test_inactive_call_sends_no_messages(caller: Caller, state: dict[str, str], says: str) -> None:
    caller.site.put_json(f"/_emulator/calls/{caller.call}", state)
    reply = speak(caller)

    assert (reply.status, says in reply.json()["error"], caller.call in reply.json()["error"]) == (409, True, True)
    assert end_user(caller)["said"] == []


def test_unregistered_call_has_no_end_user(serve: Servers) -> None:
    caller = Caller(serve(calls="registered"))
    before = speak(caller)
    caller.site.put_json(f"/_emulator/calls/{caller.call}", {})

    assert (before.status, "register it with PUT" in before.json()["error"]) == (409, True)
    assert say(caller)["sequence_number"] == 1


def test_ended_call_sends_no_messages(site: Site) -> None:
    with signal_client(site) as alice:
        caller = Caller(site, call=alice.call()["callsid"])
        alice.send("hangup", callsid=caller.call).send("register").receive("ready")

        assert speak(caller).status == 409


@pytest.mark.parametrize(
    ("content", "shown"),
    [("null", None), ('"é\\n"', "é\n"), ("9" * 5000, None), ('"a"', "a")],
)
def test_any_json_can_be_sent(caller: Caller, content: str, shown: object) -> None:
    with listening() as listener:
        subscribed(caller, listener.url())
        said = say(caller, content)
        (delivery,) = settled(caller)

    assert (said["content"], said["json"]) == (content, shown)
    assert (delivery["content"], delivery["json"]) == (content, shown)


BAD: list[Any] = [
    pytest.param({}, "/content", id="nothing"),
    pytest.param({"content": None}, "/content", id="null"),
    pytest.param({"content": {"a": 1}}, "/content", id="an object"),
    pytest.param({"content": 1}, "/content", id="a number"),
    pytest.param({"content": ""}, "/content", id="empty"),
    pytest.param({"content": "hello"}, "/content", id="no JSON"),
    pytest.param({"content": "NaN"}, "/content", id="NaN"),
    pytest.param({"content": "[1e400]"}, "/content", id="an overflow"),
    pytest.param({"content": '"\\ud800"'}, "/content", id="a lone surrogate"),
    pytest.param({"content": "[" * 10_000}, "/content", id="nested without end"),
    pytest.param({"content": '"' + "a" * 9_999 + '"'}, "/content", id="too long"),
    pytest.param({"content": "{}", "content_type": "a b"}, "/content_type", id="a space in the type"),
    pytest.param({"content": "{}", "content_type": ""}, "/content_type", id="no type"),
    pytest.param({"content": "{}", "content_type": "a\r\nb"}, "/content_type", id="line ends in the type"),
    pytest.param({"content": "{}", "content_type": "a" * 101}, "/content_type", id="a long type"),
    pytest.param({"content": "{}", "identity": "bob"}, "/identity", id="an unknown member"),
    pytest.param([], "body", id="an array"),
    pytest.param("{}", "body", id="a text"),
]


@pytest.mark.parametrize(("body", "parameter"), BAD)
def test_invalid_message_is_rejected(caller: Caller, body: object, parameter: str) -> None:
    path = f"/_emulator/calls/{caller.call}/end-user/messages"
    reply = post_json(caller.site, path, body)

    assert (reply.status, [bad["parameter"] for bad in reply.json()["parameters"]]) == (422, [parameter])
    assert len(reply.body) < 2000
    assert end_user(caller)["said"] == []


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", b'{"content": "\\ud800"}', b"9" * 5000])
def test_body_that_is_not_a_message(caller: Caller, body: bytes) -> None:
    path = f"/_emulator/calls/{caller.call}/end-user/messages"
    reply = caller.site.ask("POST", path, [("Content-Type", "application/json")], body)

    assert reply.status == 422
    assert reply.json()["error"]


@pytest.mark.parametrize("sid", ["CA1", "ca" + "0" * 32, "CA" + "g" * 32, fresh("AC")])
def test_malformed_call_sid(caller: Caller, sid: str) -> None:
    """It is rejected with 422."""
    replies = [
        caller.site.get(f"/_emulator/calls/{sid}/end-user"),
        post_json(caller.site, f"/_emulator/calls/{sid}/end-user/messages", {"content": "{}"}),
    ]

    for reply in replies:
        assert (reply.status, reply.json()["parameters"][0]["parameter"]) == (422, "call_sid")
