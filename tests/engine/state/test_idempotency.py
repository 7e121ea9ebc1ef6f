import pytest
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, account, message

from emulator.engine.scope import Scope
from emulator.engine.state.idempotency import Key, Keys

TTL = 60


def key(text: str = "1", **given: str) -> Key:
    usual = {"resource": "UserDefinedMessages", "account_sid": ACCOUNT, "call_sid": CALL, "text": text}
    return Key(**{**usual, **given})


def keys(limit: int = 100) -> Keys:
    return Keys(account(idempotency_keys=limit), ttl=TTL)


def test_key_maps_to_its_message() -> None:
    kept, first = keys(), message()
    kept.keep(key(), first, 0)

    assert kept.find(key(), 0) is first


@pytest.mark.parametrize(
    "elsewhere",
    [
        key("2"),
        key("1 "),
        key(resource="UserDefinedMessageSubscriptions"),
        key(account_sid=OTHER_ACCOUNT),
        key(call_sid=OTHER_CALL),
    ],
    ids=["key", "blank", "resource", "account", "call"],
)
def test_key_belongs_to_its_owner(elsewhere: Key) -> None:
    kept = keys()
    kept.keep(key(), message(), 0)

    assert kept.find(elsewhere, 0) is None


@pytest.mark.parametrize(("age", "known"), [(0, True), (59.9, True), (60, False), (1000, False)])
def test_key_expires(age: float, *, known: bool) -> None:
    kept = keys()
    kept.keep(key(), message(), 1000)

    assert (kept.find(key(), 1000 + age) is not None) is known


def test_lookup_does_not_extend_the_ttl() -> None:
    kept = keys()
    kept.keep(key(), message(), 0)
    kept.find(key(), 59)

    assert kept.find(key(), 61) is None


def test_expired_key_can_be_used_again() -> None:
    kept, second = keys(), message()
    kept.keep(key(), message(), 0)
    kept.find(key(), 100)
    kept.keep(key(), second, 100)

    assert kept.find(key(), 159) is second


def test_beyond_the_limit_the_oldest_keys_go() -> None:
    kept = keys(limit=3)
    for number in range(5):
        kept.keep(key(str(number)), message(), 0)

    assert [kept.find(key(str(number)), 0) is not None for number in range(5)] == [False, False, True, True, True]


def test_reused_key_counts_as_new() -> None:
    kept = keys(limit=2)
    kept.keep(key("again"), message(), 0)
    kept.keep(key("between"), message(), 50)
    kept.find(key("again"), 70)
    kept.keep(key("again"), message(), 70)
    kept.keep(key("last"), message(), 70)

    assert [kept.find(key(text), 70) is not None for text in ("again", "between", "last")] == [True, False, True]


def test_deleted_key_is_free() -> None:
    kept, first = keys(), message()
    kept.keep(key(), first, 0)
    kept.forget(key(), first)

    assert kept.find(key(), 0) is None


def test_key_is_deleted_with_its_message() -> None:
    kept, second = keys(), message()
    kept.keep(key(), second, 0)
    kept.forget(key(), message())

    assert kept.find(key(), 0) is second


def test_deleting_unknown_key_does_nothing() -> None:
    kept = keys()
    kept.forget(key(), message())

    assert kept.find(key(), 0) is None


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        pytest.param(Scope(), [], id="everything"),
        pytest.param(Scope(ACCOUNT), ["other account"], id="an account"),
        pytest.param(Scope(None, CALL), ["other call"], id="a call"),
        pytest.param(Scope(ACCOUNT, CALL), ["other account", "other call"], id="both"),
    ],
)
def test_reset_deletes_keys_of_its_scope(scope: Scope, left: list[str]) -> None:
    kept = keys()
    places = {
        "own": key(),
        "other account": key(account_sid=OTHER_ACCOUNT),
        "other call": key(call_sid=OTHER_CALL),
    }
    for place in places.values():
        kept.keep(place, message(), 0)
    kept.reset(scope)

    assert [name for name, place in places.items() if kept.find(place, 0)] == left
