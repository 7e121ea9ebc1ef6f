"""`/_emulator/check`: what a request would get, without sending it."""

from typing import Any

import pytest
from support.builders import Time
from support.scenarios import REFUSALS, Situation, attempt
from support.server import FORM, Caller, Servers, Site
from support.sse import post_json

ZEROS = "0" * 32
# A body over Twilio's limit is over the control surface's too, which describes it.
DESCRIBABLE = [situation for situation in REFUSALS if situation.status != 413]
VARYING = {"twilio-request-id", "twilio-request-duration", "content-length", "connection"}


def check(caller: Caller, **described: object) -> Any:  # noqa: ANN401  JSON
    usual = {"path": caller.path, "headers": dict([caller.auth]), "form": {"Content": "{}"}}
    reply = post_json(caller.site, "/_emulator/check", {**usual, **described})
    assert reply.status == 200, reply
    return reply.json()


def failed(verdict: Any) -> list[str]:  # noqa: ANN401  JSON
    return [rule["rule"] for rule in verdict["rules"] if not rule["passed"]]


def test_valid_request_is_not_created(caller: Caller) -> None:
    before = caller.listing()["last_seq"]
    verdict = check(caller, form={"Content": "{}", "IdempotencyKey": "k"})

    assert verdict["reply"]["status"] == 201
    assert f"KX{ZEROS}" in verdict["reply"]["body"]
    assert failed(verdict) == []
    assert {"credentials-missing", "content-not-json"} <= {rule["rule"] for rule in verdict["rules"]}
    assert (caller.listing()["count"], caller.listing()["last_seq"]) == (0, before)
    assert caller.send(key="k").json()["sid"] != f"KX{ZEROS}"


def test_check_matches_sending(serve: Servers) -> None:
    caller = Caller(serve(now=Time()))
    verdict = check(caller, form={"Content": "hello"})
    sent = caller.send("hello")

    assert (verdict["reply"]["status"], verdict["reply"]["body"]) == (sent.status, sent.text)
    assert [(one["name"], one["value"]) for one in verdict["reply"]["headers"] if one["name"] not in VARYING] == [
        header for header in sent.headers if header[0] not in VARYING
    ]


@pytest.mark.parametrize("situation", DESCRIBABLE, ids=[situation.name for situation in DESCRIBABLE])
def test_refusals_name_the_failing_rule(serve: Servers, situation: Situation) -> None:
    caller = Caller(serve(**situation.options))
    asked = attempt(caller, **situation.arrange(caller))
    form = {"Content": asked.content} | ({} if asked.key is None else {"IdempotencyKey": asked.key})
    described = Caller(caller.site, account=asked.username, token=asked.password)
    path = f"/2010-04-01/Accounts/{asked.account_sid}/Calls/{asked.call_sid}/UserDefinedMessages.json"
    verdict = check(described, path=path, form=form)

    assert verdict["reply"]["status"] == situation.status
    assert len(failed(verdict)) == 1
    assert [rule["passed"] for rule in verdict["rules"]] == [True] * (len(verdict["rules"]) - 1) + [False]


def test_rules_have_certainty_and_source(caller: Caller) -> None:
    rules = check(caller)["rules"]

    assert {rule["certainty"] for rule in rules} <= {"documented", "observed", "assumed"}
    assert all(rule["source"] and rule["says"] for rule in rules)


def test_a_known_key_would_be_replayed(caller: Caller) -> None:
    sid = caller.send(key="k").json()["sid"]
    verdict = check(caller, form={"Content": "{}", "IdempotencyKey": "k"})

    assert sid in verdict["reply"]["body"]
    assert caller.messages()[0]["replays"] == 0


def test_raw_body_is_used(caller: Caller) -> None:
    headers = {**dict([caller.auth]), "CONTENT-TYPE": FORM}

    assert check(caller, form=None, body="Content=%7B%7D", headers=headers)["reply"]["status"] == 201
    assert failed(check(caller, form=None, body="Content=hello", headers=headers)) == ["content-not-json"]


def test_missing_credentials_are_a_refusal(caller: Caller) -> None:
    verdict = check(caller, headers={})

    assert (verdict["reply"]["status"], failed(verdict)) == (401, ["credentials-missing"])


def test_preflight_evaluates_no_rules(caller: Caller) -> None:
    verdict = check(caller, method="OPTIONS", form=None)

    assert (verdict["reply"]["status"], verdict["rules"]) == (200, [])


def test_check_consumes_no_id_and_no_key(serve: Servers) -> None:
    asked, other = Caller(serve(now=Time(), seed=7)), Caller(serve(now=Time(), seed=7))
    check(asked)

    assert asked.send().json()["sid"] == other.send().json()["sid"]


@pytest.mark.parametrize(
    ("described", "says"),
    [
        ({}, "/path"),
        ({"path": "nowhere"}, "/path"),
        ({"path": "/a b"}, "/path"),
        ({"path": "/", "form": {}, "body": ""}, "not both"),
        ({"path": "/", "method": "post"}, "/method"),
        ({"path": "/", "header": {}}, "unknown parameter"),
        ({"path": "/", "form": {"Content": {}}}, "/form/Content"),
        ([], "body"),
    ],
)
def test_invalid_description_is_rejected(site: Site, described: object, says: str) -> None:
    reply = post_json(site, "/_emulator/check", described)

    assert reply.status == 422
    assert says in reply.json()["error"]
