"""Tests that wait: open connections, each with a request that is answered when a message for its call arrives."""

import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import message
from connection import Connection

_SECONDS = 60
_SETTLE_SECONDS = 0.01, 0.001  # and for each waiter: nothing tells from outside that a wait has begun


@contextmanager
def waiting(port: int, calls: Iterable[str]) -> Iterator[list[Connection]]:
    """Hand out one waiting connection for each call, once all of them wait."""
    with ExitStack() as stack:
        waiters = []
        for call in calls:
            waiters.append(stack.enter_context(Connection(port)))
            waiters[-1].send(message.get(port, f"/_emulator/messages?call_sid={call}&at_least=1&timeout={_SECONDS}"))
        at_least, each = _SETTLE_SECONDS
        time.sleep(at_least + each * len(waiters))
        yield waiters
