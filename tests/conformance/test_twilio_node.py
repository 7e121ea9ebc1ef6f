"""Twilio's Node library, unmodified. Without Node these tests are skipped, loudly; in CI they fail."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from builders import Time
from serving import Caller, Serve
from situations import REFUSALS, Attempt, Situation, attempt

HERE = Path(__file__).parent / "node"
CREATED = "2019-12-18T20:02:01.000Z"


def node() -> str:
    """The program, if it and the library are here."""
    program = shutil.which("node")
    if program is not None and (HERE / "node_modules" / "twilio").is_dir():
        return program
    missing = "Node" if program is None else "Twilio's Node library; `npm ci` in tests/conformance/node brings it"
    if os.environ.get("CI"):
        pytest.fail(f"there is no {missing}")
    pytest.skip(f"there is no {missing}")


def create(attempts: Sequence[Attempt]) -> list[dict[str, Any]]:
    """What came of each attempt."""
    done = subprocess.run(
        [node(), str(HERE / "create.js")],
        input=json.dumps([asdict(one) for one in attempts]),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


@pytest.fixture(scope="module")
def refusals(serve: Serve) -> dict[str, tuple[Attempt, dict[str, Any]]]:
    """All refusals by name, from one process: to start it takes longer than to ask."""
    node()
    attempts = {}
    for situation in REFUSALS:
        caller = Caller(serve(**situation.options))
        attempts[situation.name] = attempt(caller, **situation.arrange(caller))
    results = create(list(attempts.values()))
    return {name: (asked, result) for (name, asked), result in zip(attempts.items(), results, strict=True)}


def test_messages_are_created_replayed_and_listed(serve: Serve) -> None:
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
def test_a_refusal_is_the_librarys_own_exception(
    refusals: dict[str, tuple[Attempt, dict[str, Any]]], situation: Situation
) -> None:
    asked, result = refusals[situation.name]

    refused = {"name": "RestException", "status": situation.status, "message": situation.message_for(asked)}
    if situation.code is not None:
        refused |= {"code": situation.code, "moreInfo": f"https://www.twilio.com/docs/errors/{situation.code}"}
    assert result == {"refused": refused}
