import json
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire.content import NotJson, is_encodable, is_json, is_portable, parse, parse_portable

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)
TEXTS = st.builds(json.dumps, VALUES, ensure_ascii=st.booleans(), indent=st.none() | st.just(1))


def accepts(read: Callable[[str], object], text: str) -> bool:
    try:
        read(text)
    except ValueError:
        return False
    return True


def nested(depth: int, inner: str = "") -> str:
    return "[" * depth + inner + "]" * depth


@given(TEXTS)
def test_parse_agrees_with_standard_library(text: str) -> None:
    assert parse(text) == json.loads(text)


@given(TEXTS, st.integers(0), st.sampled_from(["", *'[]{}",:0.e-\\x ']))
def test_parse_is_as_strict_as_the_library(text: str, place: int, damage: str) -> None:
    place %= len(text)
    damaged = text[:place] + damage + text[place + 1 :]

    assert accepts(json.loads, damaged) or not accepts(parse, damaged)


@given(st.text())
def test_any_text_is_json_or_not_json(text: str) -> None:
    try:
        parse(text)
    except NotJson as reason:
        assert str(reason)  # noqa: PT017  either end is fine, but a refusal says why


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(" ", id="blank"),
        pytest.param("hello", id="a word"),
        pytest.param("digits", id="what requests makes of a Python dict"),
        pytest.param("{'a': 1}", id="single quotes"),
        pytest.param("{a: 1}", id="a bare name"),
        pytest.param('{"a": 1} x', id="text behind"),
        pytest.param("{} {}", id="two values"),
        pytest.param("[1,]", id="a trailing comma"),
        pytest.param("[1] // one", id="a comment"),
        pytest.param('"a', id="an open string"),
        pytest.param('"\n"', id="a control character in a string"),
        pytest.param('"\\x41"', id="an unknown escape"),
        pytest.param('"\\u12"', id="a short escape"),
        pytest.param("\ufeff{}", id="a byte order mark"),
        pytest.param("\u00a0{}", id="a space beyond ASCII"),
        pytest.param("True", id="another language's constant"),
        pytest.param("01", id="a leading zero"),
        pytest.param("+1", id="a plus sign"),
        pytest.param(".5", id="no digit before the point"),
        pytest.param("1.", id="no digit behind the point"),
        pytest.param("0x1F", id="hex"),
        pytest.param("\u0661", id="a digit beyond ASCII"),
        pytest.param("NaN", id="NaN"),
        pytest.param('{"a": [NaN]}', id="NaN inside"),
        pytest.param("Infinity", id="Infinity"),
        pytest.param("-Infinity", id="minus Infinity"),
        pytest.param("1e309", id="beyond a double"),
        pytest.param("-1e309", id="below a double"),
        pytest.param("[1" + "0" * 400 + ".0]", id="beyond a double without an exponent"),
        pytest.param('"\\ud800"', id="a lone high surrogate"),
        pytest.param('"\\udfff"', id="a lone low surrogate"),
        pytest.param('"\\udc00\\ud800"', id="a pair the wrong way round"),
        pytest.param('{"\\ud800": 1}', id="a lone surrogate in a name"),
        pytest.param('[[{"a": ["\\ud800"]}]]', id="a lone surrogate deep inside"),
        pytest.param(nested(129), id="arrays nested too deeply"),
        pytest.param('{"a":' * 129 + "1" + "}" * 129, id="objects nested too deeply"),
        pytest.param('[{"a":' * 64 + "[]" + "}]" * 64, id="both nested too deeply"),
        pytest.param(nested(100_000), id="nested beyond every stack"),
        pytest.param("[" * 100_000, id="opened beyond every stack"),
    ],
)
def test_unsupported_json_is_rejected(text: str) -> None:
    with pytest.raises(NotJson):
        parse(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        pytest.param('{"key": "value"}', {"key": "value"}, id="Twilio's example"),
        pytest.param(" \t\r\n{}\n", {}, id="blanks around"),
        pytest.param("1e308", 1e308, id="a large double"),
        pytest.param("1e-999", 0.0, id="a number too small for a double"),
        pytest.param("-0.0", 0.0, id="minus zero"),
        pytest.param('"\\ud83d\\ude00"', "😀", id="a surrogate pair"),
        pytest.param('"\\\\ud800"', "\\ud800", id="an escaped backslash before a u"),
        pytest.param('"\\u0000"', "\0", id="an escaped zero"),
        pytest.param('"\x7f\u2028"', "\x7f\u2028", id="characters that only look forbidden"),
        pytest.param('{"a": 1, "a": 2}', {"a": 2}, id="a repeated name"),
        pytest.param('["' + "[" * 200 + '"]', ["[" * 200], id="brackets in a string are no nesting"),
        pytest.param("[" + "[]," * 200 + "1]", [[]] * 200 + [1], id="many side by side are no nesting"),
    ],
)
def test_rfc_8259_json_is_accepted(text: str, value: object) -> None:
    assert parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nested(128), id="empty arrays"),
        pytest.param(nested(128, "1"), id="arrays around a number"),
        pytest.param('{"a":' * 128 + "1" + "}" * 128, id="objects"),
        pytest.param("[" + nested(127) + "," + nested(127) + "]", id="two branches"),
    ],
)
def test_nesting_of_128_is_accepted(text: str) -> None:
    assert parse(text) == json.loads(text)


