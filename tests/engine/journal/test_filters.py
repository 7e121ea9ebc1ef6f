import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, arrival, exchange, message

from emulator.engine.callbacks.deliveries import DeliveryFilter
from emulator.engine.filters import MAX_DIFFERENCES, Mismatch, conditions
from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.json_match import Difference, JsonSubset
from emulator.engine.scope import Scope
from emulator.engine.state.schemas import ValidationResult
from emulator.wire import errors

GOOD = ValidationResult(name="good", errors=())
BAD = ValidationResult(name="bad", errors=(("/a", "no"),))

FILTERS = st.builds(
    RequestFilter,
    account_sid=st.sampled_from([None, ACCOUNT, OTHER_ACCOUNT]),
    call_sid=st.sampled_from([None, CALL, OTHER_CALL]),
    idempotency_key=st.sampled_from([None, "k"]),
    after=st.integers(0, 3),
    content=st.sampled_from([None, JsonSubset(None), JsonSubset({}), JsonSubset({"a": 1})]),
    contains=st.sampled_from([None, "", "a"]),
    valid=st.sampled_from([None, True, False]),
    status=st.sampled_from([None, 201, 400]),
    code=st.sampled_from([None, 20001]),
    outcome=st.sampled_from([None, *Outcome]),
)
EXCHANGES = st.builds(
    exchange,
    st.integers(1, 4),
    outcome=st.sampled_from(Outcome),
    context=st.builds(arrival, st.sampled_from([None, ACCOUNT]), st.sampled_from([None, CALL])),
    problem=st.sampled_from([None, errors.FORM_BROKEN]),
    content=st.sampled_from([None, "", "null", "hello", '{"a": 1}']),
    idempotency_key=st.sampled_from([None, "k"]),
    schemas=st.sampled_from([(), (GOOD,), (GOOD, BAD)]),
)


def told(wanted: RequestFilter, found: Exchange) -> list[str]:
    """Return the names of the mismatches."""
    return [mismatch.what for mismatch in wanted.mismatches(found)]


def test_empty_filter_matches_everything() -> None:
    assert RequestFilter().matches(exchange())
    assert not RequestFilter().needs_look


@given(FILTERS, EXCHANGES)
def test_match_means_no_differences(wanted: RequestFilter, found: Exchange) -> None:
    """A filter matches exactly if it finds no differences."""
    assert wanted.matches(found) is (told(wanted, found) == [])


@given(FILTERS, EXCHANGES)
def test_each_mismatch_rejects_alone(wanted: RequestFilter, found: Exchange) -> None:
    alone = [
        name for name in conditions(RequestFilter) if not RequestFilter(**{name: getattr(wanted, name)}).matches(found)
    ]

    assert sorted(told(wanted, found)) == sorted(alone)


CARRIED = exchange(
    5,
    outcome=Outcome.REFUSED,
    problem=errors.CALL_NOT_ACTIVE,
    content='{"to": "a", "list": [1, {"b": 2}]}',
    idempotency_key="k",
    schemas=(GOOD, BAD),
)
WISHES = [
    ("account_sid", ACCOUNT, OTHER_ACCOUNT, ACCOUNT),
    ("call_sid", CALL, OTHER_CALL, CALL),
    ("idempotency_key", "k", "K", "k"),
    ("after", 4, 5, 5),
    ("outcome", Outcome.REFUSED, Outcome.CREATED, Outcome.REFUSED),
    ("status", 400, 404, 400),
    ("code", 21220, 20001, 21220),
    ("valid", False, True, False),
    ("contains", '"list": [1', "[ 1", CARRIED.content),
]


@pytest.mark.parametrize(("name", "met", "unmet", "found"), WISHES, ids=[row[0] for row in WISHES])
def test_mismatch_has_the_found_value(name: str, met: object, unmet: object, found: object) -> None:
    assert RequestFilter(**{name: met}).matches(CARRIED)
    assert list(RequestFilter(**{name: unmet}).mismatches(CARRIED)) == [Mismatch(name, unmet, found)]


@pytest.mark.parametrize("name", [row[0] for row in WISHES if row[0] not in ("account_sid", "call_sid")])
def test_only_indexed_filters_need_no_look(name: str) -> None:
    wish = RequestFilter(**{row[0]: row[1] for row in WISHES if row[0] == name})

    assert wish.needs_look is (name not in ("idempotency_key", "after"))


def test_a_null_content_needs_a_look() -> None:
    assert RequestFilter(content=JsonSubset(None)).needs_look


@pytest.mark.parametrize(
    ("schemas", "valid"), [((), None), ((GOOD,), True), ((GOOD, BAD), False)], ids=["none", "good", "one bad"]
)
@pytest.mark.parametrize("wish", [True, False])
def test_without_schemas_valid_is_undefined(
    schemas: tuple[ValidationResult, ...], *, valid: bool | None, wish: bool
) -> None:
    assert RequestFilter(valid=wish).matches(exchange(schemas=schemas)) is (valid is wish)


@pytest.mark.parametrize(
    ("wish", "text", "where"),
    [
        pytest.param({"list": [1, {}]}, CARRIED.content, [], id="part of it"),
        pytest.param(
            {"list": [1, {"b": 3}], "to": "b"},
            CARRIED.content,
            [Difference("/list/1/b", 3, 2), Difference("/to", "b", "a")],
            id="different",
        ),
        pytest.param({"x": None}, "{}", [Difference("/x", None, None, missing=True)], id="missing"),
        pytest.param({}, "hello", [Difference("", {}, "hello")], id="not JSON"),
        pytest.param(None, "null", [], id="null"),
        pytest.param(None, "", [Difference("", None, "")], id="no content is not null"),
    ],
)
def test_a_content_differs_at_pointers(wish: object, text: str, where: list[Difference]) -> None:
    mismatches = list(RequestFilter(content=JsonSubset(wish)).mismatches(exchange(content=text)))

    assert mismatches == ([Mismatch("content", wish, text, tuple(where))] if where else [])


def test_missing_content_contains_nothing() -> None:
    """Except the empty text."""
    empty = exchange(outcome=Outcome.REFUSED)

    assert RequestFilter(contains="").matches(empty)
    assert list(RequestFilter(contains="x").mismatches(empty)) == [Mismatch("contains", "x", "")]


def test_index_and_scope_of_a_filter() -> None:
    """Indexed fields and the scope are derived from the filter."""
    wanted = RequestFilter(account_sid="a", call_sid="c", idempotency_key="k", after=1)

    assert wanted.keys == ("a", "c", "k")
    assert wanted.scope == Scope("a", "c")


def test_replay_is_found_by_its_own_content() -> None:
    replay = exchange(outcome=Outcome.MISMATCH, made=message(), content="2")

    assert RequestFilter(contains="2").matches(replay)
    assert not RequestFilter(contains="1").matches(replay)


def test_differences_have_a_limit() -> None:
    wanted, found = [1] * 500, [2] * 500
    (miss,) = RequestFilter(content=JsonSubset(wanted)).mismatches(exchange(content=str(found)))

    assert [one.pointer for one in miss.where] == [f"/{place}" for place in range(MAX_DIFFERENCES)]


@pytest.mark.parametrize(
    ("wanted", "values"),
    [
        (RequestFilter(call_sid="CA"), 0),
        (RequestFilter(content=JsonSubset(None)), 1),
        (RequestFilter(contains="x"), 50),
        (DeliveryFilter(content=JsonSubset([1]), contains="x"), 52),
    ],
)
def test_a_filter_counts_what_it_compares(wanted: RequestFilter | DeliveryFilter, values: int) -> None:
    assert wanted.values == values
