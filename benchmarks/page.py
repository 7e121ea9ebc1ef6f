"""Reading a page of messages from a growing journal."""

import json
import time
from collections.abc import Callable
from statistics import median
from urllib.parse import quote

import message
from connection import Connection
from journal import fill
from rows import Effort, Reading
from servers import EMULATOR, Server, running

_SIZES = (1_000, 10_000, 100_000)
_PAGE = 50
_REPEATS = 200
_WARM_UP = 3


def by_call(effort: Effort) -> Reading:
    """Measure pages of two calls: one with half of the journal, the other with exactly one page of messages."""
    return _grown(
        effort, "half of the journal and one page on the call", lambda size: (_of(message.CALL), _of(_quiet(size)))
    )


def newest(effort: Effort) -> Reading:
    """Measure the newest page without a filter."""
    return _grown(effort, "everything", lambda _: (f"limit={_PAGE}&order=newest",))


def by_content(effort: Effort) -> Reading:
    """Measure the newest page filtered by a part of the content, which is compared with every message."""
    part = quote('{"key": "value"}')
    return _grown(effort, "all match", lambda _: (f"limit={_PAGE}&order=newest&content={part}",), repeats=5)


def _grown(effort: Effort, what: str, queries: Callable[[int], tuple[str, ...]], *, repeats: int = _REPEATS) -> Reading:
    """Measure queries at several sizes of the journal; the value is the slowest query at the last size."""
    sizes = [size for size in _SIZES if size <= effort.exchanges]
    medians = []
    with running(EMULATOR) as server:
        filled = 0
        for size in sizes:
            fill(server.port, map(_call_of, range(filled, size)))
            filled = size
            medians.append([_milliseconds(server, query, repeats) for query in queries(size)])
    steps = [
        f"{size:,}: {' and '.join(f'{ms:.2f}' for ms in found)}" for size, found in zip(sizes, medians, strict=True)
    ]
    return Reading(value=max(medians[-1]), details=f"{what}, {'; '.join(steps)}")


def _of(call: str) -> str:
    return f"call_sid={call}&limit={_PAGE}"


def _quiet(size: int) -> str:
    return _call_of(size // 2 + 1)


def _call_of(number: int) -> str:
    """Assign every other exchange to one call; distribute the rest over calls with one page of messages each."""
    return message.call_sid(number // (2 * _PAGE)) if number % 2 else message.CALL


def _milliseconds(server: Server, query: str, repeats: int) -> float:
    request = message.get(server.port, f"/_emulator/messages?{query}")
    with Connection(server.port) as connection:
        for _ in range(_WARM_UP):
            listed = json.loads(connection.ask(request))["messages"]
            if len(listed) != _PAGE:
                raise RuntimeError(f"expected {_PAGE} messages by {query}, got {len(listed)}")
        return median(_elapsed(connection, request) for _ in range(repeats)) * 1e3


def _elapsed(connection: Connection, request: bytes) -> float:
    before = time.perf_counter()
    connection.ask(request)
    return time.perf_counter() - before
