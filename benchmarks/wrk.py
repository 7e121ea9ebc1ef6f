"""Runs wrk, the load generator, and reads its figures."""

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import cores
from servers import Server

_SCRIPT = Path(__file__).with_name("create.lua")
_CONNECTIONS = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Result of one run of wrk, with the server's CPU time per request."""

    per_second: float
    processor_us: float
    p50_ms: float
    p99_ms: float


def missing() -> bool:
    """Whether wrk is not installed."""
    return shutil.which("wrk") is None


def drive(server: Server, request: bytes, *, seconds: int, url: str | None = None) -> Run:
    """Send the request repeatedly for some seconds, to `url` if given; raise RuntimeError on statuses from 400."""
    before = server.processor_seconds()
    requests, duration_us, failed, p50_us, p99_us = _figures(url or f"http://127.0.0.1:{server.port}", request, seconds)
    used = server.processor_seconds() - before
    if failed or not requests:
        raise RuntimeError(f"wrk counts {failed} failures in {requests} requests")
    return Run(
        per_second=requests / duration_us * 1e6,
        processor_us=used / requests * 1e6,
        p50_ms=p50_us / 1e3,
        p99_ms=p99_us / 1e3,
    )


def _figures(url: str, request: bytes, seconds: int) -> list[int]:
    command = ["wrk", "--threads=1", f"--connections={_CONNECTIONS}", f"--duration={seconds}s"]
    command += [f"--script={_SCRIPT}", url]
    environment = {**os.environ, "REQUEST": request.decode(), "FIRST": str(time.time_ns())}
    with cores.pinned(cores.DRIVER):
        process = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    figures = next(line for line in process.stdout.splitlines() if line.startswith("figures "))
    return [int(word) for word in figures.split()[1:]]
