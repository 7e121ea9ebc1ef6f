import pytest
from builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, message

from emulator.engine.idempotency import Keys, Scope

TTL = 60


def scope(key: str = "1", **given: str) -> Scope:
    usual = {"resource": "UserDefinedMessages", "account_sid": ACCOUNT, "call_sid": CALL, "key": key}
    return Scope(**{**usual, **given})


def keys(limit: int = 100) -> Keys:
    return Keys(ttl=TTL, limit=limit)


def test_a_key_stands_for_the_message_it_created() -> None:
    kept, first = keys(), message()
    kept.keep(scope(), first, 0)

    assert kept.find(scope(), 0) is first


@pytest.mark.parametrize(
    "elsewhere",
    [
        scope("2"),
        scope("1 "),
        scope(resource="UserDefinedMessageSubscriptions"),
        scope(account_sid=OTHER_ACCOUNT),
        scope(call_sid=OTHER_CALL),
    ],
    ids=["key", "blank", "resource", "account", "call"],
)
def test_the_same_text_elsewhere_is_another_key(elsewhere: Scope) -> None:
    kept = keys()
    kept.keep(scope(), message(), 0)

    assert kept.find(elsewhere, 0) is None


@pytest.mark.parametrize(("age", "known"), [(0, True), (59.9, True), (60, False), (1000, False)])
def test_a_key_is_known_until_its_time_is_over(age: float, *, known: bool) -> None:
    kept = keys()
    kept.keep(scope(), message(), 1000)

    assert (kept.find(scope(), 1000 + age) is not None) is known


def test_finding_a_key_does_not_prolong_its_time() -> None:
    kept = keys()
    kept.keep(scope(), message(), 0)
    kept.find(scope(), 59)

    assert kept.find(scope(), 61) is None


def test_a_key_whose_time_is_over_can_stand_for_another_message() -> None:
    kept, second = keys(), message()
    kept.keep(scope(), message(), 0)
    kept.find(scope(), 100)
    kept.keep(scope(), second, 100)

    assert kept.find(scope(), 159) is second


def test_beyond_the_limit_the_oldest_keys_go() -> None:
    kept = keys(limit=3)
    for number in range(5):
        kept.keep(scope(str(number)), message(), 0)

    assert [kept.find(scope(str(number)), 0) is not None for number in range(5)] == [False, False, True, True, True]


def test_a_key_that_creates_again_is_new_to_the_limit() -> None:
    kept = keys(limit=2)
    kept.keep(scope("again"), message(), 0)
    kept.keep(scope("between"), message(), 50)
    kept.find(scope("again"), 70)
    kept.keep(scope("again"), message(), 70)
    kept.keep(scope("last"), message(), 70)

    assert [kept.find(scope(key), 70) is not None for key in ("again", "between", "last")] == [True, False, True]


def test_a_forgotten_key_is_free() -> None:
    kept, first = keys(), message()
    kept.keep(scope(), first, 0)
    kept.forget(scope(), first)

    assert kept.find(scope(), 0) is None


def test_a_key_is_forgotten_only_with_the_message_it_stands_for() -> None:
    kept, second = keys(), message()
    kept.keep(scope(), second, 0)
    kept.forget(scope(), message())

    assert kept.find(scope(), 0) is second


def test_forgetting_a_key_that_is_gone_changes_nothing() -> None:
    kept = keys()
    kept.forget(scope(), message())

    assert kept.find(scope(), 0) is None
