"""Twilio's Node library, unmodified. Without Node these tests are skipped, loudly; in CI they fail."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from support.builders import Time
from support.node import program as node
from support.scenarios import REFUSALS, TROUBLES, Attempt, Situation, Trouble, asked_of, attempt, troubled
from support.server import Caller, Servers, Site
from support.subscriptions import CALLBACK, subscriptions

HERE = Path(__file__).parent / "node"
CREATED = "2019-12-18T20:02:01.000Z"


def run(script: str, given: object) -> list[dict[str, Any]]:
    """What a script says to what it is given."""
    done = subprocess.run(
        [node(), str(HERE / script)],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def create(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """What came of each attempt."""
    return run("create.js", [asdict(one) for one in attempts])


@pytest.fixture(scope="module")
def refusals(serve: Servers) -> dict[str, tuple[Attempt, dict[str, Any]]]:
    """All refusals by name, from one process: to start it takes longer than to ask."""
    node()
    attempts = {}
    for situation in REFUSALS:
        caller = Caller(serve(**situation.options))
        attempts[situation.name] = attempt(caller, **situation.arrange(caller))
    results = create(list(attempts.values()))
    return {name: (asked, result) for (name, asked), result in zip(attempts.items(), results, strict=True)}


def test_messages_are_created_and_replayed(serve: Servers) -> None:
    caller = Caller(serve(now=Time()))
    content = '{"a": "b c+d%&=*~é\\n\U0001f600"}'
    first, again, other = (
        result["created"]
        for result in create(
            [
                attempt(caller, key="k", content=content),
                attempt(caller, key="k", content=content),
                attempt(caller),
            ]
        )
    )

    listed = caller.messages()
    assert first == {
        "accountSid": caller.account,
        "callSid": caller.call,
        "sid": listed[0]["sid"],
        "dateCreated": CREATED,
    }
    assert again == first
    assert [(message["content"], message["replays"]) for message in listed] == [(content, 1), ('{"key":"value"}', 0)]
    assert other["sid"] == listed[1]["sid"]


@pytest.mark.parametrize("situation", REFUSALS, ids=[situation.name for situation in REFUSALS])
def test_refusal_is_a_library_exception(
    refusals: dict[str, tuple[Attempt, dict[str, Any]]], situation: Situation
) -> None:
    asked, result = refusals[situation.name]

    refused = {"name": "RestException", "status": situation.status, "message": situation.message_for(asked)}
    if situation.code is not None:
        refused |= {"code": situation.code, "moreInfo": f"https://www.twilio.com/docs/errors/{situation.code}"}
    assert result == {"refused": refused}


Met = dict[str, tuple[Caller, dict[str, Any]]]


def met_by(site: Site, **options: object) -> Met:
    """What came of each fault by name, from one process."""
    node()
    callers = {trouble.name: troubled(Caller(site), trouble) for trouble in TROUBLES}
    results = create([attempt(caller, key="k", options=options) for caller in callers.values()])
    return {name: (caller, result) for (name, caller), result in zip(callers.items(), results, strict=True)}


@pytest.fixture(scope="module")
def met(serve: Servers) -> Met:
    """By the library as it is made."""
    return met_by(serve())


@pytest.fixture(scope="module")
def met_again(serve: Servers) -> Met:
    """By one that may try again."""
    return met_by(serve(), autoRetry=True, maxRetries=2)


def is_as_described(result: dict[str, Any], trouble: Trouble) -> bool:
    if trouble.node is None:
        return "created" in result
    name, code, message = trouble.node
    error = result["refused"]
    return (error["name"], error.get("code")) == (name, code) and error["message"].startswith(message)


@pytest.mark.parametrize("trouble", TROUBLES, ids=[trouble.name for trouble in TROUBLES])
def test_faults_are_not_retried_by_default(met: Met, trouble: Trouble) -> None:
    caller, result = met[trouble.name]

    assert is_as_described(result, trouble), result
    assert asked_of(caller) == 1
    assert len(caller.messages()) == trouble.processed


@pytest.mark.parametrize("trouble", TROUBLES, ids=[trouble.name for trouble in TROUBLES])
def test_auto_retry_retries_only_429(met_again: Met, trouble: Trouble) -> None:
    caller, result = met_again[trouble.name]

    is_retried = trouble.node is not None and trouble.node[1] == 20429
    assert ("created" in result) if is_retried else is_as_described(result, trouble), result
    assert asked_of(caller) == 1 + is_retried
    assert len(caller.messages()) == (trouble.processed or is_retried)


def test_subscription_life_cycle(serve: Servers) -> None:
    """A subscription is created, replayed, refused and deleted."""
    caller = Caller(serve(now=Time()))
    subscription = {"callback": CALLBACK, "method": "GET", "idempotencyKey": "k"}
    created, again, refused, removed, unknown = run(
        "subscribe.js",
        {"attempt": asdict(attempt(caller)), "subscription": subscription, "bad": {"callback": "http://a_b/"}},
    )

    sid = created["done"]["sid"]
    path = f"/2010-04-01/Accounts/{caller.account}/Calls/{caller.call}/UserDefinedMessageSubscriptions/{sid}.json"
    assert created["done"] == {
        "accountSid": caller.account,
        "callSid": caller.call,
        "sid": sid,
        "dateCreated": CREATED,
        "uri": path,
    }
    assert again == created
    invalid = {"name": "RestException", "status": 400, "code": 20001, "message": "Invalid Callback."}
    gone = {"name": "RestException", "status": 404, "code": 20404}
    assert refused["refused"] == invalid
    assert removed == {"done": True}
    assert unknown["refused"] == gone | {"message": f"The requested resource {path} was not found"}
    assert subscriptions(caller) == []
