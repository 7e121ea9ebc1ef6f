import json
from decimal import Decimal
from typing import Any

import pytest

from emulator.adapters import json_schema
from emulator.adapters.json_schema import MAX_VIOLATIONS, TOO_LARGE, TOO_MANY
from emulator.adapters.schema_limits import BadSchemaError
from emulator.engine.state.schema_cost import MESSAGE_STEPS, CostBudget, Shape
from emulator.engine.state.schemas import Violations


def violations_of(schema: object, value: object, steps: int = MESSAGE_STEPS) -> Violations:
    compiled = json_schema.compile_schema(schema, json_schema.cost_of(schema), "")
    return compiled.validate(value, Shape.of(value), CostBudget(steps))


def mistake(schema: object) -> BadSchemaError:
    with pytest.raises(BadSchemaError) as caught:
        json_schema.compile_schema(schema, json_schema.cost_of(schema), "")
    return caught.value


@pytest.mark.parametrize(
    ("schema", "value", "violations"),
    [
        pytest.param(True, 1, [], id="a schema that allows all"),
        pytest.param(False, 1, [("", "False schema does not allow the value")], id="a schema that allows nothing"),
        pytest.param({"type": "object"}, {}, [], id="right"),
        pytest.param({"required": ["to"]}, {}, [("", '"to" is a required property')], id="missing"),
        pytest.param(
            {"properties": {"a/~b": {"items": {"type": "integer"}}}},
            {"a/~b": [1, "2"]},
            [("/a~1~0b/1", 'the value is not of type "integer"')],
            id="deep inside",
        ),
        pytest.param(
            {"properties": {"a": {"type": "string"}, "b": {"type": "string"}}},
            {"a": 1, "b": 2},
            [("/a", 'the value is not of type "string"'), ("/b", 'the value is not of type "string"')],
            id="twice",
        ),
        pytest.param({"$ref": "#/$defs/n", "$defs": {"n": {"minimum": 2}}}, 2, [], id="a reference inside"),
        pytest.param(
            {"prefixItems": [{"type": "string"}], "items": False},
            ["a", 1],
            [("/1", "False schema does not allow the value")],
            id="a keyword of 2020-12",
        ),
        pytest.param(
            {"pattern": "^(a+)+$"},
            "a" * 9000 + "b",
            [("", 'the value does not match "^(a+)+$"')],
            id="a pattern in linear time",
        ),
    ],
)
def test_violations_have_pointers(schema: object, value: object, violations: list[Any]) -> None:
    assert violations_of(schema, value) == tuple(violations)


@pytest.mark.parametrize(
    ("name", "text", "valid"),
    [
        ("email", "a@example.com", True),
        ("email", "o'neil+x@b.test", True),
        ("email", "a@b@c", False),
        ("email", "a@localhost", False),
        ("email", "a", False),
        ("email", 1, True),
        ("email", "a@" + "b." * 200 + "test", False),
        ("regex", "^a+$", True),
        ("regex", "(", False),
        ("regex", 1, True),
        ("regex", r"\s" * 1000 + "(", True),  # too many escapes to be checked
        ("date-time", "2019-12-18T20:02:01Z", True),
        ("date-time", "yesterday", False),
        ("uuid", "12345678-1234-1234-1234-123456789abc", True),
        ("uuid", "no", False),
        ("uri", "https://example.com/", True),
        ("uri", "::", False),
        ("ipv4", "127.0.0.1", True),
        ("ipv4", "256.1.1.1", False),
    ],
)
def test_formats_are_asserted(name: str, text: object, *, valid: bool) -> None:
    assert violations_of({"format": name}, text) == (() if valid else (("", f'the value is not a "{name}"'),))


@pytest.mark.parametrize(
    ("schema", "pointer", "message"),
    [
        pytest.param(3, "", 'the value is not of types "boolean", "object"', id="a number"),
        pytest.param(None, "", 'the value is not of types "boolean", "object"', id="null"),
        pytest.param("true", "", "a schema is an object or a boolean, not a text", id="JSON in a text"),
        pytest.param(
            {"properties": {"a/b": {"type": 5}}},
            "/properties/a~1b/type",
            "the value is not valid under any of the schemas listed in the 'anyOf' keyword",
            id="no type",
        ),
        pytest.param({"$ref": "#/nowhere"}, "", "Pointer '/nowhere' does not exist", id="a reference to nothing"),
    ],
)
def test_invalid_schema_has_a_pointer(schema: object, pointer: str, message: str) -> None:
    error = mistake(schema)

    assert (error.pointer, error.message) == (pointer, message)
    assert str(error) == message


