"""Scopes against their definition, and the registry against a model, a plain list."""

from itertools import count, product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT

from emulator.engine.scope import Registry, Scope

OWNERS = st.sampled_from([None, "x", "y", ""])
SCOPES = st.builds(Scope, OWNERS, OWNERS)
STEPS = st.lists(st.tuples(st.just("add"), SCOPES) | st.tuples(st.just("remove"), st.integers(0, 20)), max_size=40)


def play(steps: list[tuple[str, Any]]) -> tuple[Registry[int], list[tuple[Scope, int]]]:
    """Return the registry after these steps, and the list of expected entries."""
    registry: Registry[int]
    registry, kept, names = Registry(), [], count()
    for what, value in steps:
        if what == "add":
            kept.append((value, next(names)))
            registry.add(*kept[-1])
        elif value < len(kept):
            registry.remove(*kept.pop(value))
    return registry, kept


@given(SCOPES, OWNERS, OWNERS)
def test_scope_covers_account_and_call(scope: Scope, account_sid: str | None, call_sid: str | None) -> None:
    own_account = scope.account_sid is None or scope.account_sid == account_sid
    own_call = scope.call_sid is None or scope.call_sid == call_sid

    assert scope.covers(account_sid, call_sid) is (own_account and own_call)


@given(SCOPES, SCOPES)
def test_scopes_overlap_if_they_share(one: Scope, other: Scope) -> None:
    things = product(["x", "y", "", "elsewhere"], repeat=2)
    shared = any(one.covers(*thing) and other.covers(*thing) for thing in things)

    assert one.overlaps(other) is other.overlaps(one) is shared


@given(STEPS, OWNERS, OWNERS)
def test_owners_values_are_those_it_covers(
    steps: list[tuple[str, Any]], account_sid: str | None, call_sid: str | None
) -> None:
    registry, kept = play(steps)
    found = registry.of(account_sid, call_sid)

    assert sorted(found) == [thing for scope, thing in kept if scope.covers(account_sid, call_sid)]


@given(STEPS)
def test_values_are_listed_and_counted(steps: list[tuple[str, Any]]) -> None:
    registry, kept = play(steps)

    assert sorted(registry) == [thing for _, thing in kept]
    assert len(registry) == len(kept)


@given(STEPS)
def test_empty_registry_is_like_a_new_one(steps: list[tuple[str, Any]]) -> None:
    registry, kept = play(steps)
    for scope, thing in kept:
        registry.remove(scope, thing)

    assert vars(registry) == vars(Registry())


@given(STEPS, SCOPES)
def test_removing_unknown_does_nothing(steps: list[tuple[str, Any]], scope: Scope) -> None:
    registry, kept = play(steps)
    registry.remove(scope, -1)

    assert sorted(registry) == [thing for _, thing in kept]
    assert len(registry) == len(kept)


@given(STEPS, OWNERS, OWNERS)
def test_lookup_leaves_nothing(steps: list[tuple[str, Any]], account_sid: str | None, call_sid: str | None) -> None:
    registry, _ = play(steps)
    before = repr(vars(registry))
    registry.of(account_sid, call_sid)

    assert repr(vars(registry)) == before


@pytest.mark.parametrize(
    ("scope", "made_for", "owned"),
    [
        pytest.param(Scope(), Scope(), True, id="everything"),
        pytest.param(Scope(), Scope(None, CALL), True, id="everything, of no account"),
        pytest.param(Scope(ACCOUNT), Scope(ACCOUNT, CALL), True, id="its account's"),
        pytest.param(Scope(ACCOUNT), Scope(None, CALL), False, id="everybody's, not the account's"),
        pytest.param(Scope(ACCOUNT, CALL), Scope(None, CALL), True, id="its call's, of no account"),
        pytest.param(Scope(ACCOUNT, CALL), Scope(OTHER_ACCOUNT, CALL), False, id="another account's"),
        pytest.param(Scope(ACCOUNT), Scope(), False, id="everybody's"),
    ],
)
def test_reset_removes_values_of_its_scope(scope: Scope, made_for: Scope, *, owned: bool) -> None:
    assert scope.owns(made_for.account_sid, made_for.call_sid) is owned
