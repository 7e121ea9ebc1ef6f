"""The WebSocket on a transport without a network, at a time that the test chooses."""

import asyncio
import gc
import logging
import weakref
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from support.fake_transport import FakeTransport
from uvicorn.server import ServerState
from websockets.frames import Frame, Opcode

from emulator.engine.capacity import MemoryAccount
from emulator.server.connection_memory import UnsentResponses
from emulator.server.websocket import CLOSE_TIMEOUT, PING_INTERVAL, WebSocketProtocol, _encode

HANDSHAKE = (
    b"GET /signal?a=b HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
ACCEPTED = b"HTTP/1.1 101 "


def frame(opcode: Opcode, data: bytes = b"", *, fin: bool = True) -> bytes:
    return Frame(opcode, data, fin).serialize(mask=True)


def text(data: str) -> bytes:
    return frame(Opcode.TEXT, data.encode())


class Client:
    """The other end of a WebSocket to an application that keeps what it receives."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.received: list[Any] = []
        self.may_receive = asyncio.Event()
        self.may_receive.set()
        self.application: Any = self.keep
        self.state = ServerState()
        config = uvicorn.Config(
            self.run, interface="asgi3", ws="none", lifespan="off", log_config=None, ws_max_size=9999
        )
        config.load()
        self.transport = FakeTransport()
        account = MemoryAccount(10_000_000)
        self.memory, self.unsent = account["request_bodies"], account["unsent_responses"]
        self.protocol = WebSocketProtocol(
            config,
            self.state,
            loop,
            {"type": "http", "scheme": "http"},
            memory=self.memory,
            unsent=UnsentResponses(self.unsent),
        )
        self.transport.set_protocol(self.protocol)
        self.transport.set_write_buffer_limits(high=0, low=0)
        self.protocol.connection_made(self.transport)

    async def run(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        await self.application(scope, receive, send)

    async def keep(self, _scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        while True:
            await self.may_receive.wait()
            message = await receive()
            if message["type"] == "websocket.disconnect":
                self.received.append(message["code"])
                return
            self.received.append(message.get("text") or message.get("bytes"))

    def open(self, handshake: bytes = HANDSHAKE, rest: bytes = b"") -> "Client":
        self.protocol.open(handshake, rest)
        self.settle()
        return self

    def send(self, data: bytes) -> bytes:
        before = len(self.transport.written)
        self.protocol.data_received(data)
        self.settle()
        return self.transport.written[before:]

    def settle(self) -> None:
        async def turn() -> None:
            for _ in range(50):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    def leave(self) -> None:
        self.may_receive.set()
        self.transport.is_closed = True
        self.protocol.connection_lost(None)
        self.settle()

    def seconds_until_closed(self, most: int = 200) -> int | None:
        for second in range(most):
            self.protocol.check_timeouts(second)
            if self.transport.is_closed:
                return second
        return None


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


@pytest.fixture
def client(loop: asyncio.AbstractEventLoop) -> Iterator[Client]:
    client = Client(loop)
    yield client
    client.leave()
    assert (client.state.connections, client.state.tasks) == (set(), set())


# --- the opening handshake


def test_a_handshake_is_accepted(client: Client) -> None:
    client.open()

    assert client.transport.written.startswith(ACCEPTED)
    assert client.state.connections == {client.protocol}


def test_frames_behind_a_handshake_are_read(client: Client) -> None:
    client.open(rest=text("a") + text("b"))
    client.send(text("c"))

    assert client.received == ["a", "b", "c"]


@pytest.mark.parametrize(
    "rest",
    [b"\xff\xff\xff\xff", b"\x00" * 100, frame(Opcode.CLOSE, b"\x00\x00")],
    ids=["reserved bits", "not masked", "a code of 0"],
)
def test_bad_frames_behind_a_handshake(client: Client, rest: bytes) -> None:
    client.open(rest=rest)

    assert client.transport.written.startswith(ACCEPTED)
    assert client.transport.has_eof
    assert client.received == [1002]


@pytest.mark.parametrize(
    ("old", "new", "status"),
    [
        (b"Version: 13", b"Version: 8", 400),
        (b"AAAAAAAAAAAAAAAAAAAAAA==", b"short", 400),
        (b"Host: x\r\n", b"Host: x\r\n" + b"A: b\r\n" * 200, 431),
        (b"Host: x", b"Host: x\r\nA: " + b"b" * 9000, 431),
        (b"/signal", b"/signal?" + b"b" * 9000, 431),
    ],
)
def test_a_bad_handshake_is_refused(client: Client, old: bytes, new: bytes, status: int) -> None:
    client.open(HANDSHAKE.replace(old, new), rest=text("a"))

    assert client.transport.written.startswith(b"HTTP/1.1 %d " % status)
    assert client.transport.written.count(b"HTTP/1.1") == 1
    assert client.transport.has_eof or client.transport.is_closed
    assert client.received == []


def test_an_application_may_reject(client: Client) -> None:
    async def reject(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        await send({"type": "websocket.close"})

    client.application = reject
    client.open()

    assert client.transport.written.startswith(b"HTTP/1.1 403 ")
    assert client.transport.has_eof


async def fails(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
    raise KeyError("ours")


async def fails_late(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
    await send({"type": "websocket.accept"})
    raise KeyError("ours")


async def sends_nonsense(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
    await send({"type": "http.response.start"})


@pytest.mark.parametrize(
    ("application", "start", "end"),
    [
        (fails, b"HTTP/1.1 500 ", b"\r\n\r\n"),
        (sends_nonsense, b"HTTP/1.1 500 ", b"\r\n\r\n"),
        (fails_late, ACCEPTED, Frame(Opcode.CLOSE, b"\x03\xf3").serialize(mask=False)),
    ],
)
def test_internal_error_ends_the_websocket(
    client: Client,
    caplog: pytest.LogCaptureFixture,
    application: Any,  # noqa: ANN401
    start: bytes,
    end: bytes,
) -> None:
    client.application = application
    client.open()

    assert client.transport.written.startswith(start)
    assert client.transport.written.endswith(end)
    assert "unexpected failure of a WebSocket" in caplog.text


# --- messages


def test_fragments_are_joined(client: Client) -> None:
    client.open()
    client.send(frame(Opcode.TEXT, b"a\xc3", fin=False))
    client.send(frame(Opcode.CONT, b"", fin=False) * 3000 + frame(Opcode.PING, b"p") + frame(Opcode.CONT, b"\xa4"))
    client.send(frame(Opcode.BINARY, b"\xff"))

    assert client.received == ["aä", b"\xff"]


def test_text_must_be_utf_8(client: Client) -> None:
    client.open()
    written = client.send(frame(Opcode.TEXT, b"\xff"))

    assert written[2:4] == b"\x03\xef"  # 1007
    assert client.received == [1007]


def test_a_message_has_a_bound(client: Client) -> None:
    client.open()
    written = client.send(text("a" * 10_000))

    assert written[2:4] == b"\x03\xf1"  # 1009
    assert client.received == [1009]


def test_unreceived_messages_stop_reading(client: Client) -> None:
    client.open()
    client.may_receive.clear()
    client.send(text("a") * 5000)
    assert client.transport.is_reading_paused

    client.may_receive.set()
    for _ in range(50):
        client.settle()
    assert client.received == ["a"] * 5000
    assert not client.transport.is_reading_paused


def test_pings_of_an_unread_client(client: Client) -> None:
    """Each ping asks for a pong; they do not pile up."""
    client.open()
    client.transport.reads = False
    client.send(frame(Opcode.PING, b"p" * 100) * 5000)

    assert client.transport.buffered < 10_000
    assert client.transport.is_reading_paused
    client.transport.drain()
    client.settle()
    assert client.transport.written.count(b"p" * 100) == 5000


# --- memory


def half(size: int) -> bytes:
    """This many bytes of a longer frame."""
    return frame(Opcode.BINARY, b"a" * 9000)[: size + 8]


@pytest.mark.parametrize(
    "sent",
    [
        frame(Opcode.TEXT, b"a" * 6000, fin=False),
        half(6000),
        frame(Opcode.TEXT, b"a" * 3000, fin=False) + frame(Opcode.CONT, b"a" * 6000)[:3008],
    ],
    ids=["a fragment", "half a frame", "both"],
)
def test_incomplete_messages_count(client: Client, sent: bytes) -> None:
    client.open().send(sent)
    assert 6000 <= client.memory.bytes < 6100

    client.leave()
    assert client.memory.bytes == 0


def test_a_complete_message_counts_no_more(client: Client) -> None:
    client.open().send(frame(Opcode.TEXT, b"a" * 6000, fin=False))
    client.send(frame(Opcode.CONT))

    assert client.received == ["a" * 6000]
    assert client.memory.bytes == 0


def test_unreceived_messages_count(client: Client) -> None:
    client.open()
    client.may_receive.clear()
    client.send(text("a") * 500)
    assert client.memory.bytes > 100_000

    client.may_receive.set()
    client.settle()
    assert (len(client.received), client.memory.bytes) == (500, 0)


@pytest.mark.parametrize(
    "sent", [frame(Opcode.TEXT, b"a" * 6000, fin=False), half(6000)], ids=["whole frame", "half a frame"]
)
def test_a_message_without_room_closes(client: Client, caplog: pytest.LogCaptureFixture, sent: bytes) -> None:
    client.open()
    client.memory.max_bytes = 5000
    written = client.send(sent)

    assert written[2:4] == b"\x03\xf5"  # 1013
    assert b"request_bodies reached" in written
    assert client.received == [1013]
    assert client.memory.bytes == 0
    assert "closed a WebSocket: request_bodies reached" in caplog.text


def test_a_handshake_without_room_is_refused(client: Client) -> None:
    client.memory.max_bytes = 5000
    client.protocol.open(HANDSHAKE, b"")
    client.protocol.data_received(b"a" * 10_000)
    client.settle()

    assert client.transport.written.startswith(b"HTTP/1.1 503 ")
    assert client.memory.bytes == 0


def test_unread_messages_count(client: Client) -> None:
    client.open()
    client.transport.reads = False
    client.send(frame(Opcode.PING, b"p" * 100))
    assert (client.unsent.entries, client.unsent.bytes) == (1, client.transport.buffered)

    client.transport.drain()
    assert (client.unsent.entries, client.unsent.bytes) == (0, 0)


def test_headers_may_have_any_byte(client: Client) -> None:
    seen: list[bytes] = []

    async def keep(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
        seen.append(dict(scope["headers"])[b"x-a"])

    client.application = keep
    client.open(HANDSHAKE.replace(b"Host: x", b"Host: x\r\nX-A: \xe9"))

    assert seen == [b"\xe9"]


@pytest.mark.parametrize("decoded", ["\xe9", "\udce9"], ids=["Latin-1", "ASCII with surrogates"])
def test_any_split_decodes_to_the_same(decoded: str) -> None:
    assert _encode(decoded) == b"\xe9"


# --- slow readers


def test_sending_waits_for_a_slow_reader(client: Client) -> None:
    async def talk(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        await send({"type": "websocket.accept"})
        client.transport.reads = False
        for _ in range(100):
            await send({"type": "websocket.send", "bytes": b"x" * 1000})

    client.application = talk
    client.open()
    assert client.transport.buffered < 2000

    client.transport.drain()
    client.settle()
    assert client.transport.written.count(b"x" * 1000) == 100


def test_sending_behind_the_end_fails(client: Client) -> None:
    ends: list[type[Exception]] = []

    async def talk(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        await send({"type": "websocket.accept"})
        await receive()
        await receive()
        try:
            await send({"type": "websocket.send", "text": "a"})
        except ConnectionError as error:
            ends.append(type(error))

    client.application = talk
    client.open()
    client.send(frame(Opcode.CLOSE, b"\x03\xe8"))

    assert ends == [ConnectionError]


def test_accepting_behind_the_end_fails(client: Client) -> None:
    may_accept = asyncio.Event()

    async def accept(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
        await may_accept.wait()
        await send({"type": "websocket.accept"})

    client.application = accept
    client.open()
    client.protocol.connection_lost(None)
    may_accept.set()
    client.settle()

    assert client.transport.written == b""


# --- ends


def test_a_close_is_answered(client: Client) -> None:
    client.open()
    written = client.send(frame(Opcode.CLOSE, b"\x03\xe9"))

    assert written == Frame(Opcode.CLOSE, b"\x03\xe9").serialize(mask=False)
    assert client.received == [1001]
    assert client.transport.has_eof


def test_eof_ends_the_websocket(client: Client) -> None:
    client.open()

    assert not client.protocol.eof_received()
    assert client.transport.is_closed


def test_eof_leaves_time_for_the_handshake(client: Client) -> None:
    client.protocol.open(HANDSHAKE, b"")

    assert client.protocol.eof_received()
    client.settle()
    assert client.transport.written.startswith(ACCEPTED)
    assert client.transport.is_closed


def test_lost_connection_is_a_disconnect(client: Client) -> None:
    client.open()
    client.leave()

    assert client.received == [1006]


@pytest.mark.parametrize("is_open", [True, False])
def test_shutdown_closes_the_websocket(client: Client, *, is_open: bool) -> None:
    if is_open:
        client.open()
    else:
        client.protocol.open(HANDSHAKE, b"")
    client.protocol.shutdown()

    assert client.transport.is_closed
    end = b"\x88\x02\x03\xf4" if is_open else b"HTTP/1.1 503 "
    assert end in client.transport.written


# --- timeouts


def test_client_that_ignores_pings_is_reset(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "emulator.voice")
    client.open()

    assert client.seconds_until_closed() == 2 * PING_INTERVAL
    assert client.transport.is_aborted
    assert "no answer to a ping" in caplog.text


def test_a_client_that_answers_pings_stays(client: Client) -> None:
    client.open()
    for second in range(200):
        client.protocol.check_timeouts(second)
        if client.protocol._ping:
            client.send(frame(Opcode.PONG, b"other") + frame(Opcode.PONG, client.protocol._ping))

    assert not client.transport.is_closed
    assert client.transport.written.count(b"\x89\x04") == 9


def test_client_that_never_closes_is_reset(client: Client) -> None:
    client.open()
    client.send(frame(Opcode.CLOSE, b"\x03\xe8"))

    assert client.protocol.is_closing
    assert client.seconds_until_closed() == CLOSE_TIMEOUT


def test_client_that_never_reads_is_reset(client: Client) -> None:
    client.open()
    client.transport.reads = False
    client.send(frame(Opcode.PING))

    assert not client.protocol.is_closing
    assert client.seconds_until_closed() == CLOSE_TIMEOUT


def test_unanswered_handshake_is_reset(client: Client) -> None:
    client.protocol.open(HANDSHAKE, b"")

    assert client.seconds_until_closed() == 3 * CLOSE_TIMEOUT


# --- nothing is left


@pytest.mark.parametrize(
    "sent",
    [b"", text("a"), b"\xff\xff", frame(Opcode.CLOSE, b"\x03\xe8"), b"\x81"],
    ids=["nothing", "a message", "a bad frame", "a close", "half a frame"],
)
def test_ended_websocket_is_collected(loop: asyncio.AbstractEventLoop, sent: bytes) -> None:
    client = Client(loop)
    gc.collect()
    gc.disable()
    try:
        client.open()
        client.send(sent)
        client.leave()
        left = weakref.ref(client.protocol), weakref.ref(client.protocol._frames)
        client.transport.protocol = None
        del client.protocol
        assert [ref() for ref in left] == [None, None]
    finally:
        gc.enable()
