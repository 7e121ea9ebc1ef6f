"""What is asked and in which order; the test is the emulator."""

from typing import Any

import pytest

from emulator.endpoints.inspection import query_params
from emulator.engine.scope import Scope
from emulator.testing import questions
from emulator.testing.http import Question
from emulator.testing.questions import Conversation, Questions

EVERYTHING = Questions(Scope())

Json = dict[str, Any]


def message(seq: int) -> Json:
    return {
        "seq": seq,
        "sid": f"KX{seq:032x}",
        "account_sid": "AC1",
        "call_sid": "CA1",
        "content": "{}",
        "json": {},
        "idempotency_key": None,
        "replays": 0,
        "notes": [],
        "schemas": [{"name": "s", "valid": False, "errors": [{"pointer": "/a", "message": "no", "new": 1}]}],
        "date_created": "Wed, 18 Dec 2019 20:02:01 +0000",
        "received_at": "2019-12-18T20:02:01.123Z",
        "request_id": f"RQ{seq:032x}",
        "something_new": True,
    }


def page(*seqs: int, **more: object) -> Json:
    listed = [message(seq) for seq in seqs]
    return {"messages": listed, "count": len(listed), "satisfied": True, "ended": "decided", **more}


UNSATISFIED: Json = page(satisfied=False, ended="timed_out", explanation=["wanted at least 1, 0 arrived", "why"])


def held(conversation: Conversation[Any], *answers: object) -> tuple[list[Question], Any]:
    """All that is asked, and the result."""
    asked = [next(conversation)]
    try:
        for answer in answers:
            asked += [conversation.send(answer)]
    except StopIteration as end:
        return asked, end.value
    raise AssertionError(f"asks on: {asked}")


def test_a_wait_longer_than_one_answer_is_several() -> None:
    asked, found = held(EVERYTHING.wait_for(1, 150.0, {}), UNSATISFIED, UNSATISFIED, page(1))

    assert [(one.parameters["timeout"], one.patience) for one in asked] == [(60.0, 60.0), (60.0, 60.0), (30.0, 30.0)]
    assert [one.seq for one in found] == [1]


def test_a_wait_ends_when_its_time_is_over() -> None:
    with pytest.raises(AssertionError, match=r"^wanted at least 1, 0 arrived\nwhy$"):
        held(EVERYTHING.wait_for(1, 61.0, {}), UNSATISFIED, UNSATISFIED)


def test_a_wait_that_was_reset_is_not_begun_again() -> None:
    with pytest.raises(AssertionError, match="was reset"):
        held(EVERYTHING.wait_for(1, 150.0, {}), UNSATISFIED | {"ended": "reset", "explanation": ["was reset"]})


def test_a_watch_longer_than_one_answer_is_several() -> None:
    over = page(ended="timed_out")
    asked, _ = held(EVERYTHING.expect_none(90.0, {}), over, over)

    assert [(one.parameters["at_most"], one.parameters["within"]) for one in asked] == [(0, 60.0), (0, 30.0)]


def test_a_watch_that_the_emulator_broke_off_is_no_success() -> None:
    with pytest.raises(AssertionError, match="did not watch to the end: stopped"):
        held(EVERYTHING.expect_none(1.0, {}), page(ended="stopped", explanation=[]))


def test_what_fills_a_page_is_asked_for_further() -> None:
    full = range(1, questions.LARGEST_PAGE + 1)
    asked, found = held(EVERYTHING.messages({"contains": "x"}), page(*full, count=1001), page(2000))

    assert [one.seq for one in found] == [*full, 2000]
    assert asked[1].parameters == {"contains": "x", "limit": 1000, "after": 1000}


def test_the_scope_goes_along_and_filters_can_name_another_or_none() -> None:
    own = Questions(Scope("AC1", "CA1"))

    def asked(**filters: object) -> object:
        (question,), _ = held(own.messages(filters), page())
        return question.parameters

    assert asked() == {"account_sid": "AC1", "call_sid": "CA1", "limit": 1000}
    assert asked(call_sid="CA2") == {"account_sid": "AC1", "call_sid": "CA2", "limit": 1000}
    assert asked(call_sid=None) == {"account_sid": "AC1", "limit": 1000}


def test_content_is_a_value_not_a_text() -> None:
    values = [{"a": "ä"}, "text", None, True]
    asked = [held(EVERYTHING.messages({"content": value}), page())[0][0] for value in values]

    assert [one.parameters["content"] for one in asked] == ['{"a": "\\u00e4"}', '"text"', "null", "true"]


def test_a_message_is_read_with_what_schemas_say_and_without_what_is_not_known() -> None:
    _, (found,) = held(EVERYTHING.messages({}), page(1))

    (schema,) = found.schemas
    assert (found.received_at.year, schema.valid, schema.errors[0].pointer) == (2019, False, "/a")
    assert hash(found) == hash(found)


def test_the_bounds_are_the_emulators() -> None:
    (limit,) = query_params.MessageQuery.model_fields["limit"].metadata[1:]

    assert questions.LONGEST_WAIT == query_params.LONGEST_WAIT
    assert limit.le == questions.LARGEST_PAGE
