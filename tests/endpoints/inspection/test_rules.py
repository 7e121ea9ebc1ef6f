"""`/_emulator/rules`: what the emulator does, how sure that is, and where it was read."""

import re

import pytest
from support.server import Caller, Site
from support.sse import post_json

from emulator.wire import errors


@pytest.fixture
def rules(site: Site) -> dict[str, dict[str, str]]:
    """All rules by name."""
    return {rule["name"]: rule for rule in site.get("/_emulator/rules").json()["rules"]}


def test_rules_have_certainty_and_source(site: Site) -> None:
    rules = site.get("/_emulator/rules").json()["rules"]

    assert len({rule["name"] for rule in rules}) == len(rules) > 20
    assert {rule["certainty"] for rule in rules} == {"documented", "observed", "assumed"}
    assert all(rule["says"] and rule["source"] for rule in rules)


def test_every_refusal_is_a_rule_with_advice(rules: dict[str, dict[str, str]]) -> None:
    assert {problem.name for problem in errors.CATALOGUE} <= set(rules)
    assert {problem.advice for problem in errors.CATALOGUE} == {rule["advice"] for rule in rules.values()} - {None}


def test_rules_used_elsewhere_are_listed(caller: Caller, rules: dict[str, dict[str, str]]) -> None:
    caller.send("hello")
    (request,) = caller.requests()
    looked = post_json(caller.site, "/_emulator/check", {"path": caller.path}).json()["rules"]

    assert rules[request["rule"]["name"]]["certainty"] == request["rule"]["certainty"]
    assert rules[request["rule"]["name"]]["advice"] == request["rule"]["advice"] == errors.CONTENT_NOT_JSON.advice
    assert {rule["rule"]: rule["advice"] for rule in looked}.items() <= {
        name: rule["advice"] for name, rule in rules.items()
    }.items()


def test_deviations_and_document_are_listed(site: Site) -> None:
    answer = site.get("/_emulator/rules").json()

    assert answer["deviations"]
    assert "twilio" in answer["openapi"]["name"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", answer["openapi"]["version"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\d", answer["openapi"]["date"])
    assert re.fullmatch(r"[0-9a-f]{7,40}", answer["openapi"]["commit"])
