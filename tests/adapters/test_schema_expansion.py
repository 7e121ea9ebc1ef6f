"""What a JSON Schema costs to apply; the library itself is the judge of how many violations there can be."""

from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.hostile_schemas import HOSTILE, doubling, nested

from emulator.adapters.json_schema import cost_of
from emulator.adapters.schema_limits import EXPANDED_LEVELS, BadSchemaError
from emulator.engine.state.schema_cost import Cost, Shape

LEAF = {"type": "string"}
LEAF_STEPS = 3  # the subschema, its keyword, its value


def steps(schema: object, levels: int = 3) -> tuple[int, ...]:
    """Steps for one value, without those of the schema's own keywords."""
    return cost_of(schema).value[1:levels]


@pytest.mark.parametrize(
    ("more", "leaves"),
    [
        pytest.param({"properties": {"a": LEAF, "b": LEAF}}, 1, id="one of the named members"),
        pytest.param({"properties": {"a": LEAF}, "additionalProperties": LEAF}, 1, id="named or additional"),
        pytest.param({"patternProperties": {"^a": LEAF, "^ab": LEAF}}, 2, id="each pattern"),
        pytest.param({"prefixItems": [LEAF, LEAF], "items": LEAF}, 1, id="one of the items"),
        pytest.param({"items": LEAF, "contains": LEAF}, 2, id="items and contains"),
        pytest.param({"items": LEAF, "additionalProperties": LEAF}, 1, id="a list or an object"),
        pytest.param({"propertyNames": LEAF}, 1, id="names"),
        pytest.param({"items": {"allOf": [LEAF, LEAF]}}, 2, id="all"),
        pytest.param({"items": {"if": LEAF, "then": LEAF, "else": LEAF}}, 3, id="conditions"),
        pytest.param({"items": {"dependentSchemas": {"a": LEAF}, "not": LEAF}}, 2, id="dependent"),
        pytest.param({"items": {"$ref": "#/$defs/a"}, "$defs": {"a": LEAF}}, 1, id="a pointer"),
        pytest.param({"items": {"$ref": "#a"}, "$defs": {"a": {"$anchor": "a", **LEAF}}}, 1, id="an anchor"),
        pytest.param({"items": {"$ref": "b"}, "$defs": {"a": {"$id": "b", **LEAF}}}, 1, id="an id"),
        pytest.param({"items": {"$ref": "#/$defs/a~1b%25"}, "$defs": {"a/b%": LEAF}}, 1, id="an escaped pointer"),
        pytest.param({"items": {"$ref": "#/allOf/0"}, "allOf": [LEAF]}, 1, id="a pointer into a list"),
    ],
)
def test_costs_of_next_level_are_added(more: dict[str, Any], leaves: int) -> None:
    (level,) = cost_of(more).value[1:2]

    assert leaves * LEAF_STEPS <= level < (leaves + 1) * LEAF_STEPS + 20
    assert level >= leaves * LEAF_STEPS


def test_recursive_schema_has_constant_cost() -> None:
    cost = cost_of({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}}})

    assert len(set(cost.value[1:])) == 1


def test_multiplying_schema_has_growing_cost() -> None:
    cost = cost_of({"items": {"allOf": [{"$ref": "#"}, {"$ref": "#"}]}})

    assert all(after >= 2 * before for before, after in zip(cost.value[1:20], cost.value[2:20], strict=False))


@pytest.mark.parametrize(
    ("schema", "bound"), [case for case in HOSTILE if case.values[1] not in ("schema_bytes", "pattern_bytes")]
)
def test_rejected_schema_names_the_limit(schema: object, bound: str) -> None:
    with pytest.raises(BadSchemaError, match=bound):
        cost_of(schema)


