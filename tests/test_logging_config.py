"""Log lines: written by a thread, bounded, and never waited for."""

import fcntl
import json
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator

import pytest
from support.server import Caller, Command, Site

from emulator.logging_config import QueuedHandler, write_all
from emulator.server.open_files import raise_file_limit


class Gate:
    """A writer that blocks until it is opened."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.entered = threading.Event()
        self.opened = threading.Event()

    def __call__(self, data: bytes) -> None:
        self.entered.set()
        assert self.opened.wait(5)
        self.written.append(data)

    @property
    def lines(self) -> list[str]:
        return b"".join(self.written).decode().splitlines()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.opened.set()


Log = Callable[[str], None]


def blocked(gate: Gate, **bounds: int) -> tuple[QueuedHandler, Log]:
    """A handler whose thread is in the middle of writing one line."""
    handler = QueuedHandler(gate, **bounds)

    def log(text: str) -> None:
        handler.handle(logging.makeLogRecord({"msg": text, "levelno": logging.INFO}))

    log("first")
    assert gate.entered.wait(5)
    return handler, log


def test_lines_are_written_in_order(gate: Gate) -> None:
    handler, log = blocked(gate)
    for number in range(100):
        log(str(number))
    gate.opened.set()
    handler.close()

    assert gate.lines == ["first", *map(str, range(100))]


@pytest.mark.parametrize("bounds", [{"max_lines": 3}, {"max_bytes": len("first\n") + 3 * len("0\n")}])
def test_excess_lines_are_counted(gate: Gate, bounds: dict[str, int]) -> None:
    handler, log = blocked(gate, **bounds)
    for number in range(10):
        log(str(number))
    gate.opened.set()
    handler.close()

    assert gate.lines == ["first", "0", "1", "2", "dropped 7 log lines, because stderr was not read"]


def test_blocked_write_does_not_keep_process(gate: Gate) -> None:
    handler, log = blocked(gate)
    log("never written")
    handler.close()

    assert gate.written == []


def test_closed_pipe_is_not_an_error() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    handler = QueuedHandler(lambda data: write_all(writing, data))
    for _ in range(2):
        handler.handle(logging.makeLogRecord({"msg": "lost"}))
    handler.close()
    os.close(writing)


@pytest.fixture
def _many_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    raise_file_limit()
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.usefixtures("_many_files")
@pytest.mark.parametrize("number", [3, 1100], ids=["any", "above what select takes"])
def test_nonblocking_pipe_gets_every_byte(number: int) -> None:
    reading, lower = os.pipe()
    writing = fcntl.fcntl(lower, fcntl.F_DUPFD, number)
    os.close(lower)
    os.set_blocking(writing, False)
    data = os.urandom(1 << 20)
    thread = threading.Thread(target=write_all, args=(writing, data))
    thread.start()
    with os.fdopen(reading, "rb") as source:
        read = source.read(len(data))
    thread.join()
    os.close(writing)

    assert read == data


def test_unread_stderr_delays_nothing() -> None:
    """1,000 refused requests write more than a pipe holds (64 KiB)."""
    with Command("--port", "0", "--log-format", "json") as command:
        caller = Caller(Site(command.ready_line().split()[1]))
        statuses = {caller.send("{").status for _ in range(1000)}
        command.process.send_signal(signal.SIGTERM)
        code = command.process.wait(5)

    assert (statuses, code) == ({400}, 0)


def test_dropped_lines_are_reported() -> None:
    with Command("--port", "0", "--log-format", "json") as command:
        caller = Caller(Site(command.ready_line().split()[1]))
        reason = "x" * 5000  # shown in the line
        for _ in range(1200):
            caller.ask(b"", path=f"{caller.path}?{reason}", headers=[])
        assert command.process.stderr is not None
        lines = [json.loads(command.process.stderr.readline()) for _ in range(2)]
        while lines[-1].get("event") != "dropped":
            lines.append(json.loads(command.process.stderr.readline()))
        written = sum("outcome" in line for line in lines)

    assert lines[-1]["level"] == "warning"
    assert 0 < lines[-1]["lines"] == 1200 - written


def test_server_works_without_stderr() -> None:
    command = [sys.executable, "-m", "emulator", "serve", "--port", "0"]
    with subprocess.Popen(["sh", "-c", 'exec "$@" 2>&-', "sh", *command], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        caller = Caller(Site(process.stdout.readline().split()[1]))
        status = caller.send("{").status
        process.terminate()

    assert (status, process.returncode) == (400, 0)
