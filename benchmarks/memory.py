"""Resident memory: of an idle server, and its growth per exchange."""

from collections.abc import Callable
from statistics import median

import message
from connection import Connection
from journal import fill
from rows import Effort, Fact, Reading
from servers import BARE, EMULATOR, HELLO, Kind, running

_WARM_UP = 1_000
_STARTS = 3


def idle(_: Effort) -> Reading:
    """Measure the megabytes of a server after one response."""
    held = {kind.name: _idle_megabytes(kind) for kind in (BARE, HELLO, EMULATOR)}
    return Reading(
        value=held[EMULATOR.name],
        details=f"{_STARTS} starts each",
        facts=tuple(Fact(name, "idle MB", f"{megabytes:.1f}") for name, megabytes in held.items()),
    )


def on_one_call(effort: Effort) -> Reading:
    """Measure the growth per small exchange, all on one call."""
    return _growth(effort, lambda _: message.CALL)


def on_own_calls(effort: Effort) -> Reading:
    """Measure the growth per small exchange, each on its own call."""
    return _growth(effort, message.call_sid)


def _idle_megabytes(kind: Kind) -> float:
    held = []
    for _ in range(_STARTS):
        with running(kind) as server, Connection(server.port) as connection:
            connection.ask(message.get(server.port, kind.path), status=201 if kind is BARE else 200)
            held.append(server.resident_bytes() / 1e6)
    return median(held)


def _growth(effort: Effort, call_of: Callable[[int], str]) -> Reading:
    with running(EMULATOR) as server:
        fill(server.port, map(call_of, range(_WARM_UP)))
        before = server.resident_bytes()
        fill(server.port, map(call_of, range(_WARM_UP, effort.exchanges)))
        after = server.resident_bytes()
    return Reading(
        value=(after - before) / (effort.exchanges - _WARM_UP) / 1024,
        details=f"{before / 1e6:.1f} MB at {_WARM_UP:,} exchanges, {after / 1e6:.1f} MB at {effort.exchanges:,}",
    )
