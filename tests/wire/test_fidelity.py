import re

import pytest

from emulator.wire.errors import CATALOGUE
from emulator.wire.fidelity import DEVIATIONS, DOCUMENT, RULES
from emulator.wire.rules import Certainty, Rule

each_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)


def test_every_error_is_a_rule() -> None:
    assert set(RULES) >= {problem.rule for problem in CATALOGUE}


def test_exactly_the_errors_have_advice() -> None:
    errors = {problem.name for problem in CATALOGUE}

    assert {rule.name for rule in RULES if rule.advice is not None} == errors


def test_rule_names_are_unique() -> None:
    names = [rule.name for rule in RULES]

    assert len(names) == len(set(names)) > len(CATALOGUE)


@each_rule
def test_every_rule_has_text_and_certainty(rule: Rule) -> None:
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.certainty in Certainty
    assert rule.summary
    assert rule.source


@each_rule
def test_known_rules_have_a_known_source(rule: Rule) -> None:
    assert rule.certainty is Certainty.ASSUMED or not rule.source.startswith("not known")


def test_all_deviations_are_sentences() -> None:
    assert len(set(DEVIATIONS)) == len(DEVIATIONS) > 0
    assert all(text.endswith(".") for text in DEVIATIONS)


def test_the_document_is_named_to_the_commit() -> None:
    assert DOCUMENT.name.endswith(".json")
    assert re.fullmatch(r"\d+\.\d+\.\d+", DOCUMENT.version)
    assert re.fullmatch(r"\d{4}-\d{2}-\d{2}", DOCUMENT.date)
    assert re.fullmatch(r"[0-9a-f]{7,40}", DOCUMENT.commit)
