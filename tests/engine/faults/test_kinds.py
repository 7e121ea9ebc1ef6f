import pytest

from emulator.engine.faults.kinds import (
    Action,
    CloseFault,
    Drop,
    DropFault,
    Fault,
    GarbageFault,
    ReplyFault,
    TruncateFault,
)
from emulator.wire import errors

REPLY = ReplyFault(errors.TOO_MANY_REQUESTS)


@pytest.mark.parametrize(
    ("action", "name", "prevents", "answers"),
    [
        pytest.param(None, "delay", False, True, id="delay"),
        pytest.param(REPLY, "reply", True, True, id="reply"),
        pytest.param(ReplyFault(errors.INTERNAL_ERROR, "<p>"), "reply", True, True, id="page"),
        pytest.param(DropFault(Drop.BEFORE), "drop-before", True, False, id="drop-before"),
        pytest.param(DropFault(Drop.AFTER), "drop-after", False, False, id="drop-after"),
        pytest.param(TruncateFault(3), "truncate", False, False, id="truncate"),
        pytest.param(GarbageFault(), "garbage", False, False, id="garbage"),
        pytest.param(CloseFault(), "close", True, False, id="close"),
    ],
)
def test_a_fault_says_whether_the_request_is_processed_and_answered(
    action: Action | None, name: str, *, prevents: bool, answers: bool
) -> None:
    fault = Fault(rule="fault-1", action=action)

    assert (fault.name, fault.prevents, fault.answers) == (name, prevents, answers)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param((), None, id="not asked to"),
        pytest.param(((b"retry-after", b"0"),), 0, id="at once"),
        pytest.param(((b"retry-after", b"20"),), 20, id="20 s"),
    ],
)
def test_a_reply_says_how_long_to_wait(headers: tuple[tuple[bytes, bytes], ...], seconds: int | None) -> None:
    assert ReplyFault(errors.TOO_MANY_REQUESTS.with_headers(headers)).retry_after == seconds
