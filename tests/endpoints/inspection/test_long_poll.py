"""Waiting on `/_emulator/messages`: at once, when it comes, not at all, and why not."""

import json
from typing import Any

import pytest
from support.server import Caller, Running, Site, fresh, request
from support.sse import LONG, Waiting, reset, until

from emulator.settings import Settings


def wait(caller: Caller, **query: object) -> Any:  # noqa: ANN401  JSON
    return caller.listing(**query)


def lines(answer: Any) -> str:  # noqa: ANN401  JSON
    return "\n".join(answer["explanation"])


def test_satisfied_wait_returns_at_once(caller: Caller) -> None:
    sent = [caller.send().json()["sid"] for _ in range(2)]
    answer = wait(caller, at_least=2, timeout=LONG)

    assert (answer["satisfied"], answer["ended"], answer["count"]) == (True, "decided", 2)
    assert [message["sid"] for message in answer["messages"]] == sent
    assert (answer["explanation"], answer["near_misses"]) == ([], [])


def test_message_ends_a_wait(running: Running) -> None:
    caller = Caller(running.site)
    waiting = Waiting(running.site, call_sid=caller.call, at_least=2, timeout=LONG)
    until(running.site, lambda: len(running.engine.waits) == 1)
    caller.send("[1]")
    early = waiting.is_over
    caller.send("[2]")

    answer = waiting.answer()
    assert (early, answer["satisfied"]) == (False, True)
    assert [message["content"] for message in answer["messages"]] == ["[1]", "[2]"]


@pytest.mark.parametrize("bounds", [{"at_most": 0, "within": LONG}, {"at_least": 0, "at_most": 0, "timeout": LONG}])
def test_excess_messages_end_a_watch(running: Running, bounds: dict[str, int]) -> None:
    caller = Caller(running.site)
    waiting = Waiting(running.site, account_sid=caller.account, **bounds)
    until(running.site, lambda: len(running.engine.waits) == 1)
    sid = caller.send("[1]").json()["sid"]

    answer = waiting.answer()
    assert (answer["satisfied"], answer["ended"]) == (False, "decided")
    assert "wanted" in lines(answer)
    assert "at most 0" in lines(answer)
    assert sid in lines(answer)


def test_a_watch_lasts_for_its_whole_window(caller: Caller) -> None:
    caller.send()
    both = wait(caller, at_least=1, at_most=1, within=0.05)
    few = wait(caller, at_least=2, at_most=3, within=0.05)

    assert (both["satisfied"], both["ended"]) == (True, "timed_out")
    assert (few["satisfied"], few["ended"]) == (False, "timed_out")


@pytest.mark.parametrize(("strict", "status"), [("true", 408), ("false", 200)])
def test_strict_wait_returns_408(caller: Caller, strict: str, status: int) -> None:
    query = f"account_sid={caller.account}&timeout=0&strict={strict}&at_least="
    unsatisfied, satisfied = (caller.site.get(f"/_emulator/messages?{query}{count}") for count in (1, 0))

    assert (unsatisfied.status, unsatisfied.json()["satisfied"]) == (status, False)
    assert (satisfied.status, satisfied.json()["satisfied"]) == (200, True)


def test_disconnected_client_frees_its_wait(running: Running) -> None:
    with running.site.connect() as connection:
        connection.send(request("GET", f"/_emulator/messages?at_least=1&timeout={LONG}"))
        until(running.site, lambda: len(running.engine.waits) == 1)
    until(running.site, lambda: len(running.engine.waits) == 0)

    assert len(running.engine.waits) == 0


def test_killed_client_frees_its_wait(running: Running) -> None:
    with running.site.connect() as connection:
        connection.send(request("GET", f"/_emulator/messages?at_most=0&within={LONG}"))
        until(running.site, lambda: len(running.engine.waits) == 1)
        connection.reset_when_closed()
    until(running.site, lambda: len(running.engine.waits) == 0)

    assert len(running.engine.waits) == 0


def test_finished_wait_leaves_nothing(running: Running) -> None:
    for _ in range(3):
        running.site.get("/_emulator/messages?at_least=1&timeout=0")

    assert len(running.engine.waits) == 0


def test_reset_ends_waits_of_its_scope(caller: Caller) -> None:
    waiting = Waiting(caller.site, account_sid=caller.account, at_least=1, timeout=LONG)
    other = Waiting(caller.site, account_sid=fresh("AC"), at_least=1, timeout=0.2)
    until(caller.site, lambda: reset(caller.site, account_sid=caller.account)["waits"] == 1)

    answer = waiting.answer()
    assert (answer["satisfied"], answer["ended"]) == (False, "reset")
    assert "reset" in lines(answer)
    assert other.answer()["ended"] == "timed_out"


def test_stop_ends_waits() -> None:
    with Running(Settings(port=0)) as running:
        waiting = Waiting(running.site, at_most=0, within=LONG)
        until(running.site, lambda: len(running.engine.waits) == 1)
        running.stop()
        answer = waiting.answer()

    assert (answer["satisfied"], answer["ended"]) == (False, "stopped")
    assert "stopped" in lines(answer)


# --- why not


def test_near_miss_of_another_call(caller: Caller) -> None:
    """The explanation names both calls."""
    wanted = fresh("CA")
    sid = caller.send().json()["sid"]
    answer = wait(caller, call_sid=wanted, at_least=1, timeout=0)

    miss = answer["near_misses"][0]
    assert all(text in lines(answer) for text in (sid, caller.call, wanted))
    assert (miss["lacks"][0]["what"], miss["lacks"][0]["wanted"], miss["lacks"][0]["found"]) == (
        "call_sid",
        wanted,
        caller.call,
    )
    assert miss["request"]["message_sid"] == sid


def test_near_miss_with_different_content(caller: Caller) -> None:
    """The explanation has the pointers of the differences."""
    caller.send('{"a": {"b/c": [1, 2]}, "d": "x"}')
    answer = wait(caller, content='{"a": {"b/c": [1, 3]}, "e": true}', at_least=1, timeout=0)

    differences = answer["near_misses"][0]["lacks"][0]["differences"]
    assert {
        (one["pointer"], json.dumps(one["wanted"]), json.dumps(one["found"]), one["missing"]) for one in differences
    } == {
        ("/a/b~1c/1", "3", "2", False),
        ("/e", "true", "null", True),
    }
    assert "/a/b~1c/1" in lines(answer)
    assert "/e" in lines(answer)


def test_near_miss_with_a_long_integer(caller: Caller) -> None:
    caller.send("[" + "9" * 5000 + "]")
    answer = wait(caller, content="[1]", at_least=1, timeout=0)

    assert answer["near_misses"][0]["lacks"][0]["differences"][0]["found"] == "9" * 5000


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("at_least=-1", "at_least"),
        ("at_least=x", "at_least"),
        ("at_most=-1", "at_most"),
        ("at_least=1&timeout=61", "timeout"),
        ("at_least=1&timeout=-1", "timeout"),
        ("at_least=1&timeout=nan", "timeout"),
        ("at_most=1&within=inf", "within"),
        ("strict=maybe", "strict"),
        ("content={a:1}", "content"),
        ("content=", "content"),
        ("content=NaN", "content"),
        ("valid=x", "valid"),
        ("atleast=1", "atleast"),
    ],
)
def test_invalid_wait_is_named(site: Site, query: str, parameter: str) -> None:
    reply = site.get(f"/_emulator/messages?{query}")

    assert reply.status == 422
    assert [bad["parameter"] for bad in reply.json()["parameters"]] == [parameter]
    assert parameter in reply.json()["error"]
    assert "Value error" not in reply.json()["error"]
