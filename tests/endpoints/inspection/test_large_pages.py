"""Listings of large records: a page ends early, shows that there is more, and a client can go on."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest
from support.server import Caller, Running, Site, path_of

from emulator.endpoints.inspection import rendering
from emulator.engine.scope import Scope
from emulator.engine.state.schemas import OnFailure, Schema
from emulator.settings import Settings
from emulator.testing import EmulatorClient

SIZE = 300
MANY = 12
CONTENTS = [json.dumps(f"{number}".ljust(SIZE, "\N{GRINNING FACE}"), ensure_ascii=False) for number in range(MANY)]


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(rendering, "PAGE_BYTES", 20_000)
    running = Running(Settings(port=0))
    yield running
    running.stop()


@pytest.fixture
def caller(running: Running) -> Caller:
    caller = Caller(running.site)
    for content in CONTENTS:
        caller.send(content)
    return caller


@pytest.fixture
def client(caller: Caller) -> EmulatorClient:
    return EmulatorClient(caller.site.url, account_sid=caller.account)


def listed(site: Site, name: str, **query: object) -> Any:  # noqa: ANN401  JSON
    return site.get(f"/_emulator/{name}?{urlencode(query)}").json()


def pages(site: Site, name: str, **query: object) -> list[list[Any]]:
    """All pages, each after what the ones before listed."""
    found: list[list[Any]] = []
    while True:
        page = listed(site, name, **query, skip=sum(map(len, found)))
        found.append(page[name.rpartition("/")[2]])
        if sum(map(len, found)) >= page["count"]:
            return found


@pytest.mark.parametrize("order", ["oldest", "newest"])
@pytest.mark.parametrize("name", ["messages", "requests", "retries"])
def test_skip_continues_an_early_end(caller: Caller, name: str, order: str) -> None:
    found = pages(caller.site, name, account_sid=caller.account, order=order, limit=1000)
    contents = [one["content"] for page in found for one in page]

    assert 1 < len(found) < MANY
    assert contents == (CONTENTS if order == "oldest" else CONTENTS[::-1])


def test_a_page_has_at_least_one_record(caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rendering, "PAGE_BYTES", 1)

    assert [len(page) for page in pages(caller.site, "messages")] == [1] * MANY


def test_after_continues_a_page(caller: Caller) -> None:
    first = caller.listing(limit=1000)
    second = caller.listing(limit=1000, after=first["messages"][-1]["seq"])

    assert len(first["messages"]) < first["count"] == MANY
    assert second["count"] == MANY - len(first["messages"])
    assert second["messages"][0]["content"] == CONTENTS[len(first["messages"])]


def test_a_filter_has_pages_too(caller: Caller) -> None:
    found = pages(caller.site, "messages", contains="1", order="newest")

    assert [json.loads(one["content"])[:2].strip("\N{GRINNING FACE}") for page in found for one in page] == [
        "11",
        "10",
        "1",
    ]


def test_python_client_reads_all_pages(client: EmulatorClient) -> None:
    assert [one.content for one in client.messages()] == CONTENTS
    assert [one.content for one in client.wait_for(MANY)] == CONTENTS
    assert [one.content for one in client.requests()] == CONTENTS
    assert [one.content for one in client.requests(newest=MANY - 1)] == CONTENTS[1:]
    assert [one.content for one in client.requests(newest=2000)] == CONTENTS
    assert [one.content for one in client.retries()] == CONTENTS


def schema(name: str) -> Schema:
    """A schema that needed no process to compile."""
    return Schema(name=name, text="true", size=0, scope=Scope(), on_failure=OnFailure.NOTE, validate=lambda *_: ())


def test_other_lists_have_pages(running: Running, caller: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    site, json_type = caller.site, [("Content-Type", "application/json")]
    client = EmulatorClient(site.url)
    for number in range(MANY):
        form = urlencode({"Callback": f"http://127.0.0.1:9/{number}"}).encode()
        caller.ask(form, path=path_of(caller.account, caller.call, resource="UserDefinedMessageSubscriptions"))
        site.put_json(f"/_emulator/calls/CA{number:032x}", {})
        running.engine.schemas.add(schema(f"s{number}"))
        site.ask("POST", "/_emulator/faults", json_type, b'{"profile": "slow"}')
    monkeypatch.setattr(rendering, "PAGE_BYTES", 500)
    for name in ("subscriptions", "calls", "schemas", "faults"):
        found = pages(site, name)
        assert len(found) > 1, name
        everything = [json.dumps(one) for page in found for one in page]
        assert len(set(everything)) == len(everything) == MANY, name

    assert len(client.calls.all()) == len(client.faults()) == MANY
    assert len(listed(site, "calls")["calls"]) < MANY


def test_deliveries_have_pages(caller: Caller) -> None:
    form = urlencode({"Callback": "http://127.0.0.1:9/"}).encode()
    caller.ask(form, path=path_of(caller.account, caller.call, resource="UserDefinedMessageSubscriptions"))
    said = [("Content-Type", "application/json")], json.dumps({"content": CONTENTS[0]}).encode()
    for _ in range(MANY):
        caller.site.ask("POST", f"/_emulator/calls/{caller.call}/end-user/messages", *said)
    found = pages(caller.site, "deliveries", order="newest")

    assert len(found) > 1
    assert [one["seq"] for page in found for one in page] == list(range(MANY, 0, -1))


def test_end_user_shows_newest_of_both(caller: Caller) -> None:
    path = f"calls/{caller.call}/end-user"
    first = listed(caller.site, path)
    rest = listed(caller.site, path, skip=len(first["received"]))
    shown = len(first["received"])

    assert (first["received_count"], first["said_count"]) == (MANY, 0)
    assert [one["content"] for one in first["received"]] == CONTENTS[-shown:]
    assert [one["content"] for one in rest["received"]] == CONTENTS[-2 * shown : -shown]


def test_users_can_be_skipped(running: Running) -> None:
    assert listed(running.site, "users", skip=1)["users"] == []
    assert running.site.get("/_emulator/users?skp=1").status == 422
