import pytest
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, account

from emulator.engine.capacity import Capacity, CapacityError, MemoryAccount
from emulator.engine.scope import Scope
from emulator.engine.state.schema_cost import MESSAGE_STEPS, CostBudget, Shape
from emulator.engine.state.schemas import OnFailure, Schema, Schemas, ValidationResult, Violations
from emulator.engine.store import ENTRY

each_scope = pytest.mark.parametrize(
    ("scope", "applies"),
    [
        pytest.param(Scope(), True, id="everything"),
        pytest.param(Scope(ACCOUNT), True, id="its account"),
        pytest.param(Scope(None, CALL), True, id="its call"),
        pytest.param(Scope(ACCOUNT, CALL), True, id="both"),
        pytest.param(Scope(OTHER_ACCOUNT), False, id="another account"),
        pytest.param(Scope(ACCOUNT, OTHER_CALL), False, id="another call"),
    ],
)


def wants_one(value: object, _shape: Shape, _budget: CostBudget) -> Violations:
    """A validator that accepts only 1."""
    return () if value == 1 else (("/here", "not one"), ("/there", "not one either"))


def schema(name: str = "s", **given: object) -> Schema:
    usual = {"text": "{}", "size": 1, "scope": Scope(), "on_failure": OnFailure.NOTE, "validate": wants_one}
    return Schema(name=name, **{**usual, **given})


def schemas(*registered: Schema) -> Schemas:
    made = Schemas(account())
    for each in registered:
        made.add(each)
    return made


def test_result_has_validity_and_errors() -> None:
    known = schemas(schema())
    (good,) = known.check(ACCOUNT, CALL, "1")
    (bad,) = known.check(ACCOUNT, CALL, "2")

    assert (good.name, good.valid, good.errors) == ("s", True, ())
    assert (bad.name, bad.valid) == ("s", False)
    assert bad.errors == (("/here", "not one"), ("/there", "not one either"))


@pytest.mark.parametrize(
    ("on_failure", "text", "refuses"),
    [("note", "1", False), ("note", "2", False), ("refuse", "1", False), ("refuse", "2", True)],
)
def test_only_refusing_schemas_refuse(on_failure: str, text: str, *, refuses: bool) -> None:
    (result,) = schemas(schema(on_failure=OnFailure(on_failure))).check(ACCOUNT, CALL, text)

    assert result.refuses is refuses


@each_scope
def test_schema_applies_to_its_scope(scope: Scope, *, applies: bool) -> None:
    results = schemas(schema(scope=scope)).check(ACCOUNT, CALL, "2")

    assert bool(results) is applies


def test_results_are_in_registration_order() -> None:
    known = schemas(schema("b"), schema("other", scope=Scope(OTHER_ACCOUNT)), schema("a"))

    assert [result.name for result in known.check(ACCOUNT, CALL, "1")] == ["b", "a"]


def test_content_that_is_not_json_is_invalid() -> None:
    results = schemas(schema("a"), schema("b", on_failure=OnFailure.REFUSE)).check(ACCOUNT, CALL, "hello")

    expected = (("", "not JSON: Expecting value: line 1 column 1 (char 0)"),)
    assert [result.errors for result in results] == [expected, expected]
    assert [result.refuses for result in results] == [False, True]


def test_replaced_schema_keeps_its_position() -> None:
    known = schemas(schema("a"), schema("b"))
    replacement = schema("a", text="true")

    assert not known.add(replacement)
    assert list(known) == [replacement, known.get("b")]
    assert known.add(schema("c"))
    assert len(known) == 3


def test_removed_schema_is_not_applied() -> None:
    known = schemas(schema())

    assert known.remove("s")
    assert known.get("s") is None
    assert known.check(ACCOUNT, CALL, "2") == ()
    assert not known.remove("s")


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        pytest.param(Scope(), [], id="everything"),
        pytest.param(Scope(ACCOUNT), ["everybody's", "other's"], id="an account"),
        pytest.param(Scope(None, CALL), ["everybody's", "own", "other's"], id="a call"),
        pytest.param(Scope(ACCOUNT, CALL), ["everybody's", "own", "other's"], id="both"),
    ],
)
def test_reset_removes_schemas_of_its_scope(scope: Scope, left: list[str]) -> None:
    known = schemas(
        schema("everybody's"),
        schema("own", scope=Scope(ACCOUNT)),
        schema("call's", scope=Scope(ACCOUNT, CALL)),
        schema("other's", scope=Scope(OTHER_ACCOUNT, OTHER_CALL)),
    )

    assert known.reset(scope) == 4 - len(left)
    assert [each.name for each in known] == left


def test_number_of_schemas_is_limited() -> None:
    known = schemas(*(schema(str(number)) for number in range(100)))

    with pytest.raises(CapacityError) as caught:
        known.add(schema())

    assert (caught.value.name, caught.value.maximum) == ("schemas", 100)
    assert str(caught.value) == "schemas reached: at most 100; delete some or reset"
    assert not known.add(schema("7"))


def test_memory_of_schemas_is_limited() -> None:
    known = Schemas(MemoryAccount(capacities={"schemas": Capacity(max_bytes=10_000)}))
    rest = 10_000 - 2 * ENTRY
    known.add(schema("a", size=rest - 10))
    known.add(schema("b", size=10))

    with pytest.raises(CapacityError) as caught:
        known.add(schema("c", size=1))

    assert (caught.value.name, caught.value.maximum) == ("schemas", 10_000)
    assert not known.add(schema("b", size=10))
    with pytest.raises(CapacityError):
        known.add(schema("b", size=11))
    assert [one.size for one in known] == [rest - 10, 10]


def test_schemas_of_a_message_share_a_budget() -> None:
    def greedy(_value: object, _shape: Shape, budget: CostBudget) -> Violations:
        return () if budget.take(MESSAGE_STEPS // 2) else (("", "too large"),)

    known = schemas(*(schema(name, validate=greedy) for name in "abc"))

    for _ in range(2):  # each message has its own budget
        assert [result.valid for result in known.check(ACCOUNT, CALL, "1")] == [True, True, False]


def test_schema_gets_the_contents_shape() -> None:
    shapes: list[Shape] = []

    def look(_value: object, shape: Shape, _budget: CostBudget) -> Violations:
        shapes.append(shape)
        return ()

    schemas(schema(validate=look)).check(ACCOUNT, CALL, "[1, 2]")

    assert shapes == [Shape((1, 2), (0, 0))]


def test_size_of_a_result_includes_its_texts() -> None:
    empty, one, long = (
        ValidationResult(name="s", errors=errors) for errors in ((), (("/a", "bad"),), (("/a", "b" * 1000),))
    )

    assert 0 < empty.size < one.size
    assert long.size - one.size == 4 * 997
