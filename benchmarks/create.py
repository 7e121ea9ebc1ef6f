"""Creating a message: CPU time per request, compared with the bare application in alternating rounds."""

from statistics import median

import message
from connection import Connection
from rows import Effort, Fact, Reading
from servers import BARE, EMULATOR, Kind, running
from wrk import Run, drive


def plain(effort: Effort) -> Reading:
    """Measure the request as twilio-python sends it without an idempotency key, on one call."""
    return _against_bare(effort, "")


def keyed(effort: Effort) -> Reading:
    """Measure with a different idempotency key per request."""
    return _against_bare(effort, ", a key each", key=message.EACH_ITS_OWN)


def scattered(effort: Effort) -> Reading:
    """Measure with a different call per request."""
    return _against_bare(effort, ", its own call", call="CA" + message.EACH_ITS_OWN)


def _against_bare(effort: Effort, what: str, *, call: str = message.CALL, key: str | None = None) -> Reading:
    bare_runs: list[Run] = []
    emulator_runs: list[Run] = []
    with running(BARE) as bare, running(EMULATOR) as emulator:
        for server in (bare, emulator):
            with Connection(server.port) as connection:
                connection.ask(message.create(server.port), status=201)
            drive(server, message.create(server.port, call=call, key=key), seconds=1)
        for _ in range(effort.rounds):
            for server, runs in ((bare, bare_runs), (emulator, emulator_runs)):
                request = message.create(server.port, call=call, key=key)
                runs.append(drive(server, request, seconds=effort.seconds))
    ratios = [run.processor_us / base.processor_us for base, run in zip(bare_runs, emulator_runs, strict=True)]
    return Reading(
        value=median(ratios),
        details=f"rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}",
        facts=(*_facts(BARE, what, bare_runs), *_facts(EMULATOR, what, emulator_runs)),
    )


def _facts(kind: Kind, what: str, runs: list[Run]) -> list[Fact]:
    server = f"{kind.name}{what}"
    return [
        Fact(server, "requests/s", f"{median(run.per_second for run in runs):,.0f}"),
        Fact(server, "CPU µs per request", f"{median(run.processor_us for run in runs):.1f}"),
        Fact(server, "p50 ms", f"{median(run.p50_ms for run in runs):.2f}"),
        Fact(server, "p99 ms", f"{median(run.p99_ms for run in runs):.2f}"),
    ]
