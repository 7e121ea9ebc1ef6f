import pytest

from emulator.wire.errors import KEY_TOO_LONG, TwilioError
from emulator.wire.idempotency import MAX_KEY, read_key


@pytest.mark.parametrize(("value", "key"), [("k", "k"), ("", None), (None, None), ("k" * MAX_KEY, "k" * MAX_KEY)])
def test_an_empty_key_is_none(value: str | None, key: str | None) -> None:
    assert read_key({} if value is None else {"IdempotencyKey": value}) == key


def test_a_key_over_the_limit_is_refused() -> None:
    with pytest.raises(TwilioError) as caught:
        read_key({"IdempotencyKey": "k" * (MAX_KEY + 1)})

    assert caught.value.problem is KEY_TOO_LONG
    assert caught.value.reason == "IdempotencyKey has 256 characters, at most 255"
