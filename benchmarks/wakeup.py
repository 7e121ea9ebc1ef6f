"""Wake-up latency of a long poll after a POST, and the cost of long polls that keep waiting."""

import time
from statistics import median, quantiles

import message
from connection import Connection
from rows import Effort, Reading
from servers import EMULATOR, Server, running
from waiters import waiting
from wrk import drive

_MANY = 1_000
_ALONE = 300


def alone(_: Effort) -> Reading:
    """Measure one waiter at a time, each on its own call."""
    with running(EMULATOR) as server:
        return _slowest_percent([_wake(server, [message.call_sid(number)])[0] for number in range(_ALONE)])


def among_many(_: Effort) -> Reading:
    """Measure 1,000 waiters on different calls, each woken by a message of its call."""
    with running(EMULATOR) as server:
        return _slowest_percent(_wake(server, [message.call_sid(number) for number in range(_MANY)]))


def idle_waiters(effort: Effort) -> Reading:
    """Measure the percentage of POSTs per second that a busy core loses to 1,000 unrelated waiters.

    Computed from the CPU time of a POST, because requests/s also depend on other load of the machine.
    """
    with running(EMULATOR) as free, running(EMULATOR) as watched:
        for server in (free, watched):
            drive(server, message.create(server.port), seconds=1)
        with waiting(watched.port, map(message.call_sid, range(_MANY))):
            pairs = [(_processor_us(free, effort), _processor_us(watched, effort)) for _ in range(effort.rounds)]
    losses = [100 * (1 - without / with_waiters) for without, with_waiters in pairs]
    return Reading(value=median(losses), details=f"rounds: {', '.join(f'{loss:.1f}' for loss in losses)}")


def _wake(server: Server, calls: list[str]) -> list[float]:
    elapsed = []
    with waiting(server.port, calls) as waiters, Connection(server.port) as poster:
        for call, waiter in zip(calls, waiters, strict=True):
            request = message.create(server.port, call=call)
            before = time.perf_counter()
            poster.send(request)
            waiter.reply(200)
            elapsed.append((time.perf_counter() - before) * 1e3)
            poster.reply(201)
    return elapsed


def _slowest_percent(elapsed: list[float]) -> Reading:
    details = f"median {median(elapsed):.2f}, {len(elapsed):,} wake-ups"
    return Reading(value=quantiles(elapsed, n=100)[-1], details=details)


def _processor_us(server: Server, effort: Effort) -> float:
    return drive(server, message.create(server.port), seconds=effort.seconds).processor_us
