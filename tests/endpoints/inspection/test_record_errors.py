"""A record that cannot be rendered is an error entry; lists, waits and streams show the others."""

import json
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlencode

import pytest
from support.server import Caller, Running, path_of
from support.signal_client import signal_client
from support.sse import Stream, Waiting, until

from emulator.engine.callbacks.end_user_messages import LoggedMessage
from emulator.engine.engine import Engine
from emulator.engine.scope import Scope
from emulator.engine.state.calls import Leg, RegisteredCall
from emulator.engine.state.schemas import Schema
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.testing import EmulatorClient, EmulatorError

NO_JSON: Any = object()
ERROR = "this record cannot be rendered: "


@pytest.fixture
def caller(running: Running) -> Caller:
    """Its first message and the request that created it cannot be rendered, its second can."""
    caller = Caller(running.site)
    caller.send("[1]")
    (exchange,) = running.engine.journal.newest(1)
    caller.send("[2]")
    assert exchange.message is not None
    exchange.message.notes = (NO_JSON,)
    exchange.context.fault = SimpleNamespace(answers=True, rule=NO_JSON, name="x", effect="", delay=0.0, action=None)  # type: ignore[assignment]
    return caller


def listed(running: Running, kind: str, **query: object) -> Any:  # noqa: ANN401  JSON
    reply = running.site.get(f"/_emulator/{kind}?{urlencode(query)}")
    assert reply.status == 200, reply
    return reply.json()


@pytest.mark.parametrize("kind", ["messages", "requests", "retries"])
def test_a_page_shows_the_others(running: Running, caller: Caller, kind: str) -> None:
    page = listed(running, kind, call_sid=caller.call)
    broken, fine = page[kind]

    assert page["count"] == 2
    assert (broken["seq"], fine["seq"], fine["content"]) == (1, 2, "[2]")
    assert broken["error"].startswith(ERROR + "TypeError")
    assert set(broken) == {"error", "seq", "sid"}


def test_stream_continues(running: Running, caller: Caller) -> None:
    with Stream(running.site, after=0) as stream:
        told = stream.take(4)
        caller.send("[3]")
        live = stream.take(2)

    assert [one.kind for one in told + live] == ["request", "message"] * 3
    assert [one.data.get("error", "")[: len(ERROR)] for one in told] == [ERROR, ERROR, "", ""]
    assert [told[1].id, told[3].id, live[1].data["content"]] == ["1", "2", "[3]"]


def test_a_wait_ends_with_the_others(running: Running, caller: Caller) -> None:
    waiting = Waiting(running.site, call_sid=caller.call, at_least=3)
    until(running.site, lambda: len(running.engine.waits) == 1)
    caller.send("[3]")
    answer = waiting.answer()

    assert answer["satisfied"]
    assert ["error" in one for one in answer["messages"]] == [True, False, False]


def test_a_near_miss_is_an_error_entry(running: Running, caller: Caller) -> None:
    page = listed(running, "messages", call_sid=caller.call, contains="[4]", at_least=1, timeout=0)

    assert ["error" in one for one in page["near_misses"]] == [False, True]
    assert len(page["explanation"]) == 3


def test_an_end_user_shows_the_others(running: Running, caller: Caller) -> None:
    said = EndUserMessage(caller.account, caller.call, NO_JSON, "KX1", "1", "a/b")
    running.engine.callback_dispatcher.end_user_messages.add(LoggedMessage(said, 0.0, 1, 0))
    running.engine.callback_dispatcher.end_user_messages.add(LoggedMessage(said._replace(identity="alice"), 0.0, 2, 0))
    page = listed(running, f"calls/{caller.call}/end-user")

    assert ["error" in one for one in page["received"]] == ["error" in one for one in page["said"]] == [True, False]
    assert page["said"][0]["sid"] == "KX1"


def test_single_record_is_a_logged_error(running: Running, caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    reply = running.site.get("/_emulator/requests/" + running.engine.journal.newest(2)[1].request_id)

    assert (reply.status, reply.json()["parameters"]) == (500, [])
    assert listed(running, "requests", account_sid=caller.account)["count"] == 2
    assert "a record cannot be rendered" in caplog.text


def test_python_client_raises(running: Running, caller: Caller) -> None:
    client = EmulatorClient(running.site.url, account_sid=caller.account)

    with pytest.raises(EmulatorError, match=ERROR + "TypeError"):
        client.messages()
    assert [one.content for one in client.messages(after=1)] == ["[2]"]


def break_call(engine: Engine) -> None:
    engine.calls.add(RegisteredCall(sid="CA1", account_sid=None, status=NO_JSON, client=Leg.VOICE_SDK))


def break_schema(engine: Engine) -> None:
    engine.schemas.add(Schema(name="CA1", text="{}", size=0, scope=Scope(), on_failure=NO_JSON, validate=lambda *_: ()))


def break_fault(engine: Engine) -> None:
    (rule,) = engine.faults
    engine.faults.add(rule.spec, source=NO_JSON)


def break_subscription(engine: Engine) -> None:
    first, _ = engine.callback_dispatcher.subscriptions
    first.method = NO_JSON


def break_delivery(engine: Engine) -> None:
    first, _ = engine.callback_dispatcher.deliveries.select(SimpleNamespace(call_sid=None, matches=lambda _: True))  # type: ignore[arg-type]
    first.attempts = NO_JSON


BREAK: dict[str, Callable[[Engine], None]] = {
    "calls": break_call,
    "schemas": break_schema,
    "faults": break_fault,
    "subscriptions": break_subscription,
    "deliveries": break_delivery,
}


@pytest.mark.parametrize("kind", BREAK)
def test_every_list_shows_the_others(running: Running, kind: str) -> None:
    caller, site = Caller(running.site), running.site
    for host in ("a", "b"):
        form = urlencode({"Callback": f"http://127.0.0.1:9/{host}"}).encode()
        caller.ask(form, path=path_of(caller.account, caller.call, resource="UserDefinedMessageSubscriptions"))
    headers = [("Content-Type", "application/json")]
    said = json.dumps({"content": "1"}).encode()
    site.ask("POST", f"/_emulator/calls/{caller.call}/end-user/messages", headers, said)
    site.put_json(f"/_emulator/calls/{caller.call}", {})
    site.put_json("/_emulator/schemas/fine", {"schema": True})
    site.ask("POST", "/_emulator/faults", headers, b'{"profile": "slow"}')
    BREAK[kind](running.engine)
    page = listed(running, kind)

    assert page["count"] == 2
    assert sorted("error" in one for one in page[kind]) == [False, True]


def test_the_list_of_users_shows_the_others(running: Running) -> None:
    with signal_client(running.site, "alice"), signal_client(running.site, "bob"):
        next(
            line for line in running.engine.call_controller.connections if line.identity == "alice"
        ).account_sid = NO_JSON
        users = listed(running, "users")["users"]

    broken, fine = sorted(users, key=lambda user: "error" not in user)
    assert (broken["sid"], fine["identity"]) == ("alice", "bob")
