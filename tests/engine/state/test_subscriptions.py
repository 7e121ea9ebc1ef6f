import pytest
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, SUBSCRIPTION, account, subscription

from emulator.engine.capacity import CapacityError
from emulator.engine.scope import Scope
from emulator.engine.state.subscriptions import Subscriptions

PLACES = [(ACCOUNT, CALL), (ACCOUNT, OTHER_CALL), (OTHER_ACCOUNT, CALL), (OTHER_ACCOUNT, OTHER_CALL)]


def filled() -> Subscriptions:
    """A store with one subscription in each place."""
    kept = Subscriptions(account())
    for number, (account_sid, call_sid) in enumerate(PLACES):
        kept.add(subscription(id=f"{number:032x}", account_sid=account_sid, call_sid=call_sid))
    return kept


def places(kept: Subscriptions) -> list[tuple[str, str]]:
    return [(each.account_sid, each.call_sid) for each in kept]


def test_a_subscription_is_found_by_its_sid() -> None:
    kept = Subscriptions(account())
    one = subscription()
    kept.add(one)

    assert kept.get(SUBSCRIPTION) is one
    assert kept.get("ZY" + "2" * 32) is None
    assert len(kept) == 1


def test_subscriptions_of_a_call_are_ordered() -> None:
    kept = filled()

    assert [each.account_sid for each in kept.of_call(CALL)] == [ACCOUNT, OTHER_ACCOUNT]
    assert kept.of_call("CA" + "0" * 32) == []


def test_removal_affects_one() -> None:
    kept = filled()

    assert kept.remove("ZY" + "0" * 32)
    assert not kept.remove("ZY" + "0" * 32)
    assert places(kept) == PLACES[1:]
    assert [each.account_sid for each in kept.of_call(CALL)] == [OTHER_ACCOUNT]


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope(), []),
        (Scope(ACCOUNT), PLACES[2:]),
        (Scope(None, CALL), [PLACES[1], PLACES[3]]),
        (Scope(ACCOUNT, CALL), PLACES[1:]),
    ],
)
def test_reset_removes_its_scope(scope: Scope, left: list[tuple[str, str]]) -> None:
    kept = filled()

    assert kept.reset(scope) == len(PLACES) - len(left)
    assert places(kept) == left


def test_removal_leaves_nothing() -> None:
    kept = filled()
    kept.reset(Scope())

    assert (len(kept), kept.of_call(CALL), kept.bound.entries, kept.bound.bytes) == (0, [], 0, 0)


def test_repeated_sid_is_the_newest() -> None:
    kept = Subscriptions(account())
    kept.add(subscription())
    newest = subscription(call_sid=OTHER_CALL)
    kept.add(newest)

    assert list(kept) == [newest] == kept.of_call(OTHER_CALL)
    assert kept.of_call(CALL) == []


def test_number_is_limited() -> None:
    kept = Subscriptions(account(subscriptions=1))
    kept.add(subscription())
    kept.add(subscription())  # the same SID

    with pytest.raises(CapacityError, match="subscriptions reached: at most 1; delete some or reset"):
        kept.add(subscription(id="2" * 32))
