import pytest
from support.builders import ACCOUNT, CALL, MESSAGE, OTHER_ACCOUNT, OTHER_CALL, SOME_TIME, account

from emulator.engine.callbacks.end_user_messages import EndUserMessageLog, LoggedMessage
from emulator.engine.capacity import Capacity, MemoryAccount
from emulator.engine.scope import Scope
from emulator.engine.voice.call_legs import EndUserMessage


def saying(
    number: int = 1, *, account_sid: str | None = ACCOUNT, call_sid: str = CALL, content: str = "{}"
) -> LoggedMessage:
    said = EndUserMessage(account_sid, call_sid, "alice", MESSAGE, content, "application/json")
    return LoggedMessage(said, SOME_TIME, number, 0)


def kept(sayings: EndUserMessageLog) -> list[int]:
    return [one.sequence_number for one in sayings]


def filled(*given: LoggedMessage) -> EndUserMessageLog:
    sayings = EndUserMessageLog(account())
    for one in given:
        sayings.add(one)
    return sayings


def test_messages_are_found_by_call_in_order() -> None:
    sayings = filled(saying(1), saying(2, call_sid=OTHER_CALL), saying(3))

    assert (kept(sayings), len(sayings)) == ([1, 2, 3], 3)
    assert [one.sequence_number for one in sayings.of_call(CALL)] == [1, 3]
    assert sayings.of_call("CA") == []
    assert {one.sid for one in sayings} == {MESSAGE}


def test_oldest_are_evicted_by_count() -> None:
    sayings = EndUserMessageLog(account(end_user_messages=2))
    for number in range(5):
        sayings.add(saying(number))

    assert kept(sayings) == [3, 4]


def test_oldest_are_evicted_by_bytes() -> None:
    size = EndUserMessageLog(account()).size_of(0, saying())
    sayings = EndUserMessageLog(MemoryAccount(capacities={"end_user_messages": Capacity(max_bytes=2 * size + 80)}))
    for number in range(3):
        sayings.add(saying(number, content="x" * 40))
    before = kept(sayings)
    sayings.add(saying(3, content="x" * 10_000))
    alone = kept(sayings)
    sayings.add(saying(4))

    assert (before, alone, kept(sayings)) == ([1, 2], [3], [4])


@pytest.mark.parametrize(
    ("scope", "left"),
    [
        (Scope(), []),
        (Scope(ACCOUNT), [2, 3]),
        (Scope(None, CALL), [4]),
        (Scope(ACCOUNT, CALL), [2, 4]),
        (Scope(OTHER_ACCOUNT), [1, 3, 4]),
    ],
)
def test_reset_of_calls_without_account(scope: Scope, left: list[int]) -> None:
    sayings = filled(
        saying(1),
        saying(2, account_sid=OTHER_ACCOUNT),
        saying(3, account_sid=None),
        saying(4, call_sid=OTHER_CALL),
    )
    sayings.reset(scope)

    assert kept(sayings) == left


def test_removed_messages_use_no_memory() -> None:
    sayings = filled(saying(1), saying(2, call_sid=OTHER_CALL))
    both = sayings.bound.bytes
    sayings.reset(Scope(None, CALL))

    assert (sayings.bound.entries, sayings.bound.bytes) == (1, both // 2)
