"""One connection, driven by hand: bytes go in, what the application saw and what was written come out."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import uvicorn
from emulator.server.protocol import MAX_HEAD, PATIENCE, Outbox, Protocol
from uvicorn.server import ServerState

from emulator.endpoints.asgi import Answer, Whole
from emulator.wire.errors import Problem

POST = b"POST /p?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
GET = b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n"
# As Java's HttpClient offers it with every request over plain http.
JAVA = (
    b"POST /p?q=1 HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 4\r\nHost: x\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/21\r\n\r\nbody"
)
MALFORMED = b"HTTP/1.1 400 request-malformed\r\n\r\n"
TOO_LARGE = b"HTTP/1.1 431 head-too-large\r\n\r\n"


class Seen(NamedTuple):
    """A request as the application got it."""

    method: str
    target: bytes
    headers: dict[bytes, bytes]
    body: bytes


class Transport(asyncio.Transport):
    """What a connection writes to, kept."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False
        self.aborted = False
        self.reading = True
        self.protocol: asyncio.BaseProtocol | None = None

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.closed, "written after the end"
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def abort(self) -> None:
        self.closed = self.aborted = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


def render(problem: Problem) -> bytes:
    """What is no request is told the rule that it breaks."""
    return b"HTTP/1.1 %d %b\r\n\r\n" % (problem.status, problem.name.encode())


