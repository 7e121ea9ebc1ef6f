"""Event streams: many unfiltered readers, while messages are created at full speed."""

import re
import selectors
import socket
import threading
import time
from contextlib import ExitStack

import message
from journal import fill
from rows import Effort, Reading
from servers import EMULATOR, running

COUNT = 100
_MESSAGES = 2_000
_PATIENCE_SECONDS = 120
_MESSAGE = re.compile(rb"event: message\nid: (\d+)\n")


class Stream:
    """A reader; `seen` has the event ids of the received messages."""

    def __init__(self, port: int) -> None:
        self.seen: list[int] = []
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall(message.get(port, "/_emulator/events?after=0"))
        self._rest = b""
        self.read()

    def read(self) -> bool:
        """Read available events; return whether there may be more."""
        data = self.socket.recv(1 << 20)
        events, end, self._rest = (self._rest + data).rpartition(b"\n\n")
        self.seen += map(int, _MESSAGE.findall(events + end))
        return bool(data) and len(self.seen) < _MESSAGES


def all_in_order(_: Effort) -> Reading:
    """Count the events that 100 readers of 2,000 messages each miss or receive out of order."""
    with running(EMULATOR) as server, ExitStack() as stack:
        streams = [Stream(server.port) for _ in range(COUNT)]
        for stream in streams:
            stack.enter_context(stream.socket)
        before = time.perf_counter()
        poster = threading.Thread(target=fill, args=(server.port, map(message.call_sid, range(_MESSAGES))))
        poster.start()
        _read(streams)
        elapsed = time.perf_counter() - before
        poster.join()
    wanted = list(range(1, _MESSAGES + 1))
    lost = sum(seen != place for stream in streams for seen, place in zip(_padded(stream.seen), wanted, strict=True))
    return Reading(value=lost, details=f"{COUNT} streams of {_MESSAGES:,} messages each in {elapsed:.1f} s")


def _read(streams: list[Stream]) -> None:
    """Read all streams until each has received every message or ended, or until a timeout."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        while selector.get_map() and (ready := selector.select(_PATIENCE_SECONDS)):
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fileobj)


def _padded(seen: list[int]) -> list[int]:
    return (seen + [0] * _MESSAGES)[:_MESSAGES]