@pytest.mark.parametrize("digits", [4300, 4301, 9999])
@pytest.mark.parametrize("sign", ["", "-"])
def test_long_integers_are_kept_exactly(sign: str, digits: int) -> None:
    text = sign + "9" * digits

    assert parse(f"[{text}]") == [Decimal(text)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param('{"key": "value"}', id="Twilio's example"),
        pytest.param('{"a": ' + "9" * 4300 + "}", id="the longest whole number of Python's reader"),
        pytest.param(
            '{"a": -' + "9" * 4300 + "}",
            id="the same below zero",
        ),
        pytest.param('["' + "9" * 5000 + '"]', id="digits in a string"),
        pytest.param("[0." + "9" * 5000 + "]", id="a long fraction"),
        pytest.param("[" + "1," * 5000 + "1]", id="many numbers"),
    ],
)
def test_standard_json_is_portable(text: str) -> None:
    json.loads(text)

    assert is_portable(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("9" * 4301, id="a whole number that is too long for Python's reader"),
        pytest.param('[{"a": -' + "9" * 4301 + "}]", id="one inside"),
        pytest.param("[NaN]", id="not JSON"),
    ],
)
def test_long_integers_are_not_portable(text: str) -> None:
    assert not is_portable(text)


@pytest.mark.parametrize(("text", "verdict"), [("{}", True), ("9" * 5000, True), ("", False), ("NaN", False)])
def test_json_is_what_can_be_parsed(text: str, *, verdict: bool) -> None:
    assert is_json(text) is verdict


SURROGATE = "a lone surrogate is not a character"
FINITE = "a number must be finite and fit into a double"
LONG = "an integer has more than 4300 digits"


@pytest.mark.parametrize(
    ("text", "reason", "pointer"),
    [
        pytest.param('"\\ud800"', SURROGATE, "", id="the whole"),
        pytest.param('{"a": [1, {"b/~": "\\ud83d"}]}', SURROGATE, "/a/1/b~1~0", id="a value"),
        pytest.param('{"a": {"\\udfff": 1}}', SURROGATE, "/a/\udfff", id="a name"),
        pytest.param('["\ud83d"]', SURROGATE, "/0", id="a surrogate without an escape"),
        pytest.param("[" * 127 + '"\\ud800"' + "]" * 127, SURROGATE, "/0" * 127, id="a value deep inside"),
        pytest.param('{"a": NaN}', FINITE, "/a", id="NaN"),
        pytest.param("[-Infinity]", FINITE, "/0", id="minus Infinity"),
        pytest.param('{"a": [1, 1e400]}', FINITE, "/a/1", id="beyond a double"),
        pytest.param('{"a": ' + "9" * 4301 + "}", LONG, "/a", id="a long integer"),
        pytest.param(nested(129), "nested deeper than 128", "", id="too deep"),
        pytest.param(nested(100_000), "nested deeper than 128", "", id="beyond every stack"),
    ],
)
def test_a_refusal_has_a_pointer(text: str, reason: str, pointer: str) -> None:
    with pytest.raises(NotJson) as refused:
        parse_portable(text)

    assert (str(refused.value), refused.value.pointer) == (reason, pointer)


def test_unescaped_surrogate_is_rejected() -> None:
    with pytest.raises(NotJson, match="lone surrogate"):
        parse('{"t": "cut \ud83d"}')


# st.text() never draws surrogates.
_any_text = st.text(st.characters(codec=None, exclude_categories=()))
_any_json = st.recursive(_any_text, lambda inner: st.lists(inner) | st.dictionaries(_any_text, inner))


@given(text=st.builds(json.dumps, _any_json, ensure_ascii=st.booleans()))
def test_what_is_parsed_can_be_encoded(text: str) -> None:
    shown = json.dumps(json.loads(text), ensure_ascii=False)

    assert accepts(parse, text) == accepts(parse_portable, text) == is_encodable(shown)