class Client:
    """The other end of a connection to an application that answers 200 with the body it got.

    Args:
        loop: the event loop.
        at_once: whether it answers a whole request without a task, where it may answer at all.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, *, at_once: bool) -> None:
        self._loop = loop
        self._at_once = at_once
        self.seen: list[Seen] = []
        self.may_answer = asyncio.Event()
        self.may_answer.set()
        self.transport = Transport()
        judged = type(
            "Judged",
            (Protocol,),
            {"render": staticmethod(render), "at_once": staticmethod(self._answer), "outbox": Outbox()},
        )
        config = uvicorn.Config(
            self._application,
            http=judged,
            interface="asgi3",
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            server_header=False,
            date_header=False,
        )
        self.protocol = judged(config=config, server_state=ServerState(), app_state={}, _loop=loop)
        self.protocol.connection_made(self.transport)

    def _answer(self, whole: Whole) -> Answer | None:
        if not (self._at_once and self.may_answer.is_set()):
            return None
        path, _, query = whole.target.encode().partition(b"?")
        self.seen.append(Seen(whole.method, path + b"?" + query, dict(whole.headers), whole.body))
        return Answer(200, b"content-length: %d\r\n" % len(whole.body), whole.body)

    async def _application(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ANN401  ASGI
        body = b""
        while True:
            event = await receive()
            if event["type"] == "http.disconnect":
                return
            body += event["body"]
            if not event["more_body"]:
                break
        target = scope["raw_path"] + b"?" + scope["query_string"]
        self.seen.append(Seen(scope["method"], target, dict(scope["headers"]), body))
        await self.may_answer.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    def send(self, *pieces: bytes) -> bytes:
        """Deliver pieces, one read each, as long as the connection is open; returns what was written since."""
        before = len(self.transport.written)
        for piece in pieces:
            if not self.transport.closed:
                self.protocol.data_received(piece)
            self.settle()
        return self.transport.written[before:]

    def settle(self) -> None:
        """Let the application do all it can."""

        async def turns() -> None:
            for _ in range(20):
                await asyncio.sleep(0)

        self._loop.run_until_complete(turns())

    def leave(self) -> None:
        self.protocol.connection_lost(None)
        self.settle()


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    with asyncio.Runner() as runner:
        yield runner.get_loop()


Connect = Callable[[], Client]


@pytest.fixture(params=[pytest.param(False, id="asgi"), pytest.param(True, id="at once")])
def connect(loop: asyncio.AbstractEventLoop, request: pytest.FixtureRequest) -> Iterator[Connect]:
    clients: list[Client] = []

    def connect() -> Client:
        clients.append(Client(loop, at_once=request.param))
        return clients[-1]

    yield connect
    for client in clients:
        client.leave()


@pytest.fixture
def client(connect: Connect) -> Client:
    return connect()


def ok(body: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)


def head_of(size: int) -> bytes:
    """A whole head of so many bytes."""
    empty = b"GET / HTTP/1.1\r\nX: \r\n\r\n"
    return empty.replace(b"X: ", b"X: " + b"a" * (size - len(empty)))


# --- malformed bytes


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"GET\r\n\r\n", id="no target"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="HTTP/2"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\n\r\n", id="unknown method"),
        pytest.param(b"get / HTTP/1.1\r\n\r\n", id="method in lower case"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="unknown version"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", id="a header without a colon"),
        pytest.param(b"GET / HTTP/1.1\r\nX: \x00\r\n\r\n", id="a NUL in a header"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", id="a path that is not ASCII"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", id="a negative length"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", id="two lengths"),
        pytest.param(b"POST / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", id="an endless length"),
        pytest.param(
            b"POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", id="a length and chunks"
        ),
        pytest.param(b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", id="a chunk of no size"),
        pytest.param(b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com:443\r\n\r\n", id="a tunnel"),
    ],
)
def test_what_is_no_request_is_answered_once_and_closed(client: Client, data: bytes) -> None:
    written = client.send(data)

    assert (written, client.transport.closed) == (MALFORMED, True)


def test_what_comes_after_the_end_is_not_read(client: Client) -> None:
    client.send(b"\x00")
    client.protocol.data_received(POST)
    client.settle()

    assert (client.transport.written, client.seen) == (MALFORMED, [])


def test_a_request_before_malformed_bytes_is_answered_first(client: Client) -> None:
    """A body longer than its Content-Length looks like this; the client must learn that its request was accepted."""
    written = client.send(POST + b"garbage\r\n\r\n")

    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert [seen.body for seen in client.seen] == [b"body"]
    assert client.transport.closed


def test_malformed_bytes_after_an_answer_are_told_so(client: Client) -> None:
    written = client.send(POST, b"garbage\r\n\r\n")

    assert (written, client.transport.closed) == (ok(b"body") + MALFORMED, True)


# --- large heads


def test_a_head_of_64_kib_is_read(client: Client) -> None:
    assert client.send(head_of(MAX_HEAD)) == ok()


@pytest.mark.parametrize("piece", [1000, MAX_HEAD, 10 * MAX_HEAD])
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(head_of(2 * MAX_HEAD), id="one long header"),
        pytest.param(b"GET /" + b"a" * 2 * MAX_HEAD + b" HTTP/1.1\r\n\r\n", id="a long path"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * MAX_HEAD + b"\r\n", id="many headers"),
        pytest.param(head_of(2 * MAX_HEAD)[:-4], id="a head that does not end"),
        pytest.param(b"A" * 2 * MAX_HEAD, id="a method that does not end"),
    ],
)
def test_a_larger_head_is_refused_and_closed_before_its_end(client: Client, head: bytes, piece: int) -> None:
    pieces = [head[at : at + piece] for at in range(0, len(head), piece)]
    written = client.send(*pieces)

    assert written in (TOO_LARGE, MALFORMED)
    assert written == TOO_LARGE or head.startswith(b"AAA")
    assert client.transport.closed
    assert client.seen == []


def test_a_large_body_is_no_large_head(client: Client) -> None:
    body = b"a" * 3 * MAX_HEAD
    request = b"POST / HTTP/1.1\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)

    assert client.send(request) == ok(body)
    assert client.send(request[:100], request[100:]) == ok(body)


# --- upgrades


def without(headers: dict[bytes, bytes], *names: bytes) -> dict[bytes, bytes]:
    return {name: value for name, value in headers.items() if name not in names}


def is_the_request(seen: Seen) -> bool:
    rest = without(seen.headers, b"connection", b"upgrade", b"http2-settings")
    return seen._replace(headers=rest) == Seen(
        "POST", b"/p?q=1", {b"content-length": b"4", b"host": b"x", b"user-agent": b"Java-http-client/21"}, b"body"
    )


def test_an_offer_of_http_2_is_ignored_wherever_the_request_is_split(connect: Connect) -> None:
    clients = {at: connect() for at in range(1, len(JAVA))}
    written = {at: client.send(JAVA[:at], JAVA[at:]) for at, client in clients.items()}

    assert [at for at, text in written.items() if text != ok(b"body")] == []
    assert [at for at, client in clients.items() if not all(map(is_the_request, client.seen))] == []


def test_an_offer_of_http_2_is_ignored_byte_by_byte(client: Client) -> None:
    written = client.send(*(JAVA[at : at + 1] for at in range(len(JAVA))))

    assert written == ok(b"body")
    assert [is_the_request(seen) for seen in client.seen] == [True]


def test_every_request_of_a_connection_may_offer_it(client: Client) -> None:
    assert client.send(JAVA, JAVA, JAVA) == ok(b"body") * 3


def test_pipelined_offers_are_answered_each(client: Client) -> None:
    assert client.send(JAVA * 3) == ok(b"body") * 3


def test_an_offer_with_a_chunked_body_is_ignored(client: Client) -> None:
    chunked = JAVA.replace(b"Content-Length: 4", b"Transfer-Encoding: chunked").replace(
        b"\r\n\r\nbody", b"\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
    )

    assert client.send(chunked) == ok(b"body")


def test_a_request_for_a_websocket_is_an_ordinary_request(client: Client) -> None:
    written = client.send(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"))

    assert written == ok()


SOCKET = (
    b"GET /signal HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


@pytest.mark.parametrize("before", [pytest.param(b"", id="first"), pytest.param(POST, id="second")])
def test_a_websocket_where_there_is_one_is_another_protocols(client: Client, before: bytes) -> None:
    client.send(before)
    client.send(SOCKET)

    assert client.transport.protocol is not None
    assert client.protocol not in client.protocol.connections


def test_a_websocket_that_is_asked_for_behind_an_unanswered_request_is_an_ordinary_request(client: Client) -> None:
    client.may_answer.clear()
    client.send(POST + SOCKET)
    client.may_answer.set()
    client.settle()

    assert [seen.target for seen in client.seen] == [b"/p?q=1", b"/signal?"]


def test_an_old_client_that_offers_an_upgrade_is_closed_as_others_of_its_age(client: Client) -> None:
    written = client.send(JAVA.replace(b"HTTP/1.1", b"HTTP/1.0"))

    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.transport.closed


def test_a_last_request_that_offers_an_upgrade_is_the_last(client: Client) -> None:
    written = client.send(JAVA.replace(b"Connection: ", b"Connection: close, ") + b"more")

    assert written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.transport.closed


# --- pipelining


def test_pipelined_requests_are_answered_in_order(client: Client) -> None:
    written = client.send(POST + GET + POST.replace(b"body", b"more") + GET)

    assert written == ok(b"body") + ok() + ok(b"more") + ok()


def test_pipelined_requests_are_answered_wherever_they_are_split(connect: Connect) -> None:
    both = POST + POST
    written = {at: connect().send(both[:at], both[at:]) for at in range(1, len(both))}

    assert [at for at, text in written.items() if text != ok(b"body") * 2] == []


def test_nothing_is_read_after_a_request_that_closes(client: Client) -> None:
    client.send(POST.replace(b"Host: x", b"Connection: close") + POST)

    assert client.transport.written.count(b"200 OK") == 1
    assert client.transport.closed


# --- patience


def sweeps_until_closed(client: Client, most: int = 3 * PATIENCE) -> int | None:
    """How many sweeps, one a second, a connection outlives; None when it outlives them all."""
    for count in range(1, most):
        client.protocol.sweep()
        if client.transport.closed:
            return count
    return None


@pytest.mark.parametrize(
    "sent",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"POST / HT", id="half a head"),
        pytest.param(POST[:-1], id="half a body"),
        pytest.param(JAVA[:-1], id="half a body after an offer of HTTP/2"),
        pytest.param(POST + POST[:20], id="half a second head"),
    ],
)
def test_a_client_that_stops_sending_is_closed(client: Client, sent: bytes) -> None:
    client.send(sent)

    assert sweeps_until_closed(client) in (PATIENCE, PATIENCE + 1)
    assert client.transport.aborted


def test_a_head_that_drips_is_closed_in_the_same_time(client: Client) -> None:
    client.send(b"GET / HTTP/1.1\r\n")
    for _ in range(PATIENCE + 1):
        client.send(b"X: y\r\n")
        client.protocol.sweep()

    assert client.transport.closed


def test_a_body_that_keeps_coming_is_not_closed(client: Client) -> None:
    client.send(b"POST / HTTP/1.1\r\nContent-Length: 1000\r\n\r\n")
    for _ in range(3 * PATIENCE):
        client.send(b"a")
        client.protocol.sweep()

    assert not client.transport.closed


def test_a_client_that_waits_for_our_answer_is_not_closed(client: Client) -> None:
    client.may_answer.clear()
    client.send(POST)
    survived = sweeps_until_closed(client)
    client.may_answer.set()
    client.settle()

    assert survived is None
    assert client.transport.written == ok(b"body")


def test_an_idle_connection_is_left_to_its_own_timer(client: Client) -> None:
    client.send(POST)

    assert sweeps_until_closed(client) is None
    assert client.protocol.timeout_keep_alive_task is not None


def test_a_line_end_after_a_request_does_not_stop_that_timer(client: Client) -> None:
    """Old clients send one more than they say; the connection must not be kept for ever because of it."""
    client.send(POST, b"\r\n")

    assert client.protocol.timeout_keep_alive_task is not None or sweeps_until_closed(client) is not None


def test_each_request_of_a_connection_has_its_own_time(client: Client) -> None:
    for _ in range(3):
        client.send(POST[:10])
        for _ in range(PATIENCE - 1):
            client.protocol.sweep()
        client.send(POST[10:])

    assert client.transport.written == ok(b"body") * 3


# --- leaving


@pytest.mark.parametrize("sent", [b"", POST[:10], POST[:-1], POST, POST + POST[:-1]])
def test_a_client_may_leave_at_any_time(client: Client, sent: bytes) -> None:
    client.send(sent)
    client.leave()

    assert len(client.seen) == sent.count(b"body")


@pytest.mark.parametrize("more", [b"", POST[:20], POST[:-1]], ids=["no more", "half a head", "half a body"])
def test_a_client_that_has_said_all_still_gets_its_answer(client: Client, more: bytes) -> None:
    client.may_answer.clear()
    client.send(POST + more)
    keep_open = client.protocol.eof_received()
    client.may_answer.set()
    client.settle()

    assert keep_open
    assert client.transport.written.endswith(b"\r\n\r\nbody")
    assert client.transport.written.count(b"HTTP/1.1") == 1
    assert client.transport.closed


@pytest.mark.parametrize("more", [b"garbage\r\n\r\n", POST[:-4].replace(b"4", b"-4")], ids=["noise", "a bad head"])
def test_while_an_answer_is_due_malformed_bytes_do_not_cut_it_off(client: Client, more: bytes) -> None:
    client.may_answer.clear()
    client.send(POST, more)
    client.may_answer.set()
    client.settle()

    assert client.transport.written.startswith(b"HTTP/1.1 200 OK\r\n")
    assert client.transport.closed


def test_a_client_that_has_said_nothing_more_and_waits_for_nothing_is_closed(client: Client) -> None:
    client.send(POST)

    assert not client.protocol.eof_received() or client.transport.closed