@pytest.mark.parametrize(
    "schema",
    [
        pytest.param(doubling(10), id="1,024 references"),
        pytest.param(nested(60), id="60 levels"),
        pytest.param({"anyOf": [{"const": number} for number in range(5000)]}, id="5,000 branches"),
        pytest.param({"pattern": "^[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}$"}, id="a pattern"),
    ],
)
def test_schema_within_limits_has_a_cost(schema: object) -> None:
    assert max(cost_of(schema).value[:EXPANDED_LEVELS]) > 0


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        pytest.param({"$ref": "https://json-schema.org/draft/2020-12/schema"}, "inside the schema", id="metaschema"),
        pytest.param({"$id": "http://a/b", "$ref": "c/../b"}, "inside the schema", id="a path with dots"),
        pytest.param({"$id": "http://a/b", "$ref": "%62"}, "inside the schema", id="an encoded path"),
        pytest.param(
            {"$ref": "#/$defs/a", "$defs": {"a": {"allOf": [{"$ref": "#/$defs/b"}]}, "b": {"$ref": "#/$defs/a"}}},
            "without end",
            id="a cycle",
        ),
    ],
)
def test_unresolvable_reference_is_rejected(schema: object, message: str) -> None:
    with pytest.raises(BadSchemaError, match=message):
        cost_of(schema)


@pytest.mark.parametrize(
    ("pattern", "characters"), [("^a", 4), ("[ab]{40}c", 180), ("(?:[ab]*a[ab]{2600}[c-z])", 7500)]
)
def test_pattern_cost_is_its_compiled_size(pattern: str, characters: int) -> None:
    cost = cost_of({"pattern": pattern})

    assert cost.character[0] <= characters
    assert cost.memory > 0


# --- the law: there are never more violations than were computed

_names = st.sampled_from(["a", "b"])
_references = st.sampled_from(["#", "#/$defs/a", "#/$defs/b"]).map(lambda target: {"$ref": target})
_leaves = st.one_of(
    st.booleans(),
    st.sampled_from(["string", "object", "array", "null"]).map(lambda name: {"type": name}),
    st.just({"required": ["a", "c"]}),
    st.just({"enum": [1, 2]}),
    st.just({"minItems": 3, "maxProperties": 0}),
)


def _combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    child = st.one_of(inner, _references)
    lists = st.lists(inner, min_size=1, max_size=3)
    keywords: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(["allOf", "anyOf", "oneOf", "prefixItems"], lists),
        **dict.fromkeys(["not", "if", "then", "else"], inner),
        **dict.fromkeys(
            ["items", "contains", "additionalProperties", "unevaluatedProperties", "unevaluatedItems"], child
        ),
        **dict.fromkeys(["properties", "patternProperties"], st.dictionaries(_names, child, max_size=2)),
        "dependentSchemas": st.dictionaries(_names, inner, max_size=2),
        "propertyNames": inner,
    }
    return st.fixed_dictionaries({}, optional=keywords)


_schemas = st.recursive(_leaves, _combined, max_leaves=8)
_contents = st.recursive(
    st.none() | st.integers(0, 3) | st.just("a"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_names, inner, max_size=2),
    max_leaves=10,
)


def _count(errors: list[Any]) -> int:
    """Violations, and those inside them of the branches of a combinator."""
    return sum(1 + sum(map(_count, getattr(error.kind, "context", []))) for error in errors)


@given(
    st.fixed_dictionaries(
        {"items": _schemas, "additionalProperties": _schemas, "allOf": st.lists(_schemas, min_size=1, max_size=2)}
    ),
    st.fixed_dictionaries({"a": _schemas, "b": _schemas}),
    _contents,
)
def test_violations_never_exceed_the_bound(root: dict[str, Any], defs: dict[str, Any], content: object) -> None:
    schema = {**root, "$defs": defs}
    try:
        cost: Cost = cost_of(schema)
    except BadSchemaError:  # a cycle
        return
    errors = list(jsonschema_rs.Draft202012Validator(schema).iter_errors(content))
    shape = Shape.of(content)
    computed = sum(cost.violations[level] * count for level, count in enumerate(shape.values))

    assert _count(errors) <= computed
