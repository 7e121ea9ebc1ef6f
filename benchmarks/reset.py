"""Resetting one call of a full journal."""

import json
import time

import message
from connection import Connection
from journal import fill
from rows import Effort, Reading
from servers import EMULATOR, running

_CALLS = 100
_RESETS = 20


def scoped(effort: Effort) -> Reading:
    """Measure resets of single calls, each with a hundredth of the journal."""
    of_each = effort.exchanges // _CALLS
    with running(EMULATOR) as server:
        fill(server.port, (message.call_sid(number % _CALLS) for number in range(effort.exchanges)))
        with Connection(server.port) as connection:
            # Warm up FastAPI with a call without messages.
            connection.ask(message.reset(server.port, message.call_sid(_CALLS)))
            elapsed = [_milliseconds(connection, server.port, number, of_each) for number in range(_RESETS)]
    return Reading(value=max(elapsed), details=f"slowest of {_RESETS}, {of_each:,} of {effort.exchanges:,} each")


def _milliseconds(connection: Connection, port: int, number: int, expected: int) -> float:
    request = message.reset(port, message.call_sid(number))
    before = time.perf_counter()
    removed = json.loads(connection.ask(request))["messages"]
    elapsed = (time.perf_counter() - before) * 1e3
    if removed != expected:
        raise RuntimeError(f"expected {expected} messages to go, {removed} went")
    return elapsed
