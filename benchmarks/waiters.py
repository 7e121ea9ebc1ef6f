"""Long polls: open connections, each with a request that waits for a message of its call."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import message
from connection import Connection

_SECONDS = 60
_SETTLE_SECONDS = 0.01, 0.001  # in total and per waiter: a client cannot observe that a wait has begun


@contextmanager
def waiting(port: int, calls: Iterable[str]) -> Iterator[list[Connection]]:
    """Yield one connection per call, once all of them wait."""
    with ExitStack() as stack:
        waiters = []
        for call in calls:
            waiters.append(stack.enter_context(Connection(port)))
            waiters[-1].send(message.get(port, f"/_emulator/messages?call_sid={call}&at_least=1&timeout={_SECONDS}"))
        at_least, each = _SETTLE_SECONDS
        time.sleep(at_least + each * len(waiters))
        yield waiters
