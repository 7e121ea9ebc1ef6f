"""JSON Schemas that would take too long or too much memory, by what they exceed."""

import json
from typing import Any

import pytest


def doubling(count: int, keyword: str = "allOf", **root: object) -> dict[str, Any]:
    """Subschemas that each refer to the next one twice."""
    defs: dict[str, Any] = {
        f"a{number}": {keyword: [{"$ref": f"#/$defs/a{number + 1}"}] * 2} for number in range(count)
    }
    return {"$ref": "#/$defs/a0", "$defs": {**defs, f"a{count}": {"type": "string"}}, **root}


def chain(count: int) -> dict[str, Any]:
    """Subschemas that each refer to the next one."""
    defs: dict[str, Any] = {f"a{number}": {"$ref": f"#/$defs/a{number + 1}"} for number in range(count)}
    return {"$ref": "#/$defs/a0", "$defs": {**defs, f"a{count}": True}}


def nested(count: int, before: str = '{"not":', after: str = "}") -> Any:  # noqa: ANN401  any JSON value
    return json.loads(before * count + "{}" + after * count)


HOSTILE = [
    pytest.param(doubling(20), "schema_expanded", id="2^20 violations"),
    pytest.param(doubling(20, "anyOf"), "schema_expanded", id="2^20 branches"),
    pytest.param(doubling(16, unevaluatedProperties=False), "schema_expanded", id="compiled 2^16 times"),
    pytest.param(
        nested(20, '{"unevaluatedProperties":false,"allOf":[', "]}"), "schema_expanded", id="evaluated 2^20 times"
    ),
    pytest.param(chain(100), "schema_chain", id="a chain of references"),
    pytest.param(nested(120), "schema_depth", id="nested deeply"),
    pytest.param({"enum": ["x" * 50] * 6000}, "schema_bytes", id="a huge enum"),
    pytest.param({"anyOf": [{"const": number} for number in range(10_001)]}, "schema_subschemas", id="subschemas"),
    pytest.param(
        {"properties": {f"{number}": {"pattern": f"a{number}"} for number in range(101)}},
        "schema_patterns",
        id="patterns",
    ),
    pytest.param({"pattern": "((a{100}){100}){100}"}, "pattern_bytes", id="a pattern as a memory bomb"),
    pytest.param({"pattern": r"\p{L}{1000}"}, "pattern_bytes", id="sets of characters"),
    pytest.param({"const": 10**200}, "schema_number_digits", id="a long integer"),
    pytest.param({"items": {"enum": [[10**200]]}}, "schema_number_digits", id="a long integer inside"),
]
"""Each with the name of the bound."""
hostile = pytest.mark.parametrize(("schema", "bound"), HOSTILE)
