"""A receiver of callbacks: an HTTP server in the test's own event loop, on any free port."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

from emulator.adapters.connections import Answer, Connections
from emulator.wire.callbacks import Callback
from emulator.wire.connection_overrides import CallbackTimeouts

EVER = CallbackTimeouts(connect=60, read=60, total=60)
DELIVERED = Answer(200)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def status(code: int, *lines: str) -> bytes:
    """A reply without a body."""
    return "\r\n".join([f"HTTP/1.1 {code} Said", "Content-Length: 0", *lines, "", ""]).encode()


@dataclass
class Received:
    """A request as it came."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int


async def _turns(count: int = 10) -> None:
    """Let the loop do what it has begun."""
    for _ in range(count):
        await asyncio.sleep(0)


Reply = Callable[[Received], Awaitable[bytes | None]]


async def ok(_: Received) -> bytes:
    """Be content with anything."""
    return OK


def script(*replies: bytes | None) -> Reply:
    """Answer with one after the other; None closes the connection."""
    rest = iter(replies)

    async def reply(_: Received) -> bytes | None:
        return next(rest)

    return reply


@dataclass
class Receiver:
    """What came, and how it is answered."""

    reply: Reply = ok
    received: list[Received] = field(default_factory=list)
    port: int = 0
    opened: int = 0
    all_closed: asyncio.Event = field(default_factory=asyncio.Event)
    _open: set[int] = field(default_factory=set)
    _serving: dict[asyncio.Task[None], asyncio.StreamWriter] = field(default_factory=dict)

    def url(self, path: str = "/cb", *, scheme: str = "http", host: str = "127.0.0.1") -> str:
        return f"{scheme}://{host}:{self.port}{path}"

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Somebody has connected."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._serving[task] = writer
        task.add_done_callback(self._serving.pop)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.opened += 1
        number = self.opened
        self._open.add(number)
        self.all_closed.clear()
        try:
            while await self._answer(number, reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()
            self._open.discard(number)
            if not self._open:
                self.all_closed.set()

    async def end(self) -> None:
        """Leave all connections, whatever is said on them."""
        await _turns()  # who has just come in is known soon
        for task, writer in self._serving.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)
        await _turns()

    async def _answer(self, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")[:-2]
        method, target, _ = first.split(" ")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        received = Received(method, target, headers, body, number)
        self.received.append(received)
        reply = await self.reply(received)
        writer.write(reply or b"")
        await writer.drain()
        return reply is not None and b"Connection: close" not in reply


@asynccontextmanager
async def receiving(reply: Reply = ok, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver that listens while the block runs."""
    receiver = Receiver(reply)
    server = await asyncio.start_server(receiver.accept, "127.0.0.1", 0, ssl=tls)
    receiver.port = server.sockets[0].getsockname()[1]
    try:
        yield receiver
    finally:
        server.close()
        await receiver.end()


@contextmanager
def nobody() -> Iterator[int]:
    """A port where nobody listens, and nobody else can while the block runs."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield bound.getsockname()[1]


def run(play: Coroutine[Any, Any, None]) -> None:
    """Play in a new event loop, but not for ever."""
    asyncio.run(asyncio.wait_for(play, 30))


class Names:
    """A resolver that says what a test wants, and counts how often it was asked."""

    def __init__(self, *answers: Sequence[str]) -> None:
        self._answers = iter(answers)
        self.asked: list[tuple[str, int]] = []

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        self.asked.append((host, port))
        return next(self._answers)


async def ask(connections: Connections, url: str, limits: CallbackTimeouts = EVER) -> Answer:
    deadline = asyncio.get_running_loop().time() + limits.total
    return await connections.ask(Callback("POST", url, (("Accept", "*/*"),), b"a=b"), limits, deadline)


async def ask_once(url: str, **options: Any) -> Answer:  # noqa: ANN401  of Connections
    made = Connections(**options)
    try:
        return await ask(made, url)
    finally:
        await made.aclose()
