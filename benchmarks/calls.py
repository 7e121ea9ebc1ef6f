"""Setting up calls, each by its own user."""

import time
from contextlib import ExitStack

from rows import Effort, Reading
from servers import EMULATOR, running
from voice_client import VoiceClient

_CALLS = 500


def set_up(_: Effort) -> Reading:
    """Measure from the first connection to the last answer; all calls stay open."""
    with running(EMULATOR) as server, ExitStack() as stack:
        stack.enter_context(VoiceClient(server.port, "first")).call()  # warm-up: lazy imports
        before = time.perf_counter()
        for number in range(_CALLS):
            stack.enter_context(VoiceClient(server.port, f"user{number}")).call()
        elapsed = time.perf_counter() - before
    return Reading(value=elapsed, details=f"{_CALLS} users connect, register, call and are answered, one by one")
