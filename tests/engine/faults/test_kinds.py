import re
from pathlib import Path
from typing import NamedTuple

import pytest

from emulator.engine.faults import kinds
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.fault_kind import ConnectionFault, FaultAction, fault_kind, registered
from emulator.engine.faults.kinds import FAULT_KINDS
from emulator.engine.faults.kinds.close import CloseFault
from emulator.engine.faults.kinds.drop import Drop, DropFault
from emulator.engine.faults.kinds.garbage import GarbageFault
from emulator.engine.faults.kinds.quota import QuotaFault
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.kinds.truncate import TruncateFault
from emulator.engine.faults.rules import FaultEffect
from emulator.wire import errors

REPLY = ReplyFault(errors.TOO_MANY_REQUESTS)
ACTIONS = (REPLY, *map(DropFault, Drop), TruncateFault(3), GarbageFault(), CloseFault())


class Page(NamedTuple):
    """A rendered response."""

    body: bytes


PAGE = Page(b"12345")


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
def test_kinds_tell_whether_they_process(
    action: FaultAction | None, name: str, *, prevents: bool, answers: bool
) -> None:
    fault = InjectedFault(rule="fault-1", action=action)

    assert (fault.name, fault.prevents, fault.answers) == (name, prevents, answers)
    assert FaultEffect(fault=action).corrupts_response == (not prevents and not answers)


def test_every_file_of_kinds_is_a_kind() -> None:
    files = {path.stem for path in Path(kinds.__path__[0]).glob("[!_]*.py")}

    assert {kind.member for kind in FAULT_KINDS} == files


def test_tests_cover_all_kinds() -> None:
    """A quota is no action: it responds with a reply."""
    assert {*FAULT_KINDS} - {type(action) for action in ACTIONS} == {QuotaFault}


@pytest.mark.parametrize("action", ACTIONS, ids=lambda action: action.name)
def test_every_fault_has_an_effect(action: FaultAction) -> None:
    effect = InjectedFault(rule="fault-1", delay=1.25, action=action).effect

    assert effect == f"{action.effect} The response was delayed by 1.25 s."
    assert re.fullmatch(r"[A-Z][^.]+\.", action.effect)
    assert InjectedFault(rule="fault-1", action=action).effect == action.effect


class RecordingConnection:
    """Records what a fault does to it."""

    def __init__(self) -> None:
        self.calls: list[tuple[object, ...]] = []

    def reset(self) -> None:
        self.calls.append(("reset",))

    def write_raw(self, data: bytes) -> None:
        self.calls.append(("write_raw", data))

    def truncate(self, response: Page, length: int) -> None:
        self.calls.append(("truncate", response, length))


@pytest.mark.parametrize(
    ("action", "call"),
    [
        pytest.param(DropFault(Drop.BEFORE), ("reset",), id="drop"),
        pytest.param(CloseFault(), ("write_raw", b""), id="close"),
        pytest.param(GarbageFault(), ("write_raw", b"\x00\xffthis is not HTTP\r\n\r\n"), id="garbage"),
        pytest.param(TruncateFault(3), ("truncate", PAGE, 3), id="truncate"),
        pytest.param(TruncateFault(99), ("truncate", PAGE, 4), id="truncate, never all"),
    ],
)
def test_a_fault_acts_on_the_connection(action: ConnectionFault, call: tuple[object, ...]) -> None:
    connection = RecordingConnection()
    action.apply(connection, PAGE)

    assert connection.calls == [call]


def test_an_incomplete_kind_is_an_error() -> None:
    class IncompleteFault(ConnectionFault):
        member = "incomplete"

    with pytest.raises(TypeError, match="IncompleteFault lacks apply, effect, prevents"):
        fault_kind(IncompleteFault)
    assert registered() == FAULT_KINDS


def test_a_name_used_twice_is_an_error() -> None:
    class OtherClose(CloseFault):
        pass

    with pytest.raises(TypeError, match="CloseFault and OtherClose have the same name, close"):
        fault_kind(OtherClose)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        pytest.param((), None, id="not asked to"),
        pytest.param(((b"retry-after", b"0"),), 0, id="at once"),
        pytest.param(((b"retry-after", b"20"),), 20, id="20 s"),
    ],
)
def test_reply_has_retry_after(headers: tuple[tuple[bytes, bytes], ...], seconds: int | None) -> None:
    assert ReplyFault(errors.TOO_MANY_REQUESTS.with_headers(headers)).retry_after == seconds
