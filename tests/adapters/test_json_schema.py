from decimal import Decimal
from typing import Any

import pytest

from emulator.adapters.json_schema import BadSchemaError, Violation, compile_schema


def mistake(schema: object) -> BadSchemaError:
    with pytest.raises(BadSchemaError) as caught:
        compile_schema(schema)
    return caught.value


@pytest.mark.parametrize(
    ("schema", "value", "violations"),
    [
        pytest.param(True, 1, [], id="a schema that allows all"),
        pytest.param(False, 1, [("", "False schema does not allow 1")], id="a schema that allows nothing"),
        pytest.param({"type": "object"}, {}, [], id="right"),
        pytest.param({"required": ["to"]}, {}, [("", '"to" is a required property')], id="missing"),
        pytest.param(
            {"properties": {"a/~b": {"items": {"type": "integer"}}}},
            {"a/~b": [1, "2"]},
            [("/a~1~0b/1", '"2" is not of type "integer"')],
            id="deep inside",
        ),
        pytest.param(
            {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            {"a": 1, "b": 2},
            [("/a", '1 is not of type "string"'), ("/b", '2 is not of type "string"')],
            id="twice",
        ),
        pytest.param({"$ref": "#/$defs/n", "$defs": {"n": {"minimum": 2}}}, 2, [], id="a reference inside"),
        pytest.param(
            {"prefixItems": [{"type": "string"}], "items": False},
            ["a", 1],
            [("/1", "False schema does not allow 1")],
            id="a keyword of 2020-12",
        ),
    ],
)
def test_a_schema_lists_where_a_value_breaks_it(schema: object, value: object, violations: list[Any]) -> None:
    assert list(compile_schema(schema)(value)) == [Violation(*each) for each in violations]


@pytest.mark.parametrize(
    ("name", "text", "valid"),
    [
        ("email", "a@example.com", True),
        ("email", "a@b.test", True),
        ("email", "a@localhost", False),
        ("email", "a", False),
        ("email", 1, True),
        ("date-time", "2019-12-18T20:02:01Z", True),
        ("date-time", "yesterday", False),
        ("uuid", "no", False),
        ("ipv4", "256.1.1.1", False),
    ],
)
def test_formats_are_asserted(name: str, text: object, *, valid: bool) -> None:
    violations = list(compile_schema({"format": name})(text))

    assert violations == ([] if valid else [Violation("", f'"{text}" is not a "{name}"')])


@pytest.mark.parametrize(
    ("schema", "pointer", "message"),
    [
        pytest.param(3, "", '3 is not of types "boolean", "object"', id="a number"),
        pytest.param(None, "", 'null is not of types "boolean", "object"', id="null"),
        pytest.param("true", "", "a schema is an object or a boolean, not a text", id="JSON in a text"),
        pytest.param(
            {"properties": {"a/b": {"type": 5}}},
            "/properties/a~1b/type",
            "5 is not valid under any of the schemas listed in the 'anyOf' keyword",
            id="no type",
        ),
        pytest.param({"$ref": "#/nowhere"}, "", "Pointer '/nowhere' does not exist", id="a reference to nothing"),
    ],
)
def test_what_is_no_schema_is_told_with_the_place(schema: object, pointer: str, message: str) -> None:
    error = mistake(schema)

    assert (error.pointer, error.message) == (pointer, message)
    assert str(error) == message


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(?<!a)b", "("])
def test_a_pattern_that_needs_backtracking_is_refused(pattern: str) -> None:
    error = mistake({"properties": {"a": {"pattern": pattern}}})

    assert error.pointer == "/properties/a/pattern"


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:1/a.json", "https://example.com/a.json", "file:///etc/hostname", "other.json"]
)
def test_nothing_outside_of_the_schema_is_read(reference: str) -> None:
    error = mistake({"$id": "http://127.0.0.1:1/", "properties": {"a": {"$ref": reference}}})

    assert "only references inside the schema are followed, not " in error.message


def test_a_whole_number_that_the_library_cannot_read_is_a_violation_and_no_accident() -> None:
    validate = compile_schema({"items": {"maximum": 5}})

    assert list(validate([Decimal("9" * 5000)])) == [
        Violation("", "it has a whole number of over 4300 digits, which cannot be checked")
    ]
    assert list(validate({"a": Decimal("9" * 5000)})) == []


def test_a_message_is_one_line() -> None:
    (violation,) = compile_schema({"const": 1})("a\nb")

    assert "\n" not in violation.message
