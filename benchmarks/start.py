"""The start time: from starting the process to the first response."""

import time
from statistics import median

import message
from connection import Connection
from rows import Effort, Fact, Reading
from servers import EMULATOR, HELLO, Kind, running


def start(effort: Effort) -> Reading:
    """Measure the ratio to the start time of FastAPI's hello-world, in alternating starts."""
    for kind in (HELLO, EMULATOR):
        _seconds(kind)  # warm-up: compiled files, the page cache
    pairs = [(_seconds(HELLO), _seconds(EMULATOR)) for _ in range(effort.starts)]
    return Reading(
        value=median(emulator / hello for hello, emulator in pairs),
        details=f"{effort.starts} starts each",
        facts=(
            Fact(HELLO.name, "start ms", f"{median(hello for hello, _ in pairs) * 1e3:.0f}"),
            Fact(EMULATOR.name, "start ms", f"{median(emulator for _, emulator in pairs) * 1e3:.0f}"),
        ),
    )


def _seconds(kind: Kind) -> float:
    with running(kind) as server, Connection(server.port) as connection:
        connection.ask(message.get(server.port, kind.path))
        return time.perf_counter() - server.spawned
