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


def kept(end_user_messages: EndUserMessageLog) -> list[int]:
    return [one.sequence_number for one in end_user_messages]


def filled(*given: LoggedMessage) -> EndUserMessageLog:
    end_user_messages = EndUserMessageLog(account())
    for one in given:
        end_user_messages.add(one)
    return end_user_messages


def test_messages_are_found_by_call_in_order() -> None:
    end_user_messages = filled(saying(1), saying(2, call_sid=OTHER_CALL), saying(3))

    assert (kept(end_user_messages), len(end_user_messages)) == ([1, 2, 3], 3)
    assert [one.sequence_number for one in end_user_messages.of_call(CALL)] == [1, 3]
    assert end_user_messages.of_call("CA") == []
    assert {one.sid for one in end_user_messages} == {MESSAGE}


def test_oldest_are_evicted_by_count() -> None:
    end_user_messages = EndUserMessageLog(account(end_user_messages=2))
    for number in range(5):
        end_user_messages.add(saying(number))

    assert kept(end_user_messages) == [3, 4]


def test_oldest_are_evicted_by_bytes() -> None:
    size = EndUserMessageLog(account()).size_of(0, saying())
    end_user_messages = EndUserMessageLog(
        MemoryAccount(capacities={"end_user_messages": Capacity(max_bytes=2 * size + 80)})
    )
    for number in range(3):
        end_user_messages.add(saying(number, content="x" * 40))
    before = kept(end_user_messages)
    end_user_messages.add(saying(3, content="x" * 10_000))
    alone = kept(end_user_messages)
    end_user_messages.add(saying(4))

    assert (before, alone, kept(end_user_messages)) == ([1, 2], [3], [4])


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
    end_user_messages = filled(
        saying(1),
        saying(2, account_sid=OTHER_ACCOUNT),
        saying(3, account_sid=None),
        saying(4, call_sid=OTHER_CALL),
    )
    end_user_messages.reset(scope)

    assert kept(end_user_messages) == left


def test_removed_messages_use_no_memory() -> None:
    end_user_messages = filled(saying(1), saying(2, call_sid=OTHER_CALL))
    both = end_user_messages.bound.bytes
    end_user_messages.reset(Scope(None, CALL))

    assert (end_user_messages.bound.entries, end_user_messages.bound.bytes) == (1, both // 2)
