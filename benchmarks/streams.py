"""Event streams: many readers of everything, while messages arrive as fast as the server takes them."""

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
    """One reader: the places of the messages that it was told of."""

    def __init__(self, port: int) -> None:
        self.seen: list[int] = []
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self.socket.sendall(message.get(port, "/_emulator/events?after=0"))
        self._rest = b""
        self.read()

    def read(self) -> bool:
        """Take what has come; say whether there may be more."""
        data = self.socket.recv(1 << 20)
        told, end, self._rest = (self._rest + data).rpartition(b"\n\n")
        self.seen += map(int, _MESSAGE.findall(told + end))
        return bool(data) and len(self.seen) < _MESSAGES


def all_in_order(_: Effort) -> Reading:
    """Count what 100 readers of 2,000 messages each lack or get in a wrong place."""
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
    """Read all streams until each has seen every message, ends, or nothing comes any more."""
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream.socket, selectors.EVENT_READ, stream)
        while selector.get_map() and (ready := selector.select(_PATIENCE_SECONDS)):
            for key, _ in ready:
                if not key.data.read():
                    selector.unregister(key.fileobj)


def _padded(seen: list[int]) -> list[int]:
    return (seen + [0] * _MESSAGES)[:_MESSAGES]
