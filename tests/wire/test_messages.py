import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, MESSAGE, message

from emulator.wire import errors, messages
from emulator.wire.errors import ErrorSpec, TwilioError

REFUSED = [
    pytest.param("hello", errors.CONTENT_NOT_JSON, id="not JSON"),
    pytest.param(" ", errors.CONTENT_NOT_JSON, id="blank"),
    pytest.param("[NaN]", errors.CONTENT_NOT_JSON, id="not RFC 8259"),
    pytest.param(json.dumps("x" * 9_999), errors.CONTENT_TOO_LONG, id="too long"),
    pytest.param("x" * 10_001, errors.CONTENT_TOO_LONG, id="too long and not JSON"),
]


def refusal(form: dict[str, str]) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        messages.read(form, lenient=False)
    return caught.value


def test_members_are_in_documented_order() -> None:
    members = message().members()

    assert list(members.items()) == [
        ("account_sid", ACCOUNT),
        ("call_sid", CALL),
        ("sid", MESSAGE),
        ("date_created", "Wed, 18 Dec 2019 20:02:01 +0000"),
    ]


@pytest.mark.parametrize("lenient", [False, True])
@given(content=st.dictionaries(st.text(), st.text() | st.integers()).map(json.dumps))
def test_object_has_no_note(content: str, *, lenient: bool) -> None:
    assert messages.read({"Content": content}, lenient=lenient) == (content, None, ())


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize("content", ["[]", "[{}]", '"text"', "0", "null", "true", " 1.5 "])
def test_other_json_is_noted(content: str, *, lenient: bool) -> None:
    new = messages.read({"Content": content}, lenient=lenient)

    assert (new.content, new.notes) == (content, ("content-not-an-object",))


@pytest.mark.parametrize(("digits", "notes"), [(4300, ()), (4301, ("content-long-integer",))])
def test_a_long_integer_is_noted(digits: int, notes: tuple[str, ...]) -> None:
    content = '{"a": -' + "9" * digits + "}"

    assert messages.read({"Content": content}, lenient=False) == (content, None, notes)


@pytest.mark.parametrize(("content", "problem"), REFUSED)
def test_invalid_or_long_content_is_refused(content: str, problem: ErrorSpec) -> None:
    error = refusal({"Content": content})

    assert error.problem is problem
    assert error.reason


@pytest.mark.parametrize(("content", "problem"), REFUSED)
def test_lenient_content_is_noted(content: str, problem: ErrorSpec) -> None:
    new = messages.read({"Content": content}, lenient=True)

    assert (new.content, new.notes) == (content, (problem.name,))


@pytest.mark.parametrize("character", ["a", "é", "😀"])
def test_limit_counts_characters(character: str) -> None:
    longest = f'"{character * 9_998}"'

    assert messages.read({"Content": longest}, lenient=False).content == longest
    assert refusal({"Content": longest + " "}).problem is errors.CONTENT_TOO_LONG


@pytest.mark.parametrize("lenient", [False, True])
@pytest.mark.parametrize(
    "form",
    [
        pytest.param({}, id="no parameters"),
        pytest.param({"IdempotencyKey": "1"}, id="another parameter"),
        pytest.param({"content": "{}"}, id="its name in lower case"),
        pytest.param({"Content": ""}, id="empty"),
    ],
)
def test_lenient_needs_content_too(form: dict[str, str], *, lenient: bool) -> None:
    with pytest.raises(TwilioError) as caught:
        messages.read(form, lenient=lenient)

    assert caught.value.problem is errors.CONTENT_REQUIRED


@pytest.mark.parametrize(
    ("form", "reason"),
    [
        pytest.param({}, "the form has no parameters", id="no parameters"),
        pytest.param({"To": "x", "Body": "y"}, "the form has 'To', 'Body'", id="others"),
        pytest.param({"content": "{}"}, "the form has 'content'; names are case-sensitive", id="lower case"),
        pytest.param(
            {"Content[digits]": "1"},
            "the form has 'Content[digits]'; twilio-node was given an object: pass JSON.stringify(…) as content",
            id="an object given to twilio-node",
        ),
    ],
)
def test_missing_content_has_a_reason(form: dict[str, str], reason: str) -> None:
    assert refusal(form).reason == reason


@pytest.mark.parametrize(("form", "key"), [({}, None), ({"IdempotencyKey": ""}, None), ({"IdempotencyKey": " "}, " ")])
def test_empty_key_is_none(form: dict[str, str], key: str | None) -> None:
    assert messages.read({"Content": "{}", **form}, lenient=False).idempotency_key == key


@pytest.mark.parametrize(
    ("content", "hint"),
    [
        pytest.param("digits", "was it a dict?", id="a dict given to twilio-python"),
        pytest.param(str({"digits": 1}), "pass json.dumps(…)", id="str of a dict"),
        pytest.param("[object Object]", "pass JSON.stringify(…)", id="an object in a JavaScript text"),
    ],
)
def test_reason_guesses_the_mistake(content: str, hint: str) -> None:
    assert hint in str(refusal({"Content": content}).reason)


@pytest.mark.parametrize("content", ["hello world", '{"a":', "[1,"])
def test_other_content_has_no_guess(content: str) -> None:
    assert str(refusal({"Content": content}).reason).endswith(f"in {content!r}")


def test_reason_shows_the_beginning_only() -> None:
    error = refusal({"Content": "x" * 5_000})

    assert len(error.reason) < 200
