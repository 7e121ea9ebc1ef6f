"""Idle registered users: memory per user, and CPU time of their keepalives."""

import selectors
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from rows import Effort, Reading
from servers import EMULATOR, Server, running
from voice_client import VoiceClient

_USERS = 1_000
_KEEPALIVE_SECONDS = 10
"""Interval of keepalives; a measurement must cover it, so that each user receives one."""


def memory(_: Effort) -> Reading:
    """Measure the growth by 1,000 users after the first, which triggers lazy imports."""
    with running(EMULATOR) as server, VoiceClient(server.port, "first"):
        before = server.resident_bytes()
        with _registered(server):
            after = server.resident_bytes()
    return Reading(
        value=(after - before) / _USERS / 1e3,
        details=f"{before / 1e6:.1f} MB with 1 user, {after / 1e6:.1f} MB with {_USERS:,} more",
    )


def processor(effort: Effort) -> Reading:
    """Measure the percentage of a core that the server uses."""
    with running(EMULATOR) as server, _registered(server) as clients:
        used, before = server.processor_seconds(), time.perf_counter()
        keepalives = _answer(clients, seconds=effort.seconds * _KEEPALIVE_SECONDS)
        elapsed, used = time.perf_counter() - before, server.processor_seconds() - used
    return Reading(
        value=100 * used / elapsed, details=f"{_USERS:,} users, {keepalives:,} keepalives in {elapsed:.0f} s"
    )


@contextmanager
def _registered(server: Server) -> Iterator[list[VoiceClient]]:
    with ExitStack() as stack:
        yield [stack.enter_context(VoiceClient(server.port, f"user{number}")) for number in range(_USERS)]


def _answer(clients: list[VoiceClient], *, seconds: float) -> int:
    """Answer keepalives for some seconds; return their number."""
    count = 0
    end = time.perf_counter() + seconds
    with selectors.DefaultSelector() as selector:
        for client in clients:
            selector.register(client, selectors.EVENT_READ, client)
        while (left := end - time.perf_counter()) > 0:
            for key, _ in selector.select(left):
                key.data.read()
                count += 1
    return count
