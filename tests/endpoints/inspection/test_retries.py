"""`/_emulator/retries`: a client that retries, over the wire, and the verdict on it."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from support.builders import ACCOUNT, OTHER_CALL, make_engine, post
from support.builders import request as a_request
from support.faults import add_fault
from support.server import PATIENCE, Caller, MalformedReplyError, Running, Site, fresh, request
from support.sse import LONG, Waiting, reset, until

from emulator.endpoints.inspection.retries import RetryWaiter, watch
from emulator.engine.engine import Engine
from emulator.engine.events import MAX_BEHIND
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.journal.retries import RetryFilter
from emulator.engine.journal.waits import WaitEnd
from emulator.settings import Settings
from emulator.wire import errors


def ask(site: Site, **query: object) -> Any:  # noqa: ANN401  JSON
    reply = site.get(f"/_emulator/retries?{urlencode(query)}")
    assert reply.status == 200, reply
    return reply.json()


def attempt(caller: Caller, content: str = "{}", key: str | None = None) -> int | None:
    """The status of one attempt; None when no answer came."""
    try:
        return caller.send(content, key).status
    except (OSError, AssertionError, MalformedReplyError):
        return None


def retrying(caller: Caller, keys: list[str | None], contents: list[str] | None = None) -> list[int | None]:
    """A small client that tries again with these keys."""
    return [attempt(caller, content, key) for key, content in zip(keys, contents or ["{}"] * len(keys), strict=True)]


# --- verdicts


AFTER: dict[str, object] = {"drop": "after"}


def test_the_window_is_an_option() -> None:
    with Running(Settings(port=0, retry_window=5)) as running:
        caller = Caller(running.site)
        add_fault(caller, AFTER, times=1)
        attempt(caller)
        running.site.put_json("/_emulator/clock", {"advance": 6})
        attempt(caller)

        assert [sequence["findings"] for sequence in ask(caller.site)["retries"]] == [["gave_up"], []]


# --- the page


def test_sequence_fields(caller: Caller) -> None:
    add_fault(caller, AFTER, times=1)
    retrying(caller, ["k", "l"])

    page = ask(caller.site, account_sid=caller.account)
    (sequence,) = page["retries"]
    first, second = sequence["attempts"]
    assert (page["count"], page["evicted"], page["last_seq"]) == (1, 0, sequence["seq"])
    assert (sequence["id"], sequence["seq"]) == (first["request_id"], second["seq"])
    assert (sequence["account_sid"], sequence["call_sid"]) == (caller.account, caller.call)
    assert (sequence["idempotency_key"], sequence["content"]) == ("k", "{}")
    assert (sequence["findings"], sequence["messages"]) == (["retried_new_key", "recovered"], 2)
    assert first["fault"]["name"] == "drop-after"
    assert {"gap": None, "outcome": "created", "status": 201, "code": None, "lost": True}.items() <= first.items()
    assert {"idempotency_key": "l", "content": "{}", "lost": False, "fault": None}.items() <= second.items()
    assert 0 <= second["gap"] < PATIENCE
    assert "duplicate" in sequence["explanation"][0]
    assert len(sequence["explanation"]) == 3


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"idempotency_key": "l"}, ["1"]),
        ({"limit": 1}, ["1"]),
    ],
)
def test_filters_match_by_attempts(caller: Caller, query: dict[str, object], expected: list[str]) -> None:
    add_fault(caller, AFTER, times=1)
    retrying(caller, ["k", "l", None], ["1", "1", '{"a":2}'])

    found = ask(caller.site, **{"account_sid": caller.account, **query})["retries"]
    assert [sequence["content"] for sequence in found] == expected


@pytest.mark.parametrize("query", ["finding=good", "limit=0", "findings=recovered", "at_least=-1"])
def test_invalid_filter_is_an_error(site: Site, query: str) -> None:
    assert site.get(f"/_emulator/retries?{query}").status == 422


# --- waiting


def test_a_wait_is_woken_by_the_retry(running: Running) -> None:
    caller = Caller(running.site)
    add_fault(caller, AFTER, times=1)
    waiting = Waiting(running.site, "retries", call_sid=caller.call, finding="recovered", at_least=1, timeout=LONG)
    until(running.site, lambda: len(running.engine.events) == 1)
    attempt(caller, key="k")
    Caller(running.site).send()
    early = waiting.is_over
    attempt(caller, key="k")

    answer = waiting.answer()
    assert (early, answer["satisfied"], answer["ended"], answer["explanation"]) == (False, True, "decided", [])
    assert answer["retries"][0]["findings"] == ["retried_same_key", "recovered"]
    until(running.site, lambda: len(running.engine.events) == 0)


def test_excess_attempts_end_a_watch(running: Running) -> None:
    caller = Caller(running.site)
    add_fault(caller, AFTER, times=1)
    attempt(caller)
    waiting = Waiting(running.site, "retries", finding="retried_without_key", at_most=0, within=LONG)
    until(running.site, lambda: len(running.engine.events) == 1)
    attempt(caller)

    answer = waiting.answer()
    assert (answer["satisfied"], answer["ended"]) == (False, "decided")
    assert "at most 0" in answer["explanation"][0]


def test_explanation_lists_attempts(caller: Caller) -> None:
    add_fault(caller, {"reply": {"status": 404}}, times=2)
    retrying(caller, ["k", "k"])

    answer = ask(caller.site, account_sid=caller.account, finding="recovered", at_least=1, timeout=0)
    text = "\n".join(answer["explanation"])
    assert (answer["satisfied"], answer["ended"], answer["retries"]) == (False, "timed_out", [])
    wanted = f"wanted at least 1 retry sequence (account {caller.account}, with the finding recovered)"
    assert f"{wanted}, 0 found" in text
    assert "retried a request that cannot succeed (retried_a_refusal)" in text
    assert "faulted 404" in text


def test_missing_finding_is_explained(caller: Caller) -> None:
    retrying(caller, ["k", "l"], ["1", "2"])

    def told(**query: object) -> str:
        answer = ask(caller.site, account_sid=caller.account, at_least=1, timeout=0, finding="recovered", **query)
        return "\n".join(answer["explanation"])

    assert "content 2" not in told(contains="1")
    assert "content 1" in told(contains="1")
    assert "content 2" in told(contains="3")
    assert "no attempt at all" in told(call_sid=fresh("CA"))


@pytest.mark.parametrize(("strict", "status"), [("true", 408), ("false", 200)])
def test_strict_wait_returns_408(caller: Caller, strict: str, status: int) -> None:
    query = f"account_sid={caller.account}&timeout=0&strict={strict}&at_least="

    assert [caller.site.get(f"/_emulator/retries?{query}{count}").status for count in (1, 0)] == [status, 200]


def test_reset_ends_waits_of_its_scope(running: Running) -> None:
    caller = Caller(running.site)
    waiting = Waiting(running.site, "retries", account_sid=caller.account, at_least=1, timeout=LONG)
    until(running.site, lambda: len(running.engine.events) == 1)
    reset(running.site, account_sid=fresh("AC"))
    early = waiting.is_over
    reset(running.site, account_sid=caller.account)

    answer = waiting.answer()
    assert (early, answer["satisfied"], answer["ended"]) == (False, False, "reset")
    assert "reset" in answer["explanation"][0]


def test_stop_ends_waits() -> None:
    with Running(Settings(port=0)) as running:
        waiting = Waiting(running.site, "retries", at_most=0, within=LONG)
        until(running.site, lambda: len(running.engine.events) == 1)
        running.stop()

        answer = waiting.answer()
    assert (answer["satisfied"], answer["ended"]) == (False, "stopped")


def leave(connection: Any) -> None:  # noqa: ANN401  server.Connection
    connection.finish()


def killed(connection: Any) -> None:  # noqa: ANN401  server.Connection
    connection.reset_when_closed()


@pytest.mark.parametrize("way", [leave, killed])
def test_disconnected_client_frees_its_wait(running: Running, way: Callable[[Any], None]) -> None:
    with running.site.connect() as connection:
        connection.send(request("GET", f"/_emulator/retries?at_least=1&timeout={LONG}"))
        until(running.site, lambda: len(running.engine.events) == 1)
        way(connection)
    until(running.site, lambda: len(running.engine.events) == 0)

    assert len(running.engine.events) == 0


def test_too_many_waits_are_rejected(running: Running) -> None:
    events = running.engine.events
    readers = [events.open(RequestFilter(account_sid="AC1")) for _ in range(1000)]
    reply = running.site.get(f"/_emulator/retries?at_least=1&timeout={LONG}")
    for reader in readers:
        events.close(reader)

    assert reply.status == 429
    assert "event_streams" in json.loads(reply.body)["error"]


# --- a wait from inside: what comes between two looks

Act = Callable[[Engine], Awaitable[object] | None]


def watched(*acts: Act, at_least: int) -> RetryWaiter:
    """A wait that looks once after each act."""

    async def run() -> RetryWaiter:
        emulated = make_engine()
        wait = RetryWaiter(RetryFilter(), at_least, None, 0, asyncio.get_running_loop().create_future())
        watching = asyncio.ensure_future(watch(emulated, wait))
        for act in (lambda _: None, *acts):
            done = act(emulated)
            if done is not None:
                await done
            for _ in range(500):  # many are counted in slices
                await asyncio.sleep(0)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        assert len(emulated.events) == 0
        return wait

    return asyncio.run(run())


def post_one(emulated: Engine) -> None:
    post(emulated)


def post_many(emulated: Engine) -> None:
    for _ in range(MAX_BEHIND):
        post(emulated)


def post_elsewhere(emulated: Engine) -> None:
    post(emulated, call_sid=OTHER_CALL)


async def delete_all(emulated: Engine) -> None:
    await emulated.delete_messages(RequestFilter(account_sid=ACCOUNT))


def refuse_nobodys(emulated: Engine) -> None:
    arrived = emulated.begin_request(None, None)
    emulated.refuse(arrived, a_request(), errors.PATH_UNKNOWN)


def test_attempts_beyond_backlog_are_counted() -> None:
    wait = watched(post_many, at_least=MAX_BEHIND)

    assert (wait.count, wait.over.result()) == (MAX_BEHIND, WaitEnd.DECIDED)


def test_request_without_account_counts_once() -> None:
    wait = watched(post_one, refuse_nobodys, at_least=3)

    assert (wait.count, wait.over.done()) == (2, False)


def test_deleted_requests_are_not_counted() -> None:
    wait = watched(
        post_one,
        delete_all,
        post_elsewhere,
        at_least=2,
    )

    assert (wait.count, wait.over.done()) == (1, False)


@pytest.mark.parametrize("rest", ["", "/abc"])
def test_old_path_names_the_new_one(site: Site, rest: str) -> None:
    reply = site.get(f"/_emulator/threads{rest}?limit=1")

    assert reply.status == 404
    assert f"it was renamed to /_emulator/retries{rest}" in reply.text
