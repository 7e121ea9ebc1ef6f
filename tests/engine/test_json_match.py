from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.engine.json_match import Difference, count_values, diff, is_part

SCALARS = st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.0, 1.0, 1.5, "", "a", "1"])
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "/~"]), inner)
)


def looked_up(value: Any, pointer: str) -> Any:  # noqa: ANN401  JSON
    """Return the value at an RFC 6901 pointer."""
    for step in pointer.split("/")[1:]:
        name = step.replace("~1", "/").replace("~0", "~")
        value = value[int(name)] if isinstance(value, list) else value[name]
    return value


def without(value: object, drop: st.DataObject) -> object:
    """Return the value without some members of its objects."""
    if isinstance(value, dict):
        return {name: without(inner, drop) for name, inner in value.items() if drop.draw(st.booleans())}
    return [without(inner, drop) for inner in value] if isinstance(value, list) else value


@given(VALUES, st.data())
def test_value_without_members_is_a_subset(whole: object, data: st.DataObject) -> None:
    part = without(whole, data)

    assert is_part(part, whole)


@given(VALUES, VALUES, st.data())
def test_a_part_is_what_has_no_differences(wanted: object, found: object, data: st.DataObject) -> None:
    for one, other in ((wanted, found), (without(wanted, data), wanted), (wanted, without(wanted, data))):
        assert is_part(one, other) is (list(diff(one, other)) == [])


@pytest.mark.parametrize(("value", "count"), [(None, 1), ([], 1), ([1, {"a": [2], "b": {}}], 6), ({}, 1)])
def test_count_includes_nested_values(value: object, count: int) -> None:
    assert count_values(value) == count


@given(VALUES, VALUES)
def test_parts_of_each_other_are_equal(one: object, other: object) -> None:
    mutual = is_part(one, other) and is_part(other, one)

    assert not mutual or one == other


@given(VALUES, VALUES)
def test_a_difference_points_at_what_differs(wanted: object, found: object) -> None:
    for difference in diff(wanted, found):
        assert looked_up(wanted, difference.pointer) == difference.wanted
        if not difference.missing:
            assert looked_up(found, difference.pointer) == difference.found


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        pytest.param({}, {"a": 1}, id="an object without members"),
        pytest.param({"a": {"b": 1}}, {"a": {"b": 1, "c": 2}, "d": 3}, id="objects in objects"),
        pytest.param([{}], [{"a": 1}], id="objects in arrays"),
        pytest.param(1, 1.0, id="a whole number in either form"),
        pytest.param(10**400, Decimal(10**400), id="a whole number that is very long"),
        pytest.param(None, None, id="null"),
        pytest.param({"a": None}, {"a": None}, id="a member that is null"),
    ],
)
def test_subset_matches(wanted: object, found: object) -> None:
    assert is_part(wanted, found)


@pytest.mark.parametrize(
    ("wanted", "found", "difference"),
    [
        pytest.param(True, 1, Difference("", wanted=True, found=1), id="true is not 1"),
        pytest.param(0, False, Difference("", 0, found=False), id="0 is not false"),
        pytest.param("1", 1, Difference("", "1", 1), id="a text is not a number"),
        pytest.param(None, False, Difference("", None, found=False), id="null is not false"),
        pytest.param({}, [], Difference("", {}, []), id="an object is not an array"),
        pytest.param([1], [1, 2], Difference("", [1], [1, 2]), id="arrays have one length"),
        pytest.param([1, 2], [2, 1], Difference("/0", 1, 2), id="arrays have one order"),
        pytest.param({"a": None}, {}, Difference("/a", None, None, missing=True), id="missing is not null"),
        pytest.param({"a": [{"b": 1}]}, {"a": [{"b": 2}]}, Difference("/a/0/b", 1, 2), id="deep inside"),
        pytest.param({"/~": 1}, {"/~": 2}, Difference("/~1~0", 1, 2), id="a name with a slash and a tilde"),
    ],
)
def test_mismatch_has_a_pointer(wanted: object, found: object, difference: Difference) -> None:
    first = next(diff(wanted, found))

    # Also compare the representations: in Python, True == 1.
    assert (first, repr(first)) == (difference, repr(difference))


def test_all_differences_are_listed() -> None:
    pointers = [each.pointer for each in diff({"a": 1, "b": [1, 2], "c": 3}, {"a": 2, "b": [1, 3]})]

    assert pointers == ["/a", "/b/1", "/c"]
