"""Enumerations that the documents show are those of the code."""

import re
from pathlib import Path

import pytest

from emulator.endpoints.inspection.fault_models import PROFILES
from emulator.engine.callbacks.deliveries import DeliveryOutcome
from emulator.engine.faults.kinds import FAULT_KINDS
from emulator.engine.faults.magic_sids import MAGIC_CALLS
from emulator.engine.journal.exchange import Outcome
from emulator.engine.journal.retries import RetryFinding
from emulator.engine.state.calls import Status
from emulator.engine.voice.auto_answer import Reaction

ROOT = Path(__file__).parents[1]
TEXT = "\n\n".join(path.read_text() for path in (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))))
PARAGRAPHS = TEXT.split("\n\n")
CODE = re.compile(r"`([^`]+)`")
ENUMERATIONS = {
    "outcomes of requests": {str(each) for each in Outcome},
    "outcomes of deliveries": {str(each) for each in DeliveryOutcome},
    "findings": {str(each) for each in RetryFinding},
    "states of calls": {str(each) for each in Status},
    "reactions": {str(each) for each in Reaction},
    "profiles": {each.name for each in PROFILES},
    "magic CallSids": {each.ending for each in MAGIC_CALLS},
    "kinds of faults": {"delay", *(each.member for each in FAULT_KINDS)},
}


def shown(paragraph: str) -> set[str]:
    """Return the words in code, and the member names of JSON in code."""
    spans = CODE.findall(paragraph)
    return {*spans, *(name for span in spans for name in re.findall(r'"(\w+)":', span))}


@pytest.mark.parametrize("name", ENUMERATIONS)
def test_documents_show_all_members(name: str) -> None:
    members = ENUMERATIONS[name]
    found = [members & shown(paragraph) for paragraph in PARAGRAPHS]

    assert any(each == members for each in found)
    # Most of them, but not all, is a list that was not updated.
    assert [members - each for each in found if len(members) / 2 < len(each) < len(members)] == []


def test_page_has_a_text_for_each_finding() -> None:
    script = (ROOT / "emulator" / "endpoints" / "web" / "static" / "findings.js").read_text()
    table = script.partition("FINDINGS = {")[2].partition("}")[0]

    assert set(re.findall(r"^\s*(\w+):", table, re.MULTILINE)) == ENUMERATIONS["findings"]
