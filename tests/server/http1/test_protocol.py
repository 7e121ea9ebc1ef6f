"""The asyncio side of a connection, on a transport without a network, at a time that the test chooses."""

import asyncio
import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import uvicorn
from support.fake_transport import FakeTransport
from uvicorn.server import ServerState

from emulator.endpoints.asgi import CONNECTION, HALF_CLOSED, BufferedRequest, RenderedResponse
from emulator.engine.capacity import MemoryAccount
from emulator.server.connection_memory import UnsentResponses
from emulator.server.http1.connection import MAX_DISCARDED
from emulator.server.http1.protocol import (
    BODY_TIMEOUT,
    HEAD_TIMEOUT,
    KEEP_ALIVE,
    LINGER,
    MIN_READ,
    TASK_SIZE,
    WRITE_TIMEOUT,
    Http1Protocol,
    Http1Service,
)
from emulator.server.http1.scheduler import MAX_REQUESTS, ConnectionScheduler
from emulator.server.websocket import WebSocketProtocol
from emulator.wire.errors import ErrorSpec

POST = b"POST /p?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
GET = b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n"
WEBSOCKET = (
    b"GET /signal HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MALFORMED = b"HTTP/1.1 400 request-malformed\r\n\r\n"
INTERNAL = b"HTTP/1.1 500 internal-error\r\n\r\n"
CLOSE = b"connection: close\r\n"
TOO_MANY = b"HTTP/1.1 429 too-many-requests\r\n\r\n"


def ok(body: bytes = b"", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(body), more, body)


def render(problem: ErrorSpec) -> bytes:
    return b"HTTP/1.1 %d %b\r\n\r\n" % (problem.status, problem.name.encode())


class Seen(NamedTuple):
    """A request as the application got it."""

    method: str
    target: str
    body: bytes


class Client:
    """The other end of a connection to an application that answers 200 with the body it got.

    Args:
        loop: the event loop.
        turn: of the server.
        has_tasks: whether every request is answered by a task.
        is_secure: whether the connection looks like TLS.
        unsent: of the server; None = of this connection alone.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turn: ConnectionScheduler,
        *,
        has_tasks: bool,
        is_secure: bool = False,
        unsent: UnsentResponses | None = None,
    ) -> None:
        self.loop = loop
        self.has_tasks = has_tasks
        self.seen: list[Seen] = []
        self.lost: list[bytes] = []
        self.disconnects = 0
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.application: Callable[[Any, Any, Any], Any] = self.echo
        self.state = ServerState()
        account = MemoryAccount(10_000_000)
        self.memory, self.unsent = account["request_bodies"], account["unsent_responses"]
        self.in_progress = account["requests_in_progress"]
        service = Http1Service(
            render_error=render,
            answer=self.answer,
            turn=turn,
            memory=self.memory,
            in_progress=self.in_progress,
            unsent=unsent or UnsentResponses(self.unsent),
        )
        made = type("Protocol", (Http1Protocol,), {"service": service})
        config = uvicorn.Config(self.run, http=made, interface="asgi3", ws="none", lifespan="off", log_config=None)
        config.load()
        self.transport = FakeTransport(is_secure=is_secure)
        self.protocol: Http1Protocol = made(config=config, server_state=self.state, app_state={}, _loop=loop)
        self.transport.set_protocol(self.protocol)
        self.protocol.connection_made(self.transport)

    def service_turn(self) -> None:
        """One turn of the event loop."""
        self.protocol.service.turn.run(self.loop)

    def answer(self, request: BufferedRequest) -> RenderedResponse | None:
        if self.has_tasks or not self.may_answer.is_set():
            return None
        self.seen.append(Seen(request.method, request.target, request.body))
        length = b"content-length: %d\r\n" % len(request.body)
        return RenderedResponse(200, length, request.body, lambda: self.lost.append(request.body))

    async def run(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        await self.application(scope, receive, send)

    async def body_of(self, receive: Any) -> bytes | None:  # noqa: ANN401
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                self.disconnects += 1
                return None
            body += event["body"]
            if not event["more_body"]:
                return body

    async def echo(self, scope: Any, receive: Any, _send: Any) -> None:  # noqa: ANN401
        if scope["type"] == "websocket" or (body := await self.body_of(receive)) is None:
            return
        target = scope["raw_path"].decode() + ("?" + scope["query_string"].decode() if scope["query_string"] else "")
        self.seen.append(Seen(scope["method"], target, body))
        await self.may_answer.wait()
        length = b"content-length: %d\r\n" % len(body)
        connection = scope["extensions"][CONNECTION]
        connection.respond(RenderedResponse(200, length, body, lambda: self.lost.append(body)))

    def send(self, *pieces: bytes) -> bytes:
        """Deliver pieces, one read each; returns what was written since."""
        before = len(self.transport.written)
        for piece in pieces:
            if not self.transport.is_closed:
                self.protocol.data_received(piece)
            self.settle()
        return self.transport.written[before:]

    def send_eof(self) -> bool:
        """As asyncio does it: whether the connection stays open."""
        stays = self.protocol.eof_received()
        if not stays:
            self.transport.close()
        self.settle()
        return stays

    def settle(self, turns: int = 30) -> None:
        """Let the application do all it can."""

        async def turn() -> None:
            for _ in range(turns):
                await asyncio.sleep(0)

        self.loop.run_until_complete(turn())

    def leave(self) -> None:
        self.may_answer.set()
        self.transport.is_closed = True
        self.transport.get_protocol().connection_lost(None)  # type: ignore[attr-defined]
        self.settle()

    def seconds_until_closed(self, most: int = 1000) -> int | None:
        """How long a connection lives on, looked at once a second; None when longer than `most`."""
        for second in range(most):
            self.protocol.check_timeouts(second)
            if self.transport.is_closed:
                return second
        return None


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


Connect = Callable[..., Client]


@pytest.fixture(params=[pytest.param(True, id="task"), pytest.param(False, id="no task")])
def connect(loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest) -> Iterator[Connect]:
    clients: list[Client] = []
    turn = ConnectionScheduler()

    def connect(*, is_secure: bool = False) -> Client:
        clients.append(Client(loop, turn, has_tasks=request.param, is_secure=is_secure))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()


@pytest.fixture
def client(connect: Connect) -> Client:
    return connect()


@pytest.fixture
def asgi(loop: asyncio.AbstractEventLoop) -> Iterator[Client]:
    """A client whose requests are all answered by a task."""
    client = Client(loop, ConnectionScheduler(), has_tasks=True)
    yield client
    client.leave()


# --- requests and responses


def test_a_request_is_answered(client: Client) -> None:
    assert client.send(POST) == ok(b"body")
    assert client.seen == [Seen("POST", "/p?q=1", b"body")]


def test_a_request_in_pieces_is_answered(client: Client) -> None:
    assert client.send(*(POST[at : at + 1] for at in range(len(POST)))) == ok(b"body")


def test_pipelined_requests_are_answered(client: Client) -> None:
    assert client.send(POST + GET + POST) == ok(b"body") + ok() + ok(b"body")


def test_many_pipelined_requests(client: Client) -> None:
    """Two thousand are answered."""
    client.send(POST * 2000)
    client.settle(5000)

    assert client.transport.written == ok(b"body") * 2000


def test_requests_wait_for_an_open_response(client: Client) -> None:
    client.may_answer.clear()
    assert client.send(POST * 2000) == b""
    assert client.transport.is_reading_paused

    client.may_answer.set()
    client.settle(5000)
    assert client.transport.written == ok(b"body") * 2000
    assert not client.transport.is_reading_paused


def test_malformed_bytes_wait_for_their_turn(client: Client) -> None:
    client.may_answer.clear()
    client.send(POST + b"garbage\r\n\r\n", b"more")
    client.may_answer.set()
    client.settle()

    assert client.transport.written == ok(b"body") + MALFORMED
    assert client.transport.has_eof
    assert not client.transport.is_closed


def test_100_continue_is_sent_when_asked_for(asgi: Client) -> None:
    head = POST.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue")[:-4]

    assert asgi.send(head) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert asgi.send(b"body") == ok(b"body")


def test_all_are_read_before_any_is_served(loop: asyncio.AbstractEventLoop) -> None:
    """And all are served before any response is sent."""
    turn = ConnectionScheduler()
    clients = [Client(loop, turn, has_tasks=False) for _ in range(120)]
    sent = [client.transport.write for client in clients]
    seen: list[int] = []
    for client, write in zip(clients, sent, strict=True):
        client.transport.write = lambda data, write=write: (  # type: ignore[method-assign, misc]
            seen.append(sum(len(one.seen) for one in clients)),
            write(data),
        )[1]
        client.protocol.data_received(POST)
    assert not any(client.seen for client in clients)

    turn.run(loop)
    assert [client.transport.written for client in clients] == [ok(b"body")] * 120
    assert set(seen) == {120}
    for client in clients:
        client.leave()


def test_connections_take_turns(loop: asyncio.AbstractEventLoop) -> None:
    """A turn serves a bounded number of requests, and who waited longest comes first in the next."""
    turn = ConnectionScheduler()
    clients = [Client(loop, turn, has_tasks=False) for _ in range(150)]
    for client in clients:
        client.protocol.data_received(POST * 60)

    counts: list[int] = []
    while not all(client.seen for client in clients):
        before = sum(len(client.seen) for client in clients)
        turn.run(loop)
        counts.append(sum(len(client.seen) for client in clients) - before)

    assert max(counts) < MAX_REQUESTS + 32
    assert len(counts) <= 150 * 32 / MAX_REQUESTS + 1
    clients[0].settle(500)
    assert [client.transport.written for client in clients] == [ok(b"body") * 60] * 150
    for client in clients:
        client.leave()


def test_a_large_piece_is_counted_at_once(loop: asyncio.AbstractEventLoop) -> None:
    client = Client(loop, ConnectionScheduler(), has_tasks=False)
    client.protocol.data_received(POST * 200)
    assert client.seen == []
    assert client.memory.bytes > 4096

    client.settle(50)
    assert client.transport.written == ok(b"body") * 200
    client.leave()


@pytest.mark.parametrize("step", ["write", "answer"])
def test_failing_connection_is_aborted_alone(
    caplog: pytest.LogCaptureFixture, loop: asyncio.AbstractEventLoop, step: str
) -> None:
    turn = ConnectionScheduler()
    broken, sound = (Client(loop, turn, has_tasks=False) for _ in range(2))
    if step == "write":
        broken.transport.write = lambda _data: 1 / 0  # type: ignore[assignment]
    else:
        broken.protocol.follow = lambda: 1 // 0  # type: ignore[method-assign]
    broken.protocol.data_received(POST)
    sound.protocol.data_received(POST)
    sound.settle()

    assert sound.transport.written == ok(b"body")
    assert broken.transport.is_closed
    assert "ZeroDivisionError" in caplog.text
    sound.leave()
    broken.leave()


# --- the application


async def streams(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body", "body": b"a", "more_body": True})
    await send({"type": "http.response.body", "body": b"b"})


def test_a_streamed_response_is_chunked(asgi: Client) -> None:
    asgi.application = streams

    assert asgi.send(GET) == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n"


def test_a_stream_waits_for_a_slow_reader(asgi: Client) -> None:
    asgi.application = streams
    asgi.transport.reads = False
    asgi.send(GET)
    written = asgi.transport.written
    asgi.transport.drain()
    asgi.settle()

    assert not written.endswith(b"0\r\n\r\n")
    assert asgi.transport.written.endswith(b"0\r\n\r\n")


async def fails(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
    raise KeyError("ours")


async def fails_late(_scope: Any, _receive: Any, send: Any) -> None:  # noqa: ANN401
    await send({"type": "http.response.start", "status": 200})
    raise KeyError("ours")


async def is_silent(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
    pass


@pytest.mark.parametrize("application", [fails, is_silent])
def test_no_response_is_an_internal_error(asgi: Client, application: Any) -> None:  # noqa: ANN401
    asgi.application = application

    assert asgi.send(GET) == INTERNAL
    assert asgi.transport.is_closed


def test_half_a_response_is_reset(asgi: Client, caplog: pytest.LogCaptureFixture) -> None:
    asgi.application = fails_late
    asgi.send(GET)

    assert asgi.transport.is_reset
    assert "KeyError" in caplog.text


def test_a_failure_without_a_task_is_a_500(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    client = Client(loop, ConnectionScheduler(), has_tasks=False)
    client.protocol.service.answer = lambda _request: 1 / 0  # type: ignore[assignment,return-value]

    assert client.send(POST.replace(b"q=1", b"token=secret")) == INTERNAL
    assert "secret" not in caplog.text
    client.leave()


def test_a_response_may_come_before_the_body(asgi: Client) -> None:
    asgi.application = streams

    assert CLOSE in asgi.send(POST[:-4])
    assert asgi.transport.has_eof


@pytest.mark.parametrize("kind", ["raw", "truncate", "reset"])
def test_faults(asgi: Client, kind: str) -> None:
    async def application(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
        connection = scope["extensions"][CONNECTION]
        response = RenderedResponse(200, b"content-length: 4\r\n", b"body")
        faults = {
            "raw": lambda: connection.write_raw(b"\x00"),
            "truncate": lambda: connection.truncate(response, 2),
            "reset": connection.reset,
        }
        faults[kind]()

    asgi.application = application
    written = asgi.send(POST + POST)

    assert written == {"raw": b"\x00", "truncate": ok(b"body")[:-2], "reset": b""}[kind]
    assert asgi.transport.is_closed
    assert asgi.transport.is_reset == (kind == "reset")


def test_a_reset_waits_for_earlier_responses(asgi: Client) -> None:
    asgi.transport.reads = False
    asgi.send(POST)
    machine = asgi.protocol.machine
    machine.receive_data(POST)
    cycle = machine.next_request()
    assert cycle is not None
    machine.reset(cycle)
    asgi.protocol.flush()
    assert not asgi.transport.is_closed

    asgi.transport.drain()
    asgi.settle()
    assert (asgi.transport.is_reset, asgi.lost) == (True, [])


def test_a_reset_of_a_closed_socket(asgi: Client) -> None:
    async def reset(scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
        asgi.transport.socket.is_closed = True
        scope["extensions"][CONNECTION].reset()

    asgi.application = reset
    asgi.send(POST)

    assert asgi.transport.is_aborted


# --- what was lost


def test_read_response_is_not_lost(client: Client) -> None:
    client.send(POST)
    client.leave()

    assert client.lost == []


def test_unread_response_is_lost(client: Client) -> None:
    client.transport.reads = False
    client.send(POST)
    assert client.transport.is_reading_paused
    client.leave()

    assert client.lost == [b"body"]


def test_late_read_response_is_not_lost(client: Client) -> None:
    client.transport.reads = False
    client.send(POST)
    client.transport.drain()
    client.leave()

    assert client.lost == []


def test_response_to_a_lost_client_is_lost(client: Client) -> None:
    client.may_answer.clear()
    client.send(POST)
    client.leave()

    assert client.lost == [b"body"]


def test_failed_write_loses_the_response(client: Client) -> None:
    client.transport.write = lambda _data: client.transport.close()  # type: ignore[assignment, method-assign]
    client.send(POST)
    client.leave()

    assert client.lost == [b"body"]


@pytest.mark.parametrize("is_closed", [False, True])
def test_a_half_close_may_be_a_close(client: Client, *, is_closed: bool) -> None:
    client.may_answer.clear()
    client.send(POST)
    client.send_eof()
    client.transport.socket.error = 104
    client.transport.socket.is_closed = is_closed
    client.may_answer.set()
    client.settle()
    client.leave()

    assert client.lost == [b"body"]


def test_tls_close_sends_pending_data(connect: Connect) -> None:
    client = connect(is_secure=True)
    client.protocol.data_received(POST)
    stays = client.send_eof()

    assert not stays
    assert client.transport.is_closed
    client.leave()
    assert (client.transport.written == b"") == bool(client.lost)


# --- ends


@pytest.mark.parametrize("more", [b"", POST[:20], POST[:-1]], ids=["nothing", "half a head", "half a body"])
def test_half_close_keeps_due_responses(client: Client, more: bytes) -> None:
    client.may_answer.clear()
    client.send(POST + more)
    stays = client.send_eof()
    client.may_answer.set()
    client.settle()

    assert stays
    assert client.transport.written.count(b"HTTP/1.1") == 1
    assert client.transport.is_closed


def test_eof_with_nothing_due_closes(client: Client) -> None:
    client.send(POST)
    client.send_eof()

    assert client.transport.is_closed


def test_an_application_sees_a_half_close(asgi: Client) -> None:
    seen: list[bool] = []

    async def application(scope: Any, receive: Any, _send: Any) -> None:  # noqa: ANN401
        await asgi.body_of(receive)
        await receive()
        seen.append(HALF_CLOSED in scope["extensions"])

    asgi.application = application
    asgi.send(POST)
    asgi.send_eof()

    assert seen == [True]


def test_an_application_sees_a_client_leave(asgi: Client) -> None:
    asgi.send(POST[:-1])
    asgi.leave()

    assert (asgi.disconnects, asgi.seen) == (1, [])


@pytest.mark.parametrize("sent", [b"", POST[:10], POST[:-1], POST, POST + POST[:-1]])
def test_a_client_may_leave_at_any_time(client: Client, sent: bytes) -> None:
    client.send(sent)
    client.leave()

    assert len(client.seen) == sent.count(b"body")
    assert client.state.connections == set()
    assert client.state.tasks == set()


def test_shutdown_answers_what_was_received(client: Client) -> None:
    client.may_answer.clear()
    client.send(POST * 100 + POST[:-1])
    client.protocol.shutdown()
    client.may_answer.set()
    client.settle(500)

    assert client.transport.written == ok(b"body") * 99 + ok(b"body", CLOSE)
    assert client.transport.is_closed
    assert client.protocol.is_closing


def test_shutdown_closes_an_idle_connection(client: Client) -> None:
    client.send(POST)
    client.protocol.shutdown()
    client.settle()

    assert client.transport.is_closed


def test_sending_client_is_paused(client: Client) -> None:
    """After an error, the server discards a limited amount of data."""
    client.send(b"\x00")
    client.send(b"a" * MAX_DISCARDED)

    assert client.transport.is_reading_paused


def test_an_abort_is_at_once(client: Client) -> None:
    client.protocol.abort()
    client.leave()
    client.protocol.abort()

    assert client.transport.is_aborted


# --- timeouts


@pytest.mark.parametrize(
    ("sent", "seconds", "is_aborted"),
    [
        pytest.param(b"", HEAD_TIMEOUT, False, id="nothing"),
        pytest.param(POST, KEEP_ALIVE, False, id="a request"),
        pytest.param(POST + b"\r\n", KEEP_ALIVE, False, id="a line end behind a request"),
        pytest.param(POST[:9], HEAD_TIMEOUT, True, id="half a head"),
        pytest.param(POST + POST[:9], HEAD_TIMEOUT, True, id="half a second head"),
        pytest.param(POST[:-1], BODY_TIMEOUT, True, id="half a body"),
        pytest.param(b"\x00", LINGER, True, id="malformed bytes"),
    ],
)
def test_client_that_stops_sending_is_closed(client: Client, sent: bytes, seconds: int, *, is_aborted: bool) -> None:
    client.send(sent)

    assert (client.seconds_until_closed(), client.transport.is_aborted) == (seconds, is_aborted)


@pytest.mark.parametrize(
    ("start", "piece", "limit"),
    [(GET[:-2], b"X: y\r\n", HEAD_TIMEOUT), (POST[:-4].replace(b"4", b"99"), b"a", BODY_TIMEOUT)],
)
def test_slow_bytes_do_not_extend_timeouts(client: Client, start: bytes, piece: bytes, limit: int) -> None:
    client.send(start)
    for second in range(limit + 1):
        client.send(piece)
        client.protocol.check_timeouts(second)

    assert client.transport.is_aborted


def test_each_request_has_its_own_timeout(client: Client) -> None:
    for turn in range(3):
        client.send(POST[:9])
        for second in range(HEAD_TIMEOUT):
            client.protocol.check_timeouts(turn * HEAD_TIMEOUT + second)
        client.send(POST[9:])

    assert client.transport.written == ok(b"body") * 3


def test_an_open_response_has_no_timeout(client: Client) -> None:
    client.may_answer.clear()
    client.send(POST)

    assert client.seconds_until_closed() is None


@pytest.mark.parametrize("sent", [POST, POST + b"\x00"], ids=["open", "ended"])
def test_client_that_stops_reading_is_closed(client: Client, sent: bytes) -> None:
    client.transport.reads = False
    client.send(sent)

    assert client.seconds_until_closed() == WRITE_TIMEOUT
    assert client.transport.is_aborted


def test_a_client_that_reads_slowly_is_not(client: Client) -> None:
    client.transport.reads = False
    client.send(POST)
    client.transport.buffered = 10 * MIN_READ
    for second in range(5 * WRITE_TIMEOUT):
        client.transport.buffered -= (second % 50 == 0) * MIN_READ
        client.protocol.check_timeouts(second)

    assert not client.transport.is_closed


def test_a_client_that_reads_byte_by_byte_is(client: Client) -> None:
    client.transport.reads = False
    client.send(POST)
    client.transport.buffered = 1000
    for second in range(WRITE_TIMEOUT + 1):
        client.transport.buffered -= 1
        client.protocol.check_timeouts(second)

    assert client.transport.is_aborted


def test_ended_connection_has_no_timeout(client: Client) -> None:
    client.leave()
    client.transport.is_aborted = False
    for second in range(200):
        client.protocol.check_timeouts(second)

    assert not client.transport.is_aborted


# --- upgrades


@pytest.mark.parametrize("before", [b"", POST], ids=["first", "second"])
def test_a_websocket_is_handed_over(client: Client, before: bytes) -> None:
    client.send(before)
    client.send(WEBSOCKET)

    assert isinstance(client.transport.protocol, WebSocketProtocol)
    assert client.state.connections == {client.transport.protocol}


def test_a_websocket_and_eof_at_once(client: Client) -> None:
    async def accept(_scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401
        await receive()
        await send({"type": "websocket.accept"})
        client.seen.append((await receive())["type"])

    client.application = accept
    client.protocol.data_received(WEBSOCKET)
    client.protocol.data_received(b"\x81\x80abcd")
    client.send_eof()

    assert client.transport.written.startswith(b"HTTP/1.1 101 ")
    assert client.seen == ["websocket.receive"]
    assert client.transport.is_closed


def test_a_websocket_waits_for_a_slow_reader(client: Client) -> None:
    client.transport.reads = False
    client.send(POST)
    client.protocol.machine.receive_data(WEBSOCKET)
    client.protocol.flush()
    assert client.transport.protocol is client.protocol

    client.transport.drain()
    client.settle()
    assert client.transport.protocol is not client.protocol
    assert not client.transport.is_reading_paused
    assert client.lost == []


# --- nothing is left


@pytest.mark.parametrize("sent", [b"", POST, POST[:-1], b"\x00", POST + WEBSOCKET, WEBSOCKET])
def test_ended_connection_is_collected(client: Client, sent: bytes) -> None:
    client.send(POST)
    gc.collect()
    gc.disable()
    try:
        client.send(sent)
        client.leave()
        left = [weakref.ref(client.protocol), weakref.ref(client.protocol.machine)]
        if client.transport.protocol is not client.protocol:
            left.append(weakref.ref(client.transport.get_protocol()))
        client.transport.protocol = None
        stand_in = client.protocol
        del client.protocol, stand_in
        assert [ref() for ref in left] == [None] * len(left)  # type: ignore[operator]
    finally:
        gc.enable()
        client.leave = lambda: None  # type: ignore[method-assign]


# --- memory


def upload(size: int) -> bytes:
    return b"POST /u HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size


def test_a_body_counts_until_its_response(client: Client) -> None:
    client.may_answer.clear()
    client.send(upload(40_000) + b"a" * 30_000)
    client.send(b"a" * 10_000)

    assert 40_000 < client.memory.bytes < 41_500
    client.may_answer.set()
    client.settle()
    assert client.memory.bytes == 0


def test_a_lost_connection_counts_no_more(client: Client) -> None:
    client.may_answer.clear()
    client.send(upload(40_000) + b"a" * 30_000)
    assert client.memory.bytes > 30_000
    client.protocol.connection_lost(None)

    assert client.memory.bytes == 0


def test_a_body_beyond_the_bound_is_refused(client: Client) -> None:
    client.memory.max_bytes = 20_000
    written = client.send(upload(40_000) + b"a" * 10_000, b"a" * 20_000)

    assert written == TOO_MANY
    assert client.seen == []
    client.transport.close()
    client.settle()
    assert client.memory.bytes == 0


def test_requests_before_a_refusal_complete(client: Client) -> None:
    client.memory.max_bytes = 20_000
    client.may_answer.clear()
    client.send(POST + upload(40_000) + b"a" * 30_000)
    client.may_answer.set()
    client.settle()

    assert client.transport.written == ok(b"body") + TOO_MANY


def test_complete_request_without_room(asgi: Client) -> None:
    """It is refused with 429."""
    asgi.memory.max_bytes = 20_000

    assert asgi.send(upload(30_000) + b"a" * 30_000) == TOO_MANY
    assert (asgi.seen, asgi.memory.bytes) == ([], 0)


def test_number_of_tasks_is_limited(asgi: Client) -> None:
    asgi.in_progress.max_bytes = TASK_SIZE - 1
    refused = asgi.send(GET)
    asgi.in_progress.max_bytes = TASK_SIZE

    assert (refused, asgi.seen, asgi.in_progress.bytes) == (TOO_MANY, [], 0)


def test_probes_are_answered_at_any_limit(asgi: Client) -> None:
    asgi.in_progress.max_bytes = 0

    assert asgi.send(b"GET /livez HTTP/1.1\r\nHost: x\r\n\r\n") == ok()
    assert (asgi.in_progress.entries, asgi.in_progress.bytes) == (0, 0)


def test_a_request_in_progress_counts(asgi: Client) -> None:
    asgi.may_answer.clear()
    asgi.send(GET)
    assert (asgi.in_progress.entries, asgi.in_progress.bytes) == (1, TASK_SIZE)
    asgi.may_answer.set()
    asgi.settle()

    assert (asgi.in_progress.entries, asgi.in_progress.bytes) == (0, 0)


def test_ordinary_requests_need_no_room(asgi: Client) -> None:
    asgi.memory.max_bytes = 0

    assert asgi.send(POST + GET) == ok(b"body") + ok()


def test_accepted_requests_need_no_room(asgi: Client) -> None:
    """They are in memory: they count, whatever the bound, and the client is not read from meanwhile."""
    asgi.memory.max_bytes = 20_000
    asgi.may_answer.clear()
    asgi.send(POST, *[POST.replace(b"Host: x", b"Host: x\r\nX: " + b"a" * 4000)] * 6)
    assert asgi.transport.is_reading_paused
    assert asgi.memory.bytes > 20_000

    asgi.may_answer.set()
    asgi.settle()
    assert asgi.transport.written == ok(b"body") * 7
    assert not asgi.transport.is_reading_paused
    assert asgi.memory.bytes == 0


def test_heads_that_do_not_end_count(client: Client) -> None:
    client.memory.max_bytes = 50_000
    written = client.send(GET[:-2] + b"X: " + b"a" * 40_000, b"a" * 10_000)

    assert written == TOO_MANY
    assert client.memory.bytes == 0


# --- responses that are not read


def test_unread_responses_count(client: Client) -> None:
    client.transport.reads = False
    client.send(upload(50_000) + b"a" * 50_000)
    assert (client.unsent.bytes, client.unsent.entries) == (client.transport.buffered, 1)
    assert client.unsent.bytes > 50_000

    client.transport.buffered = 10
    client.protocol.check_timeouts(1)
    assert client.unsent.bytes == 10
    client.transport.drain()
    assert (client.unsent.bytes, client.unsent.entries) == (0, 0)


def test_a_lost_client_has_nothing_unread(client: Client) -> None:
    client.transport.reads = False
    client.send(POST)
    client.leave()

    assert (client.unsent.bytes, client.unsent.entries) == (0, 0)


def test_slowest_reader_is_aborted(loop: asyncio.AbstractEventLoop, caplog: pytest.LogCaptureFixture) -> None:
    """The connection that waits longest is aborted and its response lost; the newest never is for its own size."""
    turn = ConnectionScheduler()
    bound = MemoryAccount()["unsent_responses"]
    bound.max_bytes = 90_000
    unsent = UnsentResponses(bound)
    clients = [Client(loop, turn, has_tasks=False, unsent=unsent) for _ in range(3)]
    for client in clients:
        client.transport.reads = False
        client.send(upload(40_000) + b"a" * 40_000)
    assert [client.transport.is_aborted for client in clients] == [True, False, False]

    clients[2].transport.buffered = 200_000
    clients[2].protocol.check_timeouts(1)
    assert [client.transport.is_aborted for client in clients] == [True, True, False]
    for client in clients:
        client.leave()
    assert [client.lost for client in clients] == [[b"a" * 40_000]] * 3
    assert "unread bytes: unsent_responses is full" in caplog.text
    assert (bound.entries, bound.bytes) == (0, 0)


def test_tls_is_given_a_little_at_a_time(connect: Connect) -> None:
    """TLS counts as unsent only what it has not encrypted."""
    client = connect(is_secure=True)
    sizes: list[int] = []
    write = client.transport.write
    client.transport.write = lambda data: (sizes.append(len(data)), write(data))[1]  # type: ignore[method-assign]
    client.send(upload(200_000) + b"a" * 200_000)
    client.settle(200)

    assert len(client.transport.written) > 200_000
    assert max(sizes) <= 65_536


# --- turns of the event loop


def test_many_requests_yield_to_the_loop(loop: asyncio.AbstractEventLoop) -> None:
    client = Client(loop, ConnectionScheduler(), has_tasks=False)
    client.protocol.data_received(GET * 1000)
    client.protocol.data_received(GET * 200)
    client.service_turn()
    assert len(client.seen) == 32
    client.service_turn()
    assert len(client.seen) == 64

    client.settle(100)
    assert client.transport.written == ok() * 1200
    client.leave()


def test_a_client_may_leave_between_turns(loop: asyncio.AbstractEventLoop) -> None:
    client = Client(loop, ConnectionScheduler(), has_tasks=False)
    client.protocol.data_received(GET * 1000)
    client.service_turn()
    client.leave()
    client.settle()

    assert len(client.seen) == 32
