"""`/_emulator/reset`: a clean start for one test, or for all."""

from typing import Any

import pytest
from support.builders import Time
from support.server import FORM, Caller, Running, Servers, Site, request
from support.sse import post_json, reset

from emulator.settings import Settings

FROZEN = {"freeze": "2026-01-02T03:04:05Z"}
NOTHING = dict.fromkeys(
    ("requests", "messages", "calls", "schemas", "faults", "subscriptions", "deliveries", "waits"), 0
)


def furnish(caller: Caller) -> str:
    """A message under a key, a refusal, a call, a schema and a fault; returns the message's SID."""
    caller.site.put_json(f"/_emulator/calls/{caller.call}", {"account_sid": caller.account})
    name = caller.call
    caller.site.put_json(
        f"/_emulator/schemas/{name}", {"schema": True, "account_sid": caller.account, "call_sid": name}
    )
    assert post_json(caller.site, "/_emulator/faults", fault(caller)).status == 201
    caller.send("hello")
    sid: str = caller.send(key="k").json()["sid"]
    return sid


def fault(caller: Caller) -> dict[str, Any]:
    """A rule that is never seen to fire."""
    match = {"account_sid": caller.account, "call_sid": caller.call}
    return {"match": match, "then": {"delay": 0}, "skip_first": 10**9}


def held(caller: Caller) -> Any:  # noqa: ANN401  JSON
    """What the emulator has of a caller."""
    site = caller.site
    query = f"account_sid={caller.account}&call_sid={caller.call}"
    return [
        site.get(f"/_emulator/messages?{query}").json()["count"],
        site.get(f"/_emulator/requests?{query}").json()["count"],
        site.get(f"/_emulator/calls/{caller.call}").status,
        site.get(f"/_emulator/schemas/{caller.call}").status,
        [one["match"].get("call_sid") for one in site.get(f"/_emulator/faults?{query}").json()["faults"]].count(
            caller.call
        ),
    ]


@pytest.mark.parametrize("names", [["account_sid"], ["call_sid"], ["account_sid", "call_sid"]])
def test_scope_is_reset_and_others_are_not(site: Site, names: list[str]) -> None:
    mine, other = Caller(site), Caller(site)
    scope = {name: {"account_sid": mine.account, "call_sid": mine.call}[name] for name in names}
    first, others = furnish(mine), furnish(other)
    done = reset(site, **scope)

    assert done == {**NOTHING, "requests": 2, "messages": 1, "calls": 1, "schemas": 1, "faults": 1}
    assert held(mine) == [0, 0, 404, 404, 0]
    assert held(other) == [1, 2, 200, 200, 1]
    assert mine.send(key="k").json()["sid"] != first
    assert other.send(key="k").json()["sid"] == others


def test_empty_scope_parameter_is_rejected(caller: Caller) -> None:
    furnish(caller)

    assert reset(caller.site, account_sid="") == NOTHING
    assert held(caller) == [1, 2, 200, 200, 1]


def test_full_reset_restores_clock_and_seed(serve: Servers) -> None:
    caller = Caller(serve(now=Time(), seed=3))
    first = furnish(caller)
    caller.site.put_json("/_emulator/clock", FROZEN)
    caller.site.put_json("/_emulator/seed", {"seed": 7})
    reset(caller.site)

    assert held(caller) == [0, 0, 404, 404, 0]
    assert caller.site.get("/_emulator/clock").json() == {"now": "2019-12-18T20:02:01.000Z", "frozen": False}
    assert caller.site.get("/_emulator/seed").json() == {"seed": 3}
    assert furnish(caller) == first


def test_request_in_progress_is_not_recorded() -> None:
    with Running(Settings(port=0)) as running:
        caller = Caller(running.site)
        head, end, body = caller.raw("[1]", "k", ("Expect", "100-continue")).partition(b"\r\n\r\n")
        with running.site.connect() as connection:
            connection.send(head + end)
            assert connection.reply().status == 100
            reset(running.site, account_sid=caller.account)
            connection.send(body)
            late = connection.reply()
        page = running.site.get("/_emulator/requests").json()
        again = caller.send("[1]", "k")

    assert late.status == 201
    assert page["count"] == 0
    assert again.json()["sid"] != late.json()["sid"]


def test_reset_after_seed_was_set_again(serve: Servers) -> None:
    site = serve(now=Time())
    one, two = Caller(site), Caller(site)
    for caller in (one, two):
        site.put_json("/_emulator/seed", {"seed": 7})
        caller.send()

    assert reset(site, account_sid=one.account)["messages"] == 1
    assert len(two.messages()) == 1
    assert reset(site, account_sid=two.account)["messages"] == 1


@pytest.mark.parametrize("body", [b'{"account_sid": "AC1"}', b"account_sid=AC1", b"\xff"])
def test_scope_in_the_body_is_rejected(caller: Caller, body: bytes) -> None:
    caller.send()
    reply = caller.site.ask("POST", "/_emulator/reset", [("Content-Type", FORM)], body)

    assert reply.status == 422
    assert "query" in reply.json()["error"]
    assert len(caller.messages()) == 1


def test_unknown_scope_parameter_is_rejected(caller: Caller) -> None:
    caller.send()
    reply = caller.site.ask("POST", f"/_emulator/reset?acount_sid={caller.account}")

    assert (reply.status, reply.json()["parameters"][0]["parameter"]) == (422, "acount_sid")
    assert len(caller.messages()) == 1


@pytest.mark.parametrize("headers", [[], [("Content-Length", "0")], [("Content-Type", "application/json")]])
def test_empty_body_is_accepted(serve: Servers, headers: list[tuple[str, str]]) -> None:
    site = serve(now=Time())
    with site.connect() as connection:
        connection.send(request("POST", "/_emulator/reset", headers))

        assert connection.reply().status == 200
