"""Filling the journal: creates messages at full speed over keep-alive connections."""

from collections.abc import Iterable
from contextlib import ExitStack
from itertools import islice

import message
from connection import Connection

_CONNECTIONS = 16


def fill(port: int, calls: Iterable[str]) -> None:
    """Create one message per CallSid."""
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(port)) for _ in range(_CONNECTIONS)]
        remaining = iter(calls)
        while batch := list(islice(remaining, _CONNECTIONS)):
            busy = connections[: len(batch)]
            for connection, call in zip(busy, batch, strict=True):
                connection.send(message.create(port, call=call))
            for connection in busy:
                connection.reply(201)
