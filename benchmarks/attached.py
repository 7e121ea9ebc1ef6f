"""Creating a message over https and through the proxy, compared with plain http on the same server."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

import cores
import message
from rows import Effort, Fact, Reading
from servers import EVERYWHERE, Kind, Server, running
from wrk import Run, drive

_RELAY = str(Path(__file__).with_name("relay.py"))


def https(effort: Effort) -> Reading:
    """Measure keep-alive connections to the https port."""
    with running(EVERYWHERE) as server:
        return _against_http(effort, server, "https", server.ports[1])


def proxy(effort: Effort) -> Reading:
    """Measure keep-alive connections through the proxy; the relay runs on the driver's core."""
    with running(EVERYWHERE) as server, _relay(server.ports[2]) as port:
        return _against_http(effort, server, "proxy", port)


@contextmanager
def _relay(proxy_port: int) -> Iterator[int]:
    with running(Kind(name="relay", arguments=(_RELAY, str(proxy_port))), core=cores.DRIVER) as relay:
        yield relay.port


def _against_http(effort: Effort, server: Server, way: str, port: int) -> Reading:
    request = message.create(server.port)
    plain: list[Run] = []
    secure: list[Run] = []
    ways = ((None, plain), (f"https://127.0.0.1:{port}", secure))
    for url, _ in ways:
        drive(server, request, seconds=1, url=url)
    for _ in range(effort.rounds):
        for url, runs in ways:
            runs.append(drive(server, request, seconds=effort.seconds, url=url))
    ratios = [run.processor_us / base.processor_us for base, run in zip(plain, secure, strict=True)]
    return Reading(
        value=median(ratios),
        details=f"rounds: {', '.join(f'{ratio:.2f}' for ratio in ratios)}",
        facts=(*_facts(f"emulator, http, same run as {way}", plain), *_facts(f"emulator, {way}", secure)),
    )


def _facts(server: str, runs: list[Run]) -> list[Fact]:
    return [
        Fact(server, "requests/s", f"{median(run.per_second for run in runs):,.0f}"),
        Fact(server, "CPU µs per request", f"{median(run.processor_us for run in runs):.1f}"),
        Fact(server, "p50 ms", f"{median(run.p50_ms for run in runs):.2f}"),
        Fact(server, "p99 ms", f"{median(run.p99_ms for run in runs):.2f}"),
    ]
