"""The connection without I/O, by example. `test_connection_laws.py` tries it at random."""

import gc
from collections.abc import Callable

import pytest

from emulator.server.http1.connection import (
    MAX_DISCARDED,
    MAX_HEAD,
    MAX_HEADERS,
    MAX_PIPELINED,
    MAX_QUEUED,
    Http1Connection,
)
from emulator.server.http1.request_cycle import End, RequestCycle
from emulator.server.http1.states import Reading, Response
from emulator.wire.errors import HEAD_TOO_LARGE, REQUEST_MALFORMED, TRANSFER_CODING_UNKNOWN, ErrorSpec

GET = b"GET /g HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /p?q=1 HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED_HEAD = b"POST /c HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
CHUNKED = CHUNKED_HEAD + b"2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
LAST = b"GET /l HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
# As Java's HttpClient offers it with every request over plain http.
H2C = (
    b"POST /p?q=1 HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nContent-Length: 4\r\nHost: x\r\n"
    b"HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n"
    b"User-Agent: Java-http-client/21\r\n\r\nbody"
)
WEBSOCKET = (
    b"GET /signal HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


class Server:
    """A connection, and what an application would do with it."""

    def __init__(self, *pieces: bytes) -> None:
        self.connection = Http1Connection()
        self.receive(*pieces)

    def receive(self, *pieces: bytes) -> "Server":
        for piece in pieces:
            self.connection.receive_data(piece)
        return self

    def next(self) -> RequestCycle:
        cycle = self.connection.next_request()
        assert cycle is not None
        return cycle

    def answer(self, cycle: RequestCycle, body: bytes = b"", token: object = None) -> None:
        self.connection.send_response(cycle, 200, b"content-length: %d\r\n" % len(body), body, token)

    def echo_all(self) -> "Server":
        """Answer every request with its body, and errors with their name, as long as there are some."""
        while (cycle := self.connection.next_request()) is not None:
            if cycle.error is not None:
                self.connection.send_raw(cycle, cycle.error.name.encode())
            else:
                self.answer(cycle, self.connection.take_body(cycle))
        return self

    @property
    def sent(self) -> bytes:
        return self.connection.data_to_send()

    @property
    def end(self) -> End | None:
        return self.connection.end


def ok(body: bytes = b"", more: bytes = b"") -> bytes:
    return b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n%b\r\n%b" % (len(body), more, body)


CLOSE = b"connection: close\r\n"


def error_of(server: Server) -> ErrorSpec | None:
    return server.connection.pipeline[-1].error if server.connection.pipeline else None


# --- requests


@pytest.mark.parametrize(
    ("data", "body"), [(GET, b""), (POST, b"body"), (CHUNKED, b"body"), (H2C, b"body"), (b"\r\n\r\n" + GET, b"")]
)
def test_a_request_is_read_however_it_is_cut(data: bytes, body: bytes) -> None:
    sent = {at: Server(data[:at], data[at:]).echo_all().sent for at in range(len(data))}
    drop = Server(*(data[at : at + 1] for at in range(len(data)))).echo_all()

    assert {at: text for at, text in sent.items() if text != ok(body)} == {}
    assert (drop.sent, drop.end) == (ok(body), None)


def test_a_request_is_shown_as_sent() -> None:
    cycle = Server(POST.replace(b"Host: x", b"HOST: x\r\nA: 1\r\na: 2")).next()

    assert (cycle.method, cycle.target, cycle.version) == ("POST", "/p?q=1", "1.1")
    assert cycle.headers == [(b"host", b"x"), (b"a", b"1"), (b"a", b"2"), (b"content-length", b"4")]
    assert cycle.fields[b"a"] == b"2"
    assert (cycle.is_whole, cycle.keep_alive, cycle.error) == (True, True, None)


def test_the_target_names_the_host() -> None:
    """RFC 9112, 3.2.2: the host of an absolute target replaces Host."""
    cycle = Server(b"GET http://a.example:80?q HTTP/1.1\r\nA: b\r\nHost: x\r\n\r\n").next()

    assert cycle.target == "/?q"
    assert cycle.headers == [(b"a", b"b"), (b"host", b"a.example:80")]
    assert cycle.fields[b"host"] == b"a.example:80"


@pytest.mark.parametrize(
    ("target", "method"),
    [("/", "GET"), ("/a?b=c/?", "GET"), ("*", "OPTIONS"), ("http://x", "GET"), ("HTTPS://[::1]:65535/a", "GET")],
)
def test_targets_that_are_valid(target: str, method: str) -> None:
    assert error_of(Server(f"{method} {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())) is None


@pytest.mark.parametrize(
    "target",
    ["*", "http://", "http://[::1", "http://x:y/", "http://x:65536/", "http://u@x/", "ftp://x/", "/a#b", "http://x/#b"],
)
def test_targets_that_are_not(target: str) -> None:
    assert error_of(Server(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode())) is REQUEST_MALFORMED


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        pytest.param(b"GET\r\n\r\n", REQUEST_MALFORMED, id="no target"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00", REQUEST_MALFORMED, id="TLS"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", REQUEST_MALFORMED, id="HTTP/2"),
        pytest.param(b"NONSENSE / HTTP/1.1\r\n\r\n", REQUEST_MALFORMED, id="unknown method"),
        pytest.param(b"get / HTTP/1.1\r\n\r\n", REQUEST_MALFORMED, id="method in lower case"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", REQUEST_MALFORMED, id="unknown version"),
        pytest.param(b"GET / HTTP/0.9\r\nHost: x\r\n\r\n", REQUEST_MALFORMED, id="HTTP/0.9"),
        pytest.param(GET.replace(b" /", b"  /"), REQUEST_MALFORMED, id="two spaces before the target"),
        pytest.param(GET.replace(b" HTTP", b"  HTTP"), REQUEST_MALFORMED, id="two spaces behind the target"),
        pytest.param(WEBSOCKET.replace(b" /", b"  /"), REQUEST_MALFORMED, id="two spaces in an upgrade"),
        pytest.param(b"GET / HTTP/1.1\r\nno colon\r\n\r\n", REQUEST_MALFORMED, id="a header without a colon"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\n\r\n", REQUEST_MALFORMED, id="a folded header"),
        pytest.param(b"GET / HTTP/1.1\r\nHost : x\r\n\r\n", REQUEST_MALFORMED, id="space before a colon"),
        pytest.param(b"GET / HTTP/1.1\r\nX: \x00\r\n\r\n", REQUEST_MALFORMED, id="NUL in a header"),
        pytest.param(b"GET /\xff HTTP/1.1\r\n\r\n", REQUEST_MALFORMED, id="a path that is not ASCII"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", REQUEST_MALFORMED, id="no Host"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", REQUEST_MALFORMED, id="two Hosts"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: [::1].a\r\n\r\n", REQUEST_MALFORMED, id="a Host that is none"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: %b\r\n\r\n" % (b"x" * 301), REQUEST_MALFORMED, id="a long Host"),
        pytest.param(POST.replace(b"4", b"-1", 1), REQUEST_MALFORMED, id="a negative length"),
        pytest.param(POST.replace(b"Host: x", b"Host: x\r\nContent-Length: 1"), REQUEST_MALFORMED, id="two lengths"),
        pytest.param(POST.replace(b"4", b"9" * 20), REQUEST_MALFORMED, id="an endless length"),
        pytest.param(
            POST.replace(b"Host: x", b"Host: x\r\nTransfer-Encoding: chunked"),
            REQUEST_MALFORMED,
            id="length and chunks",
        ),
        pytest.param(CHUNKED_HEAD + b"zz\r\n", REQUEST_MALFORMED, id="a chunk without a size"),
        pytest.param(CHUNKED_HEAD.replace(b"1.1", b"1.0"), REQUEST_MALFORMED, id="chunks of an old client"),
        pytest.param(WEBSOCKET.replace(b"signal", b"signal?a#b"), REQUEST_MALFORMED, id="a WebSocket's fragment"),
        pytest.param(CHUNKED_HEAD.replace(b"chunked", b"gzip, chunked"), TRANSFER_CODING_UNKNOWN, id="gzip"),
        pytest.param(
            CHUNKED_HEAD.replace(b"Transfer", b"Transfer-Encoding: gzip\r\nTransfer"),
            TRANSFER_CODING_UNKNOWN,
            id="gzip in a header of its own",
        ),
        pytest.param(b"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", REQUEST_MALFORMED, id="a tunnel"),
    ],
)
def test_malformed_bytes_get_one_response(data: bytes, problem: ErrorSpec) -> None:
    server = Server(data)
    assert error_of(server) is problem

    server.receive(GET).echo_all()

    assert (server.sent, server.end) == (problem.name.encode(), End.LINGER)


@pytest.mark.parametrize("size", [1, 4, 5, 7, 1000])
@pytest.mark.parametrize("data", [GET.replace(b" /", b"  /"), GET.replace(b" HTTP", b"  HTTP")])
def test_spaces_in_a_split_request_line(data: bytes, size: int) -> None:
    """A malformed request line is rejected wherever the bytes are split."""
    server = Server(*cut(POST + data, size)).echo_all()

    assert server.sent == ok(b"body") + b"request-malformed"


@pytest.mark.parametrize("size", [1, 4, 1000])
def test_spaces_elsewhere_are_allowed(size: int) -> None:
    data = (
        POST.replace(b"Host: x", b"Host: x\r\nA: GET  /p  HTTP/1.1").replace(b"4", b"15", 1)[:-4] + b"GET  / HTTP/1.1"
    )

    assert Server(*cut(data + H2C + data, size)).echo_all().sent == (
        ok(b"GET  / HTTP/1.1") + ok(b"body") + ok(b"GET  / HTTP/1.1")
    )


def test_earlier_requests_outlive_an_error() -> None:
    """A body longer than its Content-Length looks like this; the client must learn that its request was accepted."""
    server = Server(POST + GET + b"garbage\r\n\r\n").echo_all()

    assert server.sent == ok(b"body") + ok() + b"request-malformed"


def test_nothing_follows_a_last_request() -> None:
    server = Server(GET + LAST + GET).echo_all()

    assert (server.sent, server.end) == (ok() + ok(more=CLOSE), End.CLOSE)


def test_old_clients_are_closed() -> None:
    old = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"

    assert Server(old).echo_all().end is End.CLOSE
    server = Server(old * 2).echo_all()
    assert (server.sent, server.end) == (ok(more=CLOSE), End.LINGER)


def test_progress_is_notified() -> None:
    notified: list[tuple[int, bool]] = []
    server = Server(POST[:-4])
    cycle = server.next()
    cycle.notify = lambda: notified.append((len(server.connection.take_body(cycle)), cycle.is_whole))
    server.receive(b"b", b"ody")

    assert not server.connection.is_responding or cycle.is_whole
    assert notified == [(1, False), (3, False), (0, True)]


def test_failing_notification_is_raised() -> None:
    def fail() -> None:
        raise KeyError("ours")

    server = Server(POST[:-4])
    server.next().notify = fail

    with pytest.raises(KeyError, match="ours"):
        server.receive(b"body")


# --- bounds


def head_of(size: int) -> bytes:
    empty = b"GET / HTTP/1.1\r\nHost: x\r\nX: \r\n\r\n"
    return empty.replace(b"X: ", b"X: " + b"a" * (size - len(empty)))


def cut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("size", [1000, MAX_HEAD, 10 * MAX_HEAD])
def test_a_head_of_64_kib_is_read(size: int) -> None:
    assert Server(*cut(head_of(MAX_HEAD), size)).echo_all().sent == ok()


MANY_HEADERS = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X:\r\n" * MAX_HEADERS


@pytest.mark.parametrize("size", [1, 1000, MAX_HEAD, 10 * MAX_HEAD])
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(head_of(MAX_HEAD + 200), id="one long header"),
        pytest.param(b"GET /" + b"a" * 2 * MAX_HEAD + b" HTTP/1.1\r\n\r\n", id="a long path"),
        pytest.param(MANY_HEADERS + b"\r\n", id="one header too many"),
        pytest.param(MANY_HEADERS + b"X:\r\n" * MAX_HEADERS, id="headers that do not end"),
        pytest.param(head_of(2 * MAX_HEAD)[:-4], id="a header that does not end"),
    ],
)
def test_a_larger_head_is_refused(head: bytes, size: int) -> None:
    server = Server(*cut(head, size))

    assert error_of(server) is HEAD_TOO_LARGE
    assert server.connection.messages == 1


def test_a_head_may_have_256_headers() -> None:
    assert Server(b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X:\r\n" * (MAX_HEADERS - 1) + b"\r\n").echo_all().sent == ok()


@pytest.mark.parametrize("size", [1000, 4096, 100_000])
@pytest.mark.parametrize("before", [b"", GET, POST, CHUNKED], ids=["first", "after GET", "after POST", "after chunks"])
@pytest.mark.parametrize("start", [b"0\r\n", b"4\r\nbody\r\n0\r\n"], ids=["no body", "a body"])
@pytest.mark.parametrize("line", [b"X: " + b"a" * 995 + b"\r\n", b"X:\r\n"], ids=["bytes", "number"])
def test_trailers_have_a_bound(before: bytes, start: bytes, line: bytes, size: int) -> None:
    server = Server(before + CHUNKED_HEAD + start, *cut(line * (100_000 // len(line)), size))

    assert error_of(server) is HEAD_TOO_LARGE


@pytest.mark.parametrize("before", [b"", POST])
def test_chunk_extensions_have_a_bound(before: bytes) -> None:
    server = Server(before + CHUNKED_HEAD, *[b"1;" + b"a" * 1000 + b"\r\nx\r\n"] * 100)

    assert error_of(server) is HEAD_TOO_LARGE


def test_small_chunks_have_none() -> None:
    body = b"1\r\nx\r\n" * 30_000
    server = Server(CHUNKED_HEAD)
    cycle = server.next()
    taken = b""
    for piece in cut(body + b"0\r\n\r\n", 6000):
        server.receive(piece)
        taken += server.connection.take_body(cycle)

    assert (len(taken), cycle.is_whole, cycle.error) == (30_000, True, None)


def test_trailers_are_dropped() -> None:
    server = Server(CHUNKED.removesuffix(b"\r\n") + b"Authorization: secret\r\nHost: y\r\n\r\n")
    cycle = server.next()

    assert cycle.headers == [(b"host", b"x"), (b"transfer-encoding", b"chunked")]
    assert server.connection._headers == []
    server.answer(cycle)
    assert server.receive(GET).next().headers == [(b"host", b"x")]


def test_a_large_body_is_read_as_it_is_taken() -> None:
    body = b"a" * 3 * MAX_HEAD
    server = Server(POST.replace(b"4", b"%d" % len(body)).removesuffix(b"body"))
    cycle = server.next()
    server.receive(body)

    assert not server.connection.wants_data
    assert server.connection.held >= len(body)
    assert server.connection.take_body(cycle) == body
    assert server.connection.wants_data
    assert server.connection.held >= len(body)  # the application has it until it has answered
    server.answer(cycle)
    assert server.connection.held == 0


LARGE_GET = b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X:\r\n" * (MAX_HEADERS - 1) + b"\r\n"


def test_large_heads_fill_the_pipeline() -> None:
    server = Server(LARGE_GET * 64)

    assert len(server.connection.pipeline) < 8
    assert not server.connection.wants_data
    assert server.connection.held < MAX_QUEUED + len(LARGE_GET) * 64 + 160_000
    assert server.echo_all().sent == ok() * 64
    assert server.connection.held == 0


@pytest.mark.parametrize(
    ("data", "least"),
    [
        pytest.param(head_of(60_000)[:-2], 120_000, id="a head"),
        pytest.param(b"GET / HTTP/1.1\r\n" + b"X:\r\n" * 200, 32_000, id="headers"),
        pytest.param(CHUNKED_HEAD + b"0\r\n" + b"X: y\r\n" * 200, 32_000, id="trailers"),
        pytest.param(CHUNKED_HEAD + b"0\r\nX: " + b"a" * 50_000, 50_000, id="a trailer"),
    ],
)
def test_what_is_incomplete_is_held(data: bytes, least: int) -> None:
    server = Server(data)
    assert least < server.connection.held < least + 10_000

    assert server.connection.refuse(HEAD_TOO_LARGE)
    server.echo_all()
    assert (server.connection.held, server.end) == (0, End.LINGER)


def test_a_head_behind_a_request_is_held() -> None:
    server = Server(GET + POST[:20]).echo_all()

    assert 20 <= server.connection.held < 2000
    assert server.receive(POST[20:]).echo_all().connection.held == 0


@pytest.mark.parametrize("data", [b"", POST, GET + POST, LAST], ids=["nothing", "one", "two", "a last one"])
def test_complete_requests_are_not_refused(data: bytes) -> None:
    server = Server(data)

    assert not server.connection.refuse(HEAD_TOO_LARGE)
    assert error_of(server) is None


def test_unparsed_bytes_are_refused_once() -> None:
    server = Server(GET * 1000)
    parsed = len(server.connection.pipeline)

    assert [server.connection.refuse(HEAD_TOO_LARGE) for _ in range(2)] == [True, False]
    server.echo_all()
    assert server.sent == ok() * parsed + HEAD_TOO_LARGE.name.encode()


def test_a_full_pipeline_stops_reading() -> None:
    """A request that was received is never dropped: what has no room waits, unread at last."""
    server = Server(*[GET * 1000] * 2)

    assert not server.connection.wants_data
    assert MAX_PIPELINED <= len(server.connection.pipeline) < MAX_PIPELINED + 227
    assert server.connection.held > 0
    server.echo_all()
    assert server.sent == ok() * 2000
    assert server.connection.wants_data


def test_full_pipeline_is_answered_at_eof() -> None:
    server = Server(GET * 1000)
    server.connection.receive_eof()
    server.echo_all()

    assert server.sent == ok() * 999 + ok(more=CLOSE)
    assert server.end is End.CLOSE


def test_sending_client_is_read_briefly() -> None:
    server = Server(LAST).echo_all()
    server.receive(b"a" * MAX_DISCARDED)

    assert not server.connection.wants_data
    assert server.connection.held == 0


# --- upgrades


def test_an_offer_of_http_2_is_ignored() -> None:
    cycle = Server(H2C).next()

    assert sorted(name for name, _ in cycle.headers) == [b"connection", b"content-length", b"host", b"user-agent"]
    assert Server(H2C * 600).echo_all().sent == ok(b"body") * 600


def test_an_offer_in_a_last_request() -> None:
    server = Server(H2C.replace(b"Connection: ", b"Connection: close, ") + b"more").echo_all()

    assert server.sent == ok(b"body", CLOSE)
    assert server.connection.messages == 1


@pytest.mark.parametrize("before", [b"", POST])
@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_a_websocket_is_handed_over(before: bytes, size: int) -> None:
    server = Server(before).echo_all()
    server.receive(*cut(WEBSOCKET + b"frames", size), b"more")
    handshake, rest = server.connection.upgrade

    assert server.end is End.HAND_OVER
    assert rest == b"framesmore"
    assert handshake == WEBSOCKET.replace(b"Host", b"host").replace(b"Connection", b"connection").replace(
        b"Upgrade:", b"upgrade:"
    ).replace(b"Sec-WebSocket-Version", b"sec-websocket-version").replace(b"Sec-WebSocket-Key", b"sec-websocket-key")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(WEBSOCKET.replace(b"/signal", b"/other"), id="another path"),
        pytest.param(WEBSOCKET.replace(b"GET", b"POST"), id="another method"),
        pytest.param(WEBSOCKET.replace(b"WebSocket\r", b"h2c\r"), id="another protocol"),
        pytest.param(WEBSOCKET.replace(b"HTTP/1.1", b"HTTP/1.0"), id="an old client"),
        pytest.param(WEBSOCKET.replace(b"Host: x", b"Host: x\r\nContent-Length: 0"), id="a body"),
    ],
)
def test_other_upgrades_are_ignored(data: bytes) -> None:
    cycle = Server(data).next()

    assert cycle.error is None
    assert b"upgrade" not in cycle.fields


def test_websocket_behind_an_open_response() -> None:
    """The upgrade is ignored."""
    assert Server(POST + WEBSOCKET).echo_all().sent == ok(b"body") + ok()


# --- responses


def test_responses_are_in_request_order() -> None:
    server = Server(GET + POST + GET)
    first, second, third = server.connection.pipeline
    server.answer(third, b"3")
    server.connection.send_head(second, 200, [(b"content-length", b"2")])
    server.connection.send_body(second, b"2", more=True)
    assert server.sent == b""

    server.answer(first, b"1")
    assert server.sent == ok(b"1") + b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n2"

    server.connection.send_body(second, b"2", more=False)
    assert server.sent == b"2" + ok(b"3")


def test_requests_are_served_one_by_one() -> None:
    server = Server(GET + POST)
    first = server.next()

    assert server.connection.next_request() is None
    server.answer(first)
    assert server.next().method == "POST"


def stream(server: Server, cycle: RequestCycle, headers: list[tuple[bytes, bytes]], *pieces: bytes) -> bytes:
    server.connection.send_head(cycle, 200, headers)
    for piece in pieces:
        server.connection.send_body(cycle, piece, more=True)
    server.connection.send_body(cycle, b"", more=False)
    return server.sent


def test_a_body_without_a_length_is_chunked() -> None:
    server = Server(GET)

    assert stream(server, server.next(), [], b"a" * 16, b"", b"b") == (
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n10\r\naaaaaaaaaaaaaaaa\r\n1\r\nb\r\n0\r\n\r\n"
    )
    assert server.end is None


def test_unknown_length_closes_http_1_0() -> None:
    server = Server(b"GET / HTTP/1.0\r\n\r\n")

    assert stream(server, server.next(), [], b"a", b"b") == b"HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nab"
    assert server.end is End.CLOSE


def test_head_has_no_body() -> None:
    server = Server(GET.replace(b"GET", b"HEAD") * 2)
    server.answer(server.next(), b"four")

    assert server.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n"
    assert stream(server, server.next(), [(b"content-length", b"4")], b"four") == head


@pytest.mark.parametrize("status", [204, 304])
def test_some_statuses_have_no_body(status: int) -> None:
    server = Server(GET)
    cycle = server.next()
    server.connection.send_head(cycle, status, [])
    server.connection.send_body(cycle, b"x", more=False)

    assert server.sent.endswith(b"\r\n\r\n")
    assert server.end is None


def test_a_status_without_a_phrase() -> None:
    server = Server(GET)
    server.connection.send_response(server.next(), 599, b"content-length: 0\r\n", b"")

    assert server.sent == b"HTTP/1.1 599 \r\ncontent-length: 0\r\n\r\n"


def test_an_application_may_close() -> None:
    server = Server(GET)

    assert b"Connection: close" in stream(server, server.next(), [(b"Connection", b"close"), (b"Content-Length", b"0")])
    assert server.end is End.CLOSE


@pytest.mark.parametrize(("pieces", "more"), [([b"aaa"], True), ([b"a"], False)], ids=["too long", "too short"])
def test_a_body_must_have_its_length(pieces: list[bytes], *, more: bool) -> None:
    server = Server(GET)
    cycle = server.next()
    server.connection.send_head(cycle, 200, [(b"content-length", b"2")])

    with pytest.raises(ValueError, match="Content-Length"):
        server.connection.send_body(cycle, pieces[0], more=more)


def test_parts_must_be_in_order() -> None:
    server = Server(GET + GET)
    first, second = server.connection.pipeline
    with pytest.raises(RuntimeError, match="LAST cannot follow NONE"):
        server.connection.send_body(first, b"", more=False)
    server.answer(second)
    with pytest.raises(RuntimeError, match="HEAD cannot follow COMPLETE"):
        server.connection.send_head(second, 200, [])


def test_100_continue_is_sent_once() -> None:
    data = POST.replace(b"Host: x", b"Host: x\r\nExpect: 100-Continue")
    server = Server(data[:-4])
    cycle = server.next()
    server.connection.send_continue(cycle)
    server.connection.send_continue(cycle)
    assert server.sent == b"HTTP/1.1 100 Continue\r\n\r\n"

    server.receive(b"body")
    server.answer(cycle, server.connection.take_body(cycle))
    assert server.sent == ok(b"body")


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(POST[:-4], id="not asked for"),
        pytest.param(POST.replace(b"Host: x", b"Host: x\r\nExpect: 100-continue"), id="the body is there"),
        pytest.param(POST.replace(b"1.1\r\n", b"1.0\r\nExpect: 100-continue\r\n")[:-4], id="an old client"),
        pytest.param(POST.replace(b"Host: x", b"Host: x\r\nExpect: gold")[:-4], id="another expectation"),
    ],
)
def test_100_continue_is_not_sent(data: bytes) -> None:
    server = Server(data)
    server.connection.send_continue(server.next())

    assert server.sent == b""


def test_an_early_response_closes() -> None:
    server = Server(POST[:-2])
    server.answer(server.next())

    assert (server.sent, server.end) == (ok(more=CLOSE), End.LINGER)


def test_an_early_streamed_response_closes() -> None:
    server = Server(POST[:-2])
    cycle = server.next()
    server.connection.send_head(cycle, 200, [(b"content-length", b"0")])
    server.receive(b"dy" + GET)
    server.connection.send_body(cycle, b"", more=False)

    assert server.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
    assert server.end is not None
    assert not server.connection.pipeline


def test_early_response_waits_for_its_turn() -> None:
    server = Server(GET + POST[:-2])
    first, second = server.connection.pipeline
    server.answer(second)
    server.receive(b"d")
    assert (server.connection.held > 0, server.sent) == (True, b"")

    server.answer(first)
    assert (server.sent, server.end) == (ok() + ok(more=CLOSE), End.LINGER)


# --- errors within a request


def test_error_in_a_body_replaces_response() -> None:
    notified: list[Response] = []
    server = Server(CHUNKED_HEAD + b"1\r\nx\r\n")
    cycle = server.next()
    cycle.notify = lambda: notified.append(cycle.response)
    server.receive(b"zz\r\n").echo_all()

    assert (server.sent, notified) == (b"request-malformed", [Response.GONE])
    assert server.connection.held == 0
    server.answer(cycle, token="late")
    assert server.connection.lost == ["late"]


def test_error_in_an_open_response_resets() -> None:
    server = Server(CHUNKED_HEAD)
    cycle = server.next()
    server.connection.send_head(cycle, 200, [])
    server.receive(b"zz\r\n")

    assert server.end is End.RESET
    assert not cycle.is_open


def test_error_after_an_early_response() -> None:
    """It sends nothing more."""
    server = Server(GET + CHUNKED_HEAD)
    first, second = server.connection.pipeline
    server.answer(second)
    server.receive(b"zz\r\n")
    server.answer(first)

    assert (server.sent, server.end) == (ok() + ok(more=CLOSE), End.LINGER)


def test_error_after_a_closing_response() -> None:
    """It sends nothing more."""
    server = Server(GET)
    cycle = server.next()
    server.connection.send_head(cycle, 200, [(b"connection", b"close"), (b"content-length", b"0")])
    server.receive(b"\x00")
    server.connection.send_body(cycle, b"", more=False)

    assert server.sent.count(b"HTTP/1.1") == 1
    assert server.end is End.LINGER


# --- ends


@pytest.mark.parametrize("more", [b"", POST[:20], POST[:-1]], ids=["nothing", "half a head", "half a body"])
def test_half_close_keeps_due_responses(more: bytes) -> None:
    server = Server(POST + more)
    cycle = server.next()
    server.connection.receive_eof()
    assert server.end is None

    server.answer(cycle, b"body")
    assert (server.sent, server.end) == (ok(b"body", CLOSE), End.CLOSE)


@pytest.mark.parametrize("data", [b"", POST[:20], POST[:-1], GET], ids=["nothing", "half a head", "half a body", "all"])
def test_eof_without_due_responses_closes(data: bytes) -> None:
    server = Server(data).echo_all()
    if data == POST[:-1]:
        server = Server(data)
    server.connection.receive_eof()

    assert server.end is not None


def test_eof_is_notified() -> None:
    notified: list[bool] = []
    server = Server(GET)
    server.next().notify = lambda: notified.append(True)
    server.connection.receive_eof()

    assert notified == [True]


def test_eof_ends_lingering_after_an_error() -> None:
    server = Server(b"\x00").echo_all()
    assert server.end is End.LINGER

    server.connection.receive_eof()
    assert server.end is End.CLOSE


def test_half_a_body_in_an_open_response() -> None:
    """The connection is reset."""
    server = Server(POST[:-1])
    server.connection.send_head(server.next(), 200, [])
    server.connection.receive_eof()

    assert server.end is End.RESET


def test_stopping_server_answers_requests() -> None:
    server = Server(GET * 500 + POST[:-1])
    server.connection.stop_reading()
    server.echo_all()

    assert server.sent == ok() * 499 + ok(more=CLOSE)
    assert server.end is End.CLOSE


def test_reset_drops_remaining_responses() -> None:
    server = Server(GET * 3)
    first, second, third = server.connection.pipeline
    server.answer(third, token="third")
    server.connection.reset(second)
    server.answer(first, token="first")

    assert (server.sent, server.end) == (ok(), End.RESET)
    assert server.connection.lost == ["third"]


def test_raw_bytes_end_the_connection() -> None:
    server = Server(GET * 2)
    server.connection.send_raw(server.next(), b"garbage")

    assert (server.sent, server.end) == (b"garbage", End.CLOSE)


def test_raw_bytes_may_follow_a_head() -> None:
    server = Server(GET)
    cycle = server.next()
    server.connection.send_head(cycle, 200, [(b"content-length", b"4")])
    server.connection.send_raw(cycle, b"bo")

    assert server.sent == b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nbo"
    assert server.end is End.CLOSE


def test_unsent_response_is_lost() -> None:
    server = Server(GET * 3)
    server.connection.confirm_sent()
    server.answer(server.next(), token=1)
    server.connection.confirm_sent()
    server.answer(server.next(), token=2)
    server.connection.lose()
    server.connection.lose()

    assert server.connection.lost == [2]
    assert server.end is End.RESET
    assert server.receive(GET).connection.next_request() is None


# --- nothing is left


def _hand_over() -> Http1Connection:
    return Server(POST).echo_all().receive(WEBSOCKET).connection


def _lose() -> Http1Connection:
    server = Server(POST + GET + POST[:-1])
    server.next()
    server.connection.lose()
    return server.connection


def _fault() -> Http1Connection:
    server = Server(POST + GET)
    server.connection.reset(server.next())
    return server.connection


ENDS: dict[str, Callable[[], Http1Connection]] = {
    "close": lambda: Server(H2C + LAST).echo_all().connection,
    "error": lambda: Server(b"\x00").echo_all().connection,
    "a head that is refused": lambda: Server(MANY_HEADERS + b"X:\r\n" * MAX_HEADERS).echo_all().connection,
    "a target that is refused": lambda: Server(b"GET x HTTP/1.1\r\nHost: x\r\n\r\n").echo_all().connection,
    "hand over": _hand_over,
    "loss": _lose,
    "fault": _fault,
}


@pytest.mark.parametrize("kind", ENDS)
def test_ended_connection_leaves_nothing(kind: str) -> None:
    """No reference cycle: memory is free when the last name is gone, not when the collector runs."""
    ENDS[kind]()
    gc.collect()
    gc.disable()
    try:
        connection = ENDS[kind]()
        assert connection.end is not None
        assert (connection.reading, connection.held) == (Reading.CLOSED, 0)
        assert connection._parser is None
        del connection
        assert gc.collect() == 0
    finally:
        gc.enable()


def test_pipelined_heads_do_not_pile_up() -> None:
    """Every piece ends in a head, and the next begins there."""
    server = Server(GET[:5])
    for _ in range(100):
        server.receive(GET[5:] + GET[:5]).echo_all()

    assert server.sent == ok() * 100
    assert server.connection.held < 1000
    assert len(server.connection._head) < 100
