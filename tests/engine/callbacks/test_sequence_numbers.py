import pytest
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, account

from emulator.engine.callbacks.sequence_numbers import SequenceNumbers
from emulator.engine.scope import Scope


@pytest.mark.parametrize("first", [0, 1])
def test_each_call_has_its_own_sequence(first: int) -> None:
    numbers = SequenceNumbers(account(), first)

    assert [numbers.take(ACCOUNT, CALL) for _ in range(3)] == [first, first + 1, first + 2]
    assert numbers.take(ACCOUNT, OTHER_CALL) == first
    assert numbers.take(None, CALL) == first
    assert numbers.take(ACCOUNT, CALL) == first + 3


@pytest.mark.parametrize(
    ("scope", "counts"),
    [
        (Scope(), [1, 1, 1]),
        (Scope(ACCOUNT), [1, 2, 2]),
        (Scope(OTHER_ACCOUNT), [2, 1, 2]),
        (Scope(None, CALL), [1, 1, 1]),
        (Scope(ACCOUNT, CALL), [1, 2, 1]),
    ],
)
def test_reset_restarts_its_sequences(scope: Scope, counts: list[int]) -> None:
    numbers = SequenceNumbers(account())
    owners = [(ACCOUNT, CALL), (OTHER_ACCOUNT, CALL), (None, CALL)]
    for one in owners:
        numbers.take(*one)
    numbers.reset(scope)

    assert [numbers.take(*one) for one in owners] == counts


def test_idle_call_is_evicted_first() -> None:
    numbers = SequenceNumbers(account(sequence_numbers=2))
    for call_sid in ("one", "two", "one", "three"):
        numbers.take(None, call_sid)

    assert numbers.take(None, "one") == 3
    assert numbers.take(None, "two") == 1
