"""Steps to apply a schema, computed from the shape of a content."""

import pytest

from emulator.engine.state.schema_cost import COPY_STEPS, MESSAGE_STEPS, VIOLATION_STEPS, Cost, CostBudget, Shape


def cost(value: tuple[int, ...] = (0,), character: tuple[int, ...] = (0,), violations: tuple[int, ...] = (0,)) -> Cost:
    return Cost(value=value, character=character, violations=violations, chain=1, memory=0)


@pytest.mark.parametrize(
    ("content", "values", "characters"),
    [
        pytest.param(1, (1,), (0,), id="a number"),
        pytest.param("abc", (1,), (3,), id="a string"),
        pytest.param([], (1,), (0,), id="an empty list"),
        pytest.param([1, "ab", ["c", None]], (1, 3, 2), (0, 2, 1), id="lists"),
        pytest.param({"ab": "c", "d": {"e": True}}, (1, 2, 1), (0, 4, 1), id="names are on the level of their values"),
        pytest.param(1 << 640, (101,), (0,), id="a long integer"),
    ],
)
def test_a_shape_counts_each_level(content: object, values: tuple[int, ...], characters: tuple[int, ...]) -> None:
    assert Shape.of(content) == Shape(values, characters)


@pytest.mark.parametrize(
    ("rows", "steps"),
    [
        pytest.param({"value": (5,)}, 5 * 4, id="the last entry holds for deeper levels"),
        pytest.param({"value": (5, 1)}, 5 + 3, id="levels have their own entries"),
        pytest.param({"value": (5, 1, 1, 1)}, 5 + 3, id="levels that the content does not have"),
        pytest.param({"character": (7, 2)}, 2 * 4, id="characters"),
    ],
)
def test_checking_multiplies_cost_and_shape(rows: dict[str, tuple[int, ...]], steps: int) -> None:
    assert cost(**rows).checking(Shape.of(["ab", "c", "d"])) == steps


def test_reporting_adds_walk_and_copies() -> None:
    shape = Shape.of([1, 2, 3])

    assert cost(value=(1,)).reporting(shape) == 2 * 4  # both levels
    assert cost(violations=(1, 0)).reporting(shape) == VIOLATION_STEPS + 4 * COPY_STEPS
    assert cost(violations=(0, 1)).reporting(shape) == 3 * VIOLATION_STEPS + 3 * COPY_STEPS


def test_reporting_of_deep_values_never_fits() -> None:
    deep: object = []
    for _ in range(99):
        deep = [deep]
    fits, exceeds = (Cost(value=(0,), character=(0,), violations=(0,), chain=chain, memory=0) for chain in (5, 6))

    assert fits.reporting(Shape.of(deep)) == 0
    assert exceeds.reporting(Shape.of(deep)) > MESSAGE_STEPS


def test_a_budget_is_spent_once() -> None:
    budget = CostBudget(10)

    assert budget.take(4)
    assert not budget.take(7)
    assert budget.take(6)
    assert not budget.take(1)
