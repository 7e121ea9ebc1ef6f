"""Faults: the cost of rules for requests that they do not match, and of delayed responses for other requests."""

import json
import select
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median

import message
from connection import Connection
from rows import Effort, Reading
from servers import EMULATOR, Server, running
from wrk import Run, drive

_RULES = 1_000
_DELAYED = 500
_TARGET = "/_emulator/faults"
_PATIENCE_SECONDS = 30
_LOOK_SECONDS = 0.01


def rules_elsewhere(effort: Effort) -> Reading:
    """Measure the CPU time that 1,000 rules, each for another call of the account, add to a create."""
    with running(EMULATOR) as free, running(EMULATOR) as ruled:
        with Connection(ruled.port) as connection:
            for number in range(_RULES):
                match = {"account_sid": message.ACCOUNT, "call_sid": message.call_sid(number)}
                _add(connection, ruled, {"match": match, "then": {"reply": {"status": 503}}})
        pairs = _in_turns(free, ruled, effort)
    more = [run.processor_us - base.processor_us for base, run in pairs]
    used = f"{median(base.processor_us for base, _ in pairs):.1f} µs without"
    return Reading(value=median(more), details=f"{used}; rounds: {', '.join(f'{us:.1f}' for us in more)}")


def delayed_elsewhere(effort: Effort) -> Reading:
    """Measure the 99th percentile of a create while 500 other responses are delayed."""
    with running(EMULATOR) as free, running(EMULATOR) as held, _held_back(held):
        pairs = _in_turns(free, held, effort)
    ratios = [run.p99_ms / base.p99_ms for base, run in pairs]
    p99, without = median(run.p99_ms for _, run in pairs), median(base.p99_ms for base, _ in pairs)
    return Reading(
        value=median(ratios),
        details=f"p99 {p99:.2f} ms, {without:.2f} without; rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}",
    )


def _in_turns(free: Server, other: Server, effort: Effort) -> list[tuple[Run, Run]]:
    for server in (free, other):
        drive(server, message.create(server.port), seconds=1)
    return [
        (
            drive(free, message.create(free.port), seconds=effort.seconds),
            drive(other, message.create(other.port), seconds=effort.seconds),
        )
        for _ in range(effort.rounds)
    ]


@contextmanager
def _held_back(server: Server) -> Iterator[None]:
    """Keep 500 requests for another call delayed; raise RuntimeError if a response arrives meanwhile."""
    call = message.call_sid(0)
    with ExitStack() as stack:
        control = stack.enter_context(Connection(server.port))
        _add(control, server, {"match": {"call_sid": call}, "then": {"delay": 600}})
        delayed = [stack.enter_context(Connection(server.port)) for _ in range(_DELAYED)]
        for connection in delayed:
            connection.send(message.create(server.port, call=call))
        end = time.monotonic() + _PATIENCE_SECONDS
        while (pending := _pending(server, call)) < _DELAYED and time.monotonic() < end:
            time.sleep(_LOOK_SECONDS)
        yield
        answered, _, _ = select.select(delayed, [], [], 0)
        if pending != _DELAYED or answered:
            raise RuntimeError(f"of {pending} answers that were held back {len(answered)} came meanwhile")


def _pending(server: Server, call: str) -> int:
    with Connection(server.port) as connection:
        query = f"/_emulator/requests?call_sid={call}&limit={_DELAYED}"
        requests = json.loads(connection.ask(message.get(server.port, query)))["requests"]
    return sum(request["duration"] is None for request in requests)


def _add(connection: Connection, server: Server, rule: object) -> None:
    connection.ask(message.post_json(server.port, _TARGET, rule), status=201)
