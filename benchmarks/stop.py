"""The stop time: SIGTERM with open long polls and event streams."""

import json
import os
import signal
import time
from contextlib import ExitStack

import message
import streams
from rows import Effort, Reading
from servers import EMULATOR, running
from waiters import waiting

_WAITERS = 100


def stop(_: Effort) -> Reading:
    """Measure from the signal to the end of the process; check that every long poll returns `stopped`."""
    calls = map(message.call_sid, range(_WAITERS))
    with running(EMULATOR) as server, waiting(server.port, calls) as waiters, ExitStack() as stack:
        for _ in range(streams.COUNT):
            stack.enter_context(streams.Stream(server.port).socket)
        before = time.perf_counter()
        os.kill(server.pid, signal.SIGTERM)
        ends = [json.loads(waiter.reply(200))["ended"] for waiter in waiters]
        os.waitid(os.P_PID, server.pid, os.WEXITED | os.WNOWAIT)
        elapsed = time.perf_counter() - before
    if ends != ["stopped"] * _WAITERS:
        raise RuntimeError(f"expected every wait to be stopped, got {set(ends)}")
    return Reading(value=elapsed, details=f"{streams.COUNT} streams and {_WAITERS} waiters, each answered")
