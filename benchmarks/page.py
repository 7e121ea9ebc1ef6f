"""Reading a page of a call's messages, as the journal grows."""

import json
import time
from statistics import median

import message
from connection import Connection
from journal import fill
from rows import Effort, Reading
from servers import EMULATOR, Server, running

_SIZES = (1_000, 10_000, 100_000)
_PAGE = 50
_REPEATS = 200
_WARM_UP = 20


def page(effort: Effort) -> Reading:
    """Measure pages of two calls: one holds half of the journal, the other as many messages as fit the page."""
    sizes = [size for size in _SIZES if size <= effort.exchanges]
    medians = []
    with running(EMULATOR) as server:
        filled = 0
        for size in sizes:
            fill(server.port, map(_call_of, range(filled, size)))
            filled = size
            busy = _milliseconds(server, message.CALL)
            medians.append((busy, _milliseconds(server, _call_of(size // 2 + 1))))
    steps = [f"{size:,}: {busy:.2f} and {quiet:.2f}" for size, (busy, quiet) in zip(sizes, medians, strict=True)]
    return Reading(value=max(medians[-1]), details=f"half of the journal and one page on the call, {'; '.join(steps)}")


def _call_of(number: int) -> str:
    """Put every other exchange on one call; of the rest, as many as fit a page on each call."""
    return message.call_sid(number // (2 * _PAGE)) if number % 2 else message.CALL


def _milliseconds(server: Server, call: str) -> float:
    request = message.get(server.port, f"/_emulator/messages?call_sid={call}&limit={_PAGE}")
    with Connection(server.port) as connection:
        for _ in range(_WARM_UP):
            listed = json.loads(connection.ask(request))["messages"]
            if [one["call_sid"] for one in listed] != [call] * _PAGE:
                raise RuntimeError(f"expected {_PAGE} messages of {call}, got {len(listed)}")
        return median(_elapsed(connection, request) for _ in range(_REPEATS)) * 1e3


def _elapsed(connection: Connection, request: bytes) -> float:
    before = time.perf_counter()
    connection.ask(request)
    return time.perf_counter() - before
