"""Delayed responses: each ends with its scope and is removed."""

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, account

from emulator.engine.capacity import CapacityError
from emulator.engine.faults.delays import DelayedResponses
from emulator.engine.scope import Scope

OWNERS = st.builds(Scope, st.sampled_from([ACCOUNT, OTHER_ACCOUNT]), st.sampled_from([CALL, OTHER_CALL]))
SCOPES = st.builds(Scope, st.sampled_from([None, ACCOUNT, OTHER_ACCOUNT]), st.sampled_from([None, CALL, OTHER_CALL]))


def in_a_loop(act: Callable[[], None]) -> None:
    async def run() -> None:
        act()

    asyncio.run(run())


@given(st.lists(OWNERS, max_size=8), st.lists(SCOPES, max_size=4))
def test_reset_releases_delays_of_its_scope(owners: list[Scope], ends: list[Scope]) -> None:
    def act() -> None:
        held_back = DelayedResponses(account())
        held = [(owner, held_back.begin(owner)) for owner in owners]
        for scope in ends:
            mine = [one for owner, one in held if scope.covers(owner.account_sid, owner.call_sid) and not one.done()]

            assert held_back.end(scope) == len(mine)
            assert all(one.done() for one in mine)
        covered = [any(scope.covers(owner.account_sid, owner.call_sid) for scope in ends) for owner in owners]
        assert [one.done() for _, one in held] == covered
        assert len(held_back) == len(owners)
        for _, one in held:
            held_back.remove(one)
        assert len(held_back) == 0

    in_a_loop(act)


def test_number_of_delays_is_limited() -> None:
    def act() -> None:
        held_back = DelayedResponses(account(delayed_responses=1))
        owner = Scope(ACCOUNT, CALL)
        held = held_back.begin(owner)
        with pytest.raises(CapacityError, match="delayed_responses"):
            held_back.begin(owner)
        held_back.remove(held)
        held_back.begin(owner)

    in_a_loop(act)
