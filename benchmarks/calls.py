"""Setting up calls, each by a user of its own."""

import time
from contextlib import ExitStack

from phone import Phone
from rows import Effort, Reading
from servers import EMULATOR, running

_CALLS = 500


def set_up(_: Effort) -> Reading:
    """Measure from the first connection to the last answer; all calls go on meanwhile."""
    with running(EMULATOR) as server, ExitStack() as stack:
        stack.enter_context(Phone(server.port, "first")).call()  # once unmeasured: what is imported only now
        before = time.perf_counter()
        for number in range(_CALLS):
            stack.enter_context(Phone(server.port, f"user{number}")).call()
        elapsed = time.perf_counter() - before
    return Reading(value=elapsed, details=f"{_CALLS} users connect, register, call and are answered, one by one")