@pytest.mark.parametrize("pattern", ["(?=a)b", r"(a)\1", "(?<!a)b", "("])
def test_backtracking_pattern_is_rejected(pattern: str) -> None:
    error = mistake({"properties": {"a": {"pattern": pattern}}})

    assert error.pointer == "/properties/a/pattern"


@pytest.mark.parametrize(
    "reference", ["http://127.0.0.1:1/a.json", "https://example.com/a.json", "file:///etc/hostname", "other.json"]
)
def test_external_references_are_rejected(reference: str) -> None:
    error = mistake({"$id": "http://127.0.0.1:1/", "properties": {"a": {"$ref": reference}}})

    assert "only references inside the schema are followed, not " in error.message


def test_long_integer_is_a_violation() -> None:
    schema = {"items": {"maximum": 5}}

    assert violations_of(schema, [Decimal("9" * 5000)]) == (
        ("", "cannot be validated: an integer has more than 4300 digits"),
    )
    assert violations_of(schema, {"a": Decimal("9" * 5000)}) == ()


def test_violation_message_is_short() -> None:
    """It is one line and does not contain the value."""
    schema = {"allOf": [{"const": 1}, {"additionalProperties": False}]}
    violations = violations_of(schema, {"x" * 9000: "secret\n"})

    assert len(violations) == 2
    assert all("\n" not in message and "secret" not in message and len(message) <= 300 for _, message in violations)


def test_long_pointer_is_cut_to_a_parent() -> None:
    value = {"a": {"b" * 200: {"c" * 200: 1}}}
    schema = {"additionalProperties": {"additionalProperties": {"additionalProperties": {"type": "string"}}}}

    assert violations_of(schema, value) == (("/a/" + "b" * 200, 'the value is not of type "string"'),)


def test_twenty_violations_are_listed() -> None:
    assert len(violations_of({"items": {"type": "string"}}, [1] * 100)) == MAX_VIOLATIONS


@pytest.mark.parametrize(
    ("value", "violations"),
    [
        pytest.param([""] * 5000, (), id="valid"),
        pytest.param([1] * 5000, (("", TOO_MANY),), id="one violation each"),
    ],
)
def test_too_many_violations_are_not_listed(value: object, violations: Violations) -> None:
    assert violations_of({"items": {"type": "string"}}, value) == violations


def test_costs_are_compared_with_the_budget() -> None:
    schema, value = {"items": {"type": "string"}}, [1, 2]
    cost = json_schema.cost_of(schema)
    check, report = cost.checking(Shape.of(value)), cost.reporting(Shape.of(value))

    assert violations_of(schema, value, check - 1) == (("", TOO_LARGE),)
    assert violations_of(schema, value, check + report - 1) == (("", TOO_MANY),)
    assert len(violations_of(schema, value, check + report)) == 2


@pytest.mark.parametrize(
    ("schema", "content"),
    [
        pytest.param({"items": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}}, "[" * 120 + "]" * 120, id="references"),
        pytest.param({"items": {"anyOf": [{"$ref": "#"}] * 3}}, "[" * 120 + "]" * 120, id="branches"),
        pytest.param({"pattern": "(?:[ab]*a[ab]{2600}[c-z])"}, '"' + "ab" * 4900 + '"', id="a pattern"),
        pytest.param(
            {"unevaluatedProperties": False, "anyOf": [{"additionalProperties": {"$ref": "#"}}] * 2},
            '{"a":' * 100 + "1" + "}" * 100,
            id="unevaluated properties",
        ),
        pytest.param({"items": {"multipleOf": 1e-300}}, "[" + "1e300," * 1600 + "1]", id="exact division"),
        pytest.param({"items": {"format": "regex"}}, '["' + r"\\s" * 9 + '"' + r',"\\s\\s\\s"' * 990 + "]", id="regex"),
        pytest.param({"items": {"multipleOf": 0.3}}, "[" + "9" * 4200 + "," + "8" * 4200 + "]", id="long integers"),
    ],
)
def test_expensive_content_is_not_validated(schema: object, content: str) -> None:
    assert violations_of(schema, json.loads(content)) == (("", TOO_LARGE),)
