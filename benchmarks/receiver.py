"""Receives a given number of callbacks; then answers a waiting GET with the number that arrived out of order."""

import asyncio
import json
import sys
from collections import Counter
from dataclasses import dataclass, field
from urllib.parse import parse_qs

import uvloop
from connection import body_length


@dataclass(slots=True)
class _Log:
    """The callbacks received on all connections."""

    awaited: int
    of_call: Counter[str] = field(default_factory=Counter)
    misplaced: int = 0
    complete: asyncio.Event = field(default_factory=asyncio.Event)

    def take(self, form: dict[str, list[str]]) -> None:
        """Count a callback and check its sequence number."""
        (call,), (number,) = form["CallSid"], form["SequenceNumber"]
        self.of_call[call] += 1
        self.misplaced += int(number) != self.of_call[call]
        if self.of_call.total() == self.awaited:
            self.complete.set()


async def receive(awaited: int) -> None:
    """Serve on a free port until the process ends."""
    log = _Log(awaited)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(await _answer(log, reader))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    print(f"ready http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
    await server.serve_forever()


async def _answer(log: _Log, reader: asyncio.StreamReader) -> bytes:
    head = await reader.readuntil(b"\r\n\r\n")
    if head.startswith(b"GET "):
        await log.complete.wait()
        return _ok(json.dumps({"misplaced": log.misplaced}))
    body = await reader.readexactly(body_length(head))
    log.take(parse_qs(body.decode()))
    return _ok("")


def _ok(body: str) -> bytes:
    return f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()


if __name__ == "__main__":
    uvloop.run(receive(int(sys.argv[1])))
