"""The expansion of a JSON Schema: the number of subschemas that one value is validated with, per level of a content.

Upper bounds only. A reference counts as the most expensive subschema that it could mean, so no URI needs to be resolved
exactly. Of the named properties of an object, and of the items of an array, only one applies to a value, so the most
expensive one counts. Everything else is added up.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any
from urllib.parse import unquote

from emulator.adapters.schema_limits import (
    CHAIN,
    DEPTH,
    EQUAL_STEPS,
    EXPANDED,
    EXPANDED_LEVELS,
    FORMAT_STEPS,
    MULTIPLE_STEPS,
    NUMBER,
    NUMBER_STEPS,
    OTHER_FORMAT_STEPS,
    PATTERNS,
    SUBSCHEMAS,
    BadSchemaError,
    exceeded,
)
from emulator.engine.state.schema_cost import Cost, Shape

_SAME_VALUE = ("allOf", "anyOf", "oneOf", "not", "if", "then", "else", "dependentSchemas", "dependencies")
_NAMED = ("properties", "additionalProperties", "unevaluatedProperties")
_ITEMS = ("prefixItems", "items", "additionalItems", "unevaluatedItems")
_MAPS = ("properties", "patternProperties", "dependentSchemas", "dependencies")
_CHILDREN = (*_NAMED, "patternProperties", "propertyNames", *_ITEMS, "contains")
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
_ANCHORS = ("$anchor", "$dynamicAnchor", "$recursiveAnchor")
_FORMATS = frozenset({"format", "contentMediaType", "contentEncoding"})
_NUMBERS = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_IDS = ("$id", "id")
_LEVELS = 128
_LONGEST_PERIOD = 12
_CAP = 10**9
_LARGEST = 10**NUMBER.maximum

Measure = Callable[[str], tuple[int, int]]
Weight = Callable[["_Node"], int]


@dataclass(slots=True, eq=False)
class _Node:
    """A subschema; lists hold the indices of other nodes."""

    steps: int = 0
    characters: int = 0
    name_characters: int = 0
    loops: int = 0
    violations: int = 0
    same: list[list[int]] = field(default_factory=list)
    named: list[int] = field(default_factory=list)
    matched: list[int] = field(default_factory=list)
    names: list[int] = field(default_factory=list)
    items: list[int] = field(default_factory=list)
    contains: list[int] = field(default_factory=list)
    unevaluated: list[int] = field(default_factory=list)


class _Document:
    """The possible targets of references."""

    def __init__(self, schema: object) -> None:
        self._roots = [("", schema)]
        self._anchors: dict[str, list[Any]] = {}
        for each in _objects(schema):
            for keyword in _IDS:
                if isinstance(each.get(keyword), str):
                    self._roots.append((_last_part(each[keyword]), each))
            for keyword in _ANCHORS:
                self._anchors.setdefault(str(each.get(keyword)), []).append(each)

    def targets(self, reference: str) -> list[Any]:
        """Every subschema that a reference can mean, with any base URI."""
        uri, _, fragment = reference.partition("#")
        part = _last_part(uri)
        roots = [root for name, root in self._roots if part in ("", name) or not _is_plain(name)]
        if not roots or not _is_plain(uri):
            raise _outside(reference)
        fragment = unquote(fragment)
        if fragment.startswith("/"):
            return [found for root in roots if isinstance(found := _follow(root, fragment), dict | bool)]
        return self._anchors.get(fragment, []) if fragment else roots


def _last_part(uri: str) -> str:
    return uri.partition("#")[0].rstrip("/").rpartition("/")[2].lower()


def _is_plain(uri: str) -> bool:
    """Whether comparing its last part as text is sufficient."""
    return "%" not in uri and "/." not in uri and not uri.startswith(".") and "json-schema.org" not in uri.lower()


def _outside(reference: str) -> BadSchemaError:
    return BadSchemaError("", f"only references inside the schema are followed, not {reference[:200]}")


def _follow(value: Any, pointer: str) -> Any:  # noqa: ANN401  any JSON value
    for part in pointer.split("/")[1:]:
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict):
            value = value.get(name)
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


def _objects(value: object) -> Iterator[dict[str, Any]]:
    level, depth = [value], 0
    while level:
        if depth > DEPTH.maximum:
            raise exceeded(DEPTH, "it is nested deeper")
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                yield item
                inner += item.values()
            elif isinstance(item, list):
                inner += item
            elif isinstance(item, int) and abs(item) > _LARGEST:
                raise exceeded(NUMBER, "it has an integer of more digits")
        level, depth = inner, depth + 1


class _Reader:
    """Turns each subschema into a node, once."""

    def __init__(self, schema: object, measure: Measure) -> None:
        self.nodes: list[_Node] = []
        self.patterns: dict[str, tuple[int, int]] = {}
        self._measure = measure
        self._indices: dict[int, int] = {}
        self._waiting: list[tuple[_Node, dict[str, Any]]] = []
        self._document = _Document(schema)
        self._index(schema)
        while self._waiting:
            self._fill(*self._waiting.pop())

    def _index(self, schema: Any) -> int:  # noqa: ANN401  any JSON value
        known = self._indices.get(id(schema))
        if known is not None:
            return known
        if len(self.nodes) >= SUBSCHEMAS.maximum:
            raise exceeded(SUBSCHEMAS, "it has more subschemas")
        node = _Node(steps=1, violations=1)
        self._indices[id(schema)] = len(self.nodes)
        self.nodes.append(node)
        if isinstance(schema, dict):
            self._waiting.append((node, schema))
        return len(self.nodes) - 1

    def _subschemas(self, schema: dict[str, Any], keyword: str) -> list[int]:
        value = schema.get(keyword)
        if isinstance(value, dict) and keyword in _MAPS:
            value = list(value.values())
        found = value if isinstance(value, list) else [value]
        return [self._index(each) for each in found if isinstance(each, dict | bool)]

    def _fill(self, node: _Node, schema: dict[str, Any]) -> None:
        for keyword in _SAME_VALUE:
            node.same += [[index] for index in self._subschemas(schema, keyword)]
        for keyword in _REFERENCES:
            if isinstance(schema.get(keyword), str):
                node.same.append([self._index(each) for each in self._document.targets(schema[keyword])])
        for keyword in _NAMED:
            node.named += self._subschemas(schema, keyword)
        for keyword in _ITEMS:
            node.items += self._subschemas(schema, keyword)
        node.matched = self._subschemas(schema, "patternProperties")
        node.names = self._subschemas(schema, "propertyNames")
        node.contains = self._subschemas(schema, "contains")
        for keyword in ("unevaluatedProperties", "unevaluatedItems"):
            node.unevaluated += self._subschemas(schema, keyword)
        self._weigh(node, schema)

    def _weigh(self, node: _Node, schema: dict[str, Any]) -> None:
        steps_of_format = FORMAT_STEPS.get(str(schema.get("format")), OTHER_FORMAT_STEPS)
        format_steps = steps_of_format if _FORMATS & schema.keys() else (0, 0)
        lengths = {name: len(value) for name, value in schema.items() if isinstance(value, dict | list)}
        node.steps = 1 + len(schema) + sum(lengths.values()) + format_steps[0]
        if "multipleOf" in schema:
            node.steps += MULTIPLE_STEPS[isinstance(schema["multipleOf"], float)]
        node.steps += NUMBER_STEPS * len(_NUMBERS & schema.keys())
        # Strings and numbers are compared in one step; the library copies an enum into each of its violations.
        shapes = [Shape.of(each) for each in (*_listed(schema.get("enum")), schema.get("const"))]
        node.steps += EQUAL_STEPS * sum(sum(shape.values) for shape in shapes if len(shape.values) > 1)
        copied = sum(_size(schema[keyword]) for keyword in ("enum", "const") if keyword in schema) // 10
        dependent = sum(
            _size(schema[keyword]) for keyword in ("dependentRequired", "dependencies") if keyword in schema
        )
        listed = lengths.get("required", 0) + dependent
        node.violations = 1 + len(schema) + listed + copied
        node.loops = sum(4 for keyword in _CHILDREN if keyword in schema) + 16 * bool(schema.get("uniqueItems"))
        node.characters = format_steps[1]
        if isinstance(schema.get("pattern"), str):
            node.characters += self._steps_of(schema["pattern"])
            node.steps += 200  # to start a search
        if isinstance(schema.get("patternProperties"), dict):
            # additionalProperties matches each name a second time.
            node.name_characters = sum(2 * self._steps_of(pattern) for pattern in schema["patternProperties"])
            node.loops += 8 * len(node.matched)

    def _steps_of(self, pattern: str) -> int:
        if pattern not in self.patterns:
            if len(self.patterns) >= PATTERNS.maximum:
                raise exceeded(PATTERNS, "it has more patterns")
            self.patterns[pattern] = self._measure(pattern)
        return self.patterns[pattern][1]


def _listed(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _size(value: object) -> int:
    """Count the values in a value, and a share of the characters of its strings."""
    shape = Shape.of(value)
    return sum(shape.values) + sum(shape.characters) // 64


def _order(nodes: list[_Node]) -> list[int]:
    """Indices of the nodes; those that a node applies to the same value come before it.

    Raises:
        BadSchemaError: a subschema applies itself to the same value.
    """
    parents: list[list[int]] = [[] for _ in nodes]
    missing = [0] * len(nodes)
    for index, node in enumerate(nodes):
        for group in node.same:
            for target in group:
                if target != index:  # the library skips a reference to its own location
                    parents[target].append(index)
                    missing[index] += 1
    ready = [index for index, count in enumerate(missing) if not count]
    for index in ready:
        for parent in parents[index]:
            missing[parent] -= 1
            if not missing[parent]:
                ready.append(parent)
    if len(ready) < len(nodes):
        raise BadSchemaError("", "a subschema applies itself to the same value again, without end")
    return ready


Row = list[int]


class _Levels:
    """The tables of all subschemas, computed level by level."""

    def __init__(self, nodes: list[_Node], order: list[int]) -> None:
        self._nodes = nodes
        self._order = order
        self._has_unevaluated = any(node.unevaluated for node in nodes)

    def rows(self) -> Iterator[tuple[Row, ...]]:
        """Value, character and violations on each level."""
        above: tuple[Row, ...] = ([0] * len(self._nodes),) * len(_WEIGHTS)
        for level in range(_LEVELS):
            above = tuple(self._row(level, row, *weights) for row, weights in zip(above, _WEIGHTS, strict=True))
            yield above

    def _row(self, level: int, above: Row, own: Weight, per_child: Weight) -> Row:
        row, marks = [0] * len(above), [0] * len(above)
        for index in self._order:
            node = self._nodes[index]
            loops = per_child(node) + sum(above[name] for name in node.names) if level == 1 else 0
            total = loops + (own(node) if level == 0 else _children(node, above))
            total += sum(_most(row, group, index) for group in node.same)
            if self._has_unevaluated:
                # To find what was evaluated, the library evaluates each subschema of the same value again, recursively.
                again = sum(_most(row, group, index) + _most(marks, group, index) for group in node.same)
                again += loops + 4 * (level <= 1) + sum(above[each] for each in node.unevaluated)
                marks[index] = min(_CAP, again)
                total += marks[index] if node.unevaluated else 0
            row[index] = min(_CAP, total)
        return row


_WEIGHTS: tuple[tuple[Weight, Weight], ...] = (
    (attrgetter("steps"), attrgetter("loops")),
    (attrgetter("characters"), attrgetter("name_characters")),
    (attrgetter("violations"), attrgetter("loops")),
)


def _most(row: Row, group: list[int], but: int) -> int:
    return max((row[each] for each in group if each != but), default=0)


def _children(node: _Node, above: Row) -> int:
    """Cost of a value one level deeper: it is a member or an item, never both."""
    member = max((above[each] for each in node.named), default=0) + sum(above[each] for each in node.matched)
    item = max((above[each] for each in node.items), default=0) + sum(above[each] for each in node.contains)
    return max(member, item)


def _longest_chain(nodes: list[_Node], order: list[int]) -> int:
    length = [0] * len(nodes)
    for index in order:
        length[index] = 1 + max((_most(length, group, index) for group in nodes[index].same), default=0)
        if length[index] > CHAIN.maximum:
            raise exceeded(CHAIN, "it has more references and combinators in a row")
    return max(length)


def _period(history: list[tuple[Row, ...]]) -> int:
    """After how many levels the last rows repeat; 0 if they do not. Levels 0 and 1 differ from the others."""
    periods = range(1, min(_LONGEST_PERIOD, len(history) - 2) + 1)
    return next((period for period in periods if history[-1] == history[-1 - period]), 0)


def _table(levels: _Levels) -> list[tuple[int, ...]]:
    history: list[tuple[Row, ...]] = []
    table: list[tuple[int, ...]] = []
    for level, rows in enumerate(levels.rows()):
        history = [*history[-_LONGEST_PERIOD - 1 :], rows]
        table.append(tuple(row[0] for row in rows))
        if level < EXPANDED_LEVELS and table[level][0] > EXPANDED.maximum:
            raise exceeded(EXPANDED, f"with all references expanded, one value takes {table[level][0]:,} steps")
        if period := _period(history):
            break
    while period and len(table) < _LEVELS:
        table.append(table[-period])
    return table


def expand(schema: object, measure: Measure) -> Cost:
    """Compute the cost of validating with a schema.

    Args:
        schema: any JSON value.
        measure: returns the memory of a pattern and its steps per character.

    Raises:
        BadSchemaError: it exceeds a limit.
    """
    reader = _Reader(schema, measure)
    nodes, memory = reader.nodes, sum(size for size, _ in reader.patterns.values())
    order = _order(nodes)
    chain = _longest_chain(nodes, order)
    value, character, violations = zip(*_table(_Levels(nodes, order)), strict=True)
    return Cost(value=value, character=character, violations=violations, chain=chain, memory=memory)
