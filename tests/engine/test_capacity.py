from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import account

from emulator.engine import store
from emulator.engine.capacity import KINDS, Capacity, CapacityError, MemoryAccount, WhenFull, size_of
from emulator.engine.scope import Owners, Scope
from emulator.engine.store import Store


class Texts(Store[int, str]):
    """Strings whose size is their length and whose call is their first letter."""

    kind = "deliveries"
    indexed = True

    def size_of(self, key: int, value: str) -> int:  # noqa: ARG002
        return len(value)

    def owners_of(self, key: int, value: str) -> Owners:  # noqa: ARG002
        return "AC", value[0]


class Kept(Texts):
    kind = "calls"


def memory(limit: int = 10**6, **capacities: Capacity) -> MemoryAccount:
    return MemoryAccount(limit, capacities)


def test_refusing_kinds_use_a_part() -> None:
    assert sum(kind.percent for kind in KINDS if kind.when_full is not WhenFull.EVICT) <= 60


def test_evicting_store_drops_the_oldest() -> None:
    store = Texts(memory(deliveries=Capacity(2, 10)))
    for key, text in enumerate(["aaa", "bbb", "ccc", "dddddddd"]):
        store.put(key, text)

    assert (list(store), store.evicted) == (["dddddddd"], 3)
    assert (store.bound.entries, store.bound.bytes, store.bound.account.bytes) == (1, 8, 8)


def test_evicting_store_keeps_the_newest() -> None:
    store = Texts(memory(deliveries=Capacity(2, 10)))
    store.put(1, "a" * 100)

    assert list(store) == ["a" * 100]


@pytest.mark.parametrize(
    ("capacity", "says"),
    [
        (Capacity(entries=1), "calls reached: at most 1; delete some or reset"),
        (Capacity(max_bytes=5), "calls reached: at most 5 bytes; delete some or reset"),
    ],
)
def test_refusing_store_names_its_limit(capacity: Capacity, says: str) -> None:
    store = Kept(memory(calls=capacity))
    store.put(1, "aaa")
    with pytest.raises(CapacityError) as caught:
        store.put(2, "bbb")

    assert (str(caught.value), list(store), store.bound.bytes) == (says, ["aaa"], 3)
    assert not store.put(1, "ccccc")
    assert list(store) == ["ccccc"]


def test_replaced_value_has_new_owners() -> None:
    store = Kept(memory())
    store.put(1, "aaa")
    store.put(1, "b")

    assert (store.of_call("a"), store.of_call("b"), store.covering("AC", "b")) == ([], ["b"], ["b"])
    assert store.bound.bytes == 1


def test_full_account_evicts_before_refusing() -> None:
    limits = memory(100, deliveries=Capacity(max_bytes=100), calls=Capacity(max_bytes=100))
    history, kept = Texts(limits), Kept(limits)
    for key in range(4):
        history.put(key, "h" * 25)
    kept.put(1, "k" * 60)

    assert (len(history), limits.bytes) == (1, 85)
    with pytest.raises(CapacityError, match="memory reached: at most 100 bytes"):
        kept.put(2, "k" * 20)
    assert len(history) == 1


def test_largest_evicting_kind_is_evicted() -> None:
    limits = memory(100, deliveries=Capacity(max_bytes=100), journal=Capacity(max_bytes=100))
    history = Texts(limits)
    for key in range(2):
        history.put(key, "h" * 30)
    limits["journal"].charge(45)

    assert (len(history), limits.bytes) == (1, 75)


def test_bytes_are_charged_by_name() -> None:
    limits = memory(1000)
    limits.charge("connections", 160, entries=1)
    limits.charge("connections", 30)
    with pytest.raises(CapacityError, match="connections reached: at most 200 bytes; close some first"):
        limits.charge("connections", 30)
    limits.release("connections", 190, entries=1)

    assert (limits["connections"].entries, limits.bytes) == (0, 0)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(0, 5), st.text("abc", min_size=1, max_size=9)),
        st.tuples(st.just("remove"), st.integers(0, 5)),
        st.tuples(st.just("reset"), st.sampled_from([Scope(), Scope("AC"), Scope("AD"), Scope(call_sid="a")])),
    )
)


@given(STEPS, st.sampled_from([Texts, Kept]), st.integers(1, 4), st.integers(5, 30))
def test_a_store_is_a_dict_within_its_bounds(
    steps: list[tuple[str, Any, Any]], kind: type[Texts], entries: int, max_bytes: int
) -> None:
    store = kind(memory(**{kind.kind: Capacity(entries, max_bytes)}))
    model: dict[int, str] = {}
    for what, *given_ in steps:
        if what == "put":
            key, text = given_
            try:
                is_new = store.put(key, text)
            except CapacityError:
                trial = {**model, key: text}
                assert kind is Kept
                assert len(trial) > entries or sum(map(len, trial.values())) > max_bytes
                continue
            assert is_new is (key not in model)
            if kind is Texts:
                model.pop(key, None)
            model[key] = text
            while (
                kind is Texts and len(model) > 1 and (len(model) > entries or sum(map(len, model.values())) > max_bytes)
            ):
                del model[next(iter(model))]
        elif what == "remove":
            assert store.remove(given_[0]) == model.pop(given_[0], None)
        else:
            gone = [key for key, text in model.items() if given_[0].owns("AC", text[0])]
            assert store.reset(given_[0]) == len(gone)
            model = {key: text for key, text in model.items() if key not in gone}
        assert dict(store.items()) == model
        assert list(store.items()) == list(model.items())
        assert (store.bound.entries, store.bound.bytes) == (len(model), sum(map(len, model.values())))
        assert all(sorted(store.of_call(call)) == sorted(t for t in model.values() if t[0] == call) for call in "abc")


def test_store_needs_sizes_and_owners() -> None:
    class Nothing(Store[int, str]):
        kind = "calls"

    store = Nothing(account())
    with pytest.raises(NotImplementedError):
        store.size_of(1, "")
    with pytest.raises(NotImplementedError):
        store.owners_of(1, "")


@pytest.mark.parametrize("value", [None, 1, 1.5, "a", [], {}, (1, 2), {"a": [1, {"b": "c" * 1000}]}])
def test_size_includes_nested_values(value: object) -> None:
    deep = [value]
    assert size_of(deep) > size_of(value) > 0


@pytest.mark.parametrize(("size", "cached"), [(34, 1), (1025, 0)])
def test_caches_have_no_long_names(size: int, cached: int) -> None:
    store._short_scope.cache_clear()

    assert store._scope_of("x" * size, None) == Scope("x" * size, None)
    assert store._short_scope.cache_info().currsize == cached
