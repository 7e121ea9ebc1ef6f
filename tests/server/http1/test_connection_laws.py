"""The laws of a connection, tried at random against a plain model, with h11's client as the judge of what is sent.

A request that was processed is answered, in order, unless the client is gone or a fault took the answer, and `lost`
has the token then. After an error every earlier request is still answered. No input raises. Every connection ends, and
leaves nothing.
"""

import gc
import weakref
from dataclasses import dataclass, field

import h11
from hypothesis import example, given, settings
from hypothesis import strategies as st

from emulator.server.http1.connection import Http1Connection
from emulator.server.http1.request_cycle import End, RequestCycle
from emulator.server.http1.states import Reading, Response

# --- what the client sends


@dataclass(frozen=True)
class Sent:
    """A request as bytes, and what the application should see of it."""

    data: bytes
    method: str
    body: bytes
    is_last: bool = False
    version: str = "1.1"


def with_length(method: str, body: bytes, headers: bytes, version: str) -> Sent:
    data = b"%b /%d HTTP/%b\r\nHost: x\r\n%bContent-Length: %d\r\n\r\n%b" % (
        method.encode(),
        len(body),
        version.encode(),
        headers,
        len(body),
        body,
    )
    return Sent(data, method, body, b"close" in headers or version == "1.0", version)


def chunked(pieces: list[bytes], headers: bytes, trailers: bytes) -> Sent:
    chunks = b"".join(b"%x;a=b\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    head = b"POST /c HTTP/1.1\r\n%bHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" % headers
    return Sent(head + chunks + b"0\r\n" + trailers + b"\r\n", "POST", b"".join(pieces), b"close" in headers)


H2C = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAAA\r\n"
headers = st.sampled_from([b"", b"", b"", H2C, b"Expect: 100-continue\r\n", b"Connection: close\r\n", b"A: b\r\n" * 20])
bodies = st.sampled_from([b"", b"x", b"body\r\n\r\n", b"GET / HTTP/1.1\r\n\r\n", b"a" * 5000, b"b" * 70_000])
sent = st.one_of(
    st.builds(with_length, st.sampled_from(["GET", "POST", "HEAD"]), bodies, headers, st.just("1.1")),
    st.builds(with_length, st.just("POST"), bodies, st.just(b""), st.sampled_from(["1.0", "1.1"])),
    st.builds(
        chunked,
        st.lists(st.binary(min_size=1, max_size=30), max_size=5),
        headers,
        st.sampled_from([b"", b"A: b\r\n", b"Host: evil\r\nAuthorization: x\r\n"]),
    ),
)
WEBSOCKET = (
    b"GET /signal HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)
MALFORMED = [
    b"garbage\r\n\r\n",
    b"\x00\xff",
    b"GET x HTTP/1.1\r\nHost: x\r\n\r\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300 + b"\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\nzz\r\n",
    b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n" + b"A: b\r\n" * 300,
]
HALVES = [b"POST / HT", b"POST /h HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf", WEBSOCKET[:-1]]
tails = st.sampled_from([b"", b"", b"\r\n", *MALFORMED, *HALVES, WEBSOCKET + b"\x81\x80abcd"])

# --- what happens, in any order

COMMON = ["receive", "respond", "respond any", "stream", "piece", "last", "take body", "continue", "serve", "confirm"]
RARE = ["raw", "truncate", "reset", "eof", "stop", "lose"]
common = st.tuples(st.sampled_from(["receive"] * 5 + COMMON), st.integers(0, 10_000))
rare = st.lists(st.tuples(st.sampled_from(RARE), st.integers(0, 10_000)), max_size=1)
ordinary = st.lists(common, min_size=12, max_size=30)
steps = st.builds(lambda *parts: [step for part in parts for step in part], ordinary, rare, ordinary, rare)


@dataclass
class Answer:
    """What the application has sent for one request."""

    cycle: RequestCycle
    is_head: bool
    closes: bool = False
    body: bytes = b""
    token: int | None = None
    fault: bytes | None = None
    is_stream: bool = False


@dataclass
class Model:
    """A connection under test, and a record of what was asked of it."""

    requests: list[Sent]
    tail: bytes
    connection: Http1Connection = field(default_factory=Http1Connection)
    answers: dict[int, Answer] = field(default_factory=dict)
    seen: list[RequestCycle] = field(default_factory=list)
    written: bytes = b""
    confirmed: set[int] = field(default_factory=set)
    fed: int = 0
    tokens: int = 0
    is_lost: bool = False
    has_eof: bool = False

    def __post_init__(self) -> None:
        self.data = b"".join(request.data for request in self.requests) + self.tail

    # --- steps

    def step(self, kind: str, number: int) -> None:
        if self.connection.end is not None:
            self.send()
            return
        getattr(self, kind.replace(" ", "_"))(number)
        self.notice()

    def notice(self) -> None:
        """Requests appear at the end of the pipeline, in the order in which they were sent."""
        known = {id(cycle) for cycle in self.seen}
        self.seen += [cycle for cycle in self.connection.pipeline if id(cycle) not in known]

    def receive(self, number: int) -> None:
        if self.has_eof or not self.connection.wants_data:
            return
        size = number if number % 2 else number % 300
        self.connection.receive_data(self.data[self.fed : self.fed + size])
        self.fed += size

    def serve(self, _number: int) -> None:
        self.connection.next_request()

    def open(self, number: int, *, front: bool) -> RequestCycle | None:
        """A request of which nothing was answered yet."""
        waiting = [cycle for cycle in self.connection.pipeline if cycle.error is None and id(cycle) not in self.answers]
        if not waiting:
            return None
        return waiting[0] if front else waiting[number % len(waiting)]

    def begin(self, cycle: RequestCycle, *, closes: bool = False) -> Answer:
        closes = closes or not cycle.is_whole or not cycle.keep_alive
        answer = Answer(cycle, cycle.method == "HEAD", closes)
        self.answers[id(cycle)] = answer
        return answer

    def respond(self, number: int, *, front: bool = True) -> None:
        cycle = self.open(number, front=front)
        if cycle is None:
            return
        answer = self.begin(cycle)
        self.tokens += 1
        answer.token, answer.body = self.tokens, b"%d" % number
        head = b"content-length: %d\r\n" % len(answer.body)
        self.connection.send_response(cycle, 200, head, answer.body, answer.token)

    def respond_any(self, number: int) -> None:
        self.respond(number, front=False)

    def stream(self, number: int) -> None:
        cycle = self.open(number, front=number % 2 == 0)
        if cycle is None:
            return
        closes = number % 5 == 0
        # An old client learns the end of such a body from the end of the connection.
        self.begin(cycle, closes=closes or cycle.version == "1.0").is_stream = True
        self.connection.send_head(cycle, 200, [(b"connection", b"close")] if closes else [])

    def streaming(self, number: int) -> Answer | None:
        found = [
            answer
            for answer in self.answers.values()
            if answer.cycle.response is Response.BODY and answer.cycle in self.connection.pipeline
        ]
        return found[number % len(found)] if found else None

    def piece(self, number: int, *, more: bool = True) -> None:
        answer = self.streaming(number)
        if answer is None:
            return
        data = b"%d," % number
        answer.body += data
        self.connection.send_body(answer.cycle, data, more=more)

    def last(self, number: int) -> None:
        self.piece(number, more=False)

    def take_body(self, number: int) -> None:
        pipeline = self.connection.pipeline
        if pipeline:
            self.connection.take_body(pipeline[number % len(pipeline)])

    def continue_(self, _number: int) -> None:
        if self.connection.pipeline and self.connection.pipeline[0].error is None:
            self.connection.send_continue(self.connection.pipeline[0])

    def send(self, _number: int = 0) -> None:
        self.written += self.connection.data_to_send()

    def confirm(self, _number: int) -> None:
        self.send()
        self.connection.confirm_sent()
        self.confirmed |= {
            answer.token
            for answer in self.answers.values()
            if answer.token is not None
            and answer.cycle.response is Response.COMPLETE
            and answer.cycle not in self.connection.pipeline
        }

    def raw(self, number: int) -> None:
        cycle = self.open(number, front=False)
        if cycle is not None:
            self.begin(cycle, closes=True).fault = b"<%d>" % number
            self.connection.send_raw(cycle, b"<%d>" % number)

    def truncate(self, number: int) -> None:
        answer = self.streaming(number)
        if answer is not None:
            answer.closes, answer.fault = True, b"<cut>"
            self.connection.send_raw(answer.cycle, b"<cut>")

    def reset(self, number: int) -> None:
        cycle = self.open(number, front=False)
        if cycle is not None:
            answer = self.begin(cycle, closes=True)
            answer.fault = b""
            self.connection.reset(cycle)

    def eof(self, _number: int) -> None:
        self.has_eof = True
        self.connection.receive_eof()

    def stop(self, _number: int) -> None:
        self.connection.stop_reading()

    def lose(self, _number: int) -> None:
        self.send()
        self.is_lost = True
        self.connection.lose()

    def finish(self) -> None:
        """The client sends the rest, and every request that can be answered is."""
        while not self.has_eof and self.fed < len(self.data) and self.connection.end is None:
            self.connection.receive_data(self.data[self.fed : self.fed + 3000])
            self.fed += 3000
            self.notice()
            self.answer_all()
        if self.connection.end is None:
            self.eof(0)
        self.answer_all()
        self.send()

    def answer_all(self) -> None:
        for _ in range(10_000):
            self.notice()
            if self.connection.end is not None:
                return
            cycle = self.connection.next_request()
            self.notice()
            front = self.connection.pipeline[0] if self.connection.pipeline else None
            if cycle is not None and cycle.error is not None:
                self.connection.send_raw(cycle, b"<%b>" % cycle.error.name.encode())
            elif front is None or not (front.is_whole or front.response is Response.BODY):
                return
            elif front.response is Response.BODY:
                answer = self.answers[id(front)]
                self.connection.send_body(answer.cycle, b"", more=False)
            elif front.error is not None:
                self.connection.send_raw(front, b"<%b>" % front.error.name.encode())
            else:
                self.respond(0)
        raise AssertionError("responding does not end")


# --- the judge


def judge(written: bytes, answers: list[Answer]) -> tuple[list[tuple[int, bytes]], bytes]:
    """As many responses as should be whole, as h11's client reads them, and the bytes behind."""
    client = h11.Connection(h11.CLIENT)
    client.receive_data(written)
    read: list[tuple[int, bytes]] = []
    for answer in answers:
        if read:
            client.start_next_cycle()
        client.send(h11.Request(method="HEAD" if answer.is_head else "GET", target="/", headers=[("Host", "x")]))
        client.send(h11.EndOfMessage())
        status, body = 0, b""
        while not isinstance(event := client.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                client.receive_data(b"")  # the end of the connection ends the body
            elif isinstance(event, h11.Response):
                status = event.status_code
            elif isinstance(event, h11.Data):
                body += bytes(event.data)
            else:
                assert isinstance(event, h11.InformationalResponse)
                assert event.status_code == 100
        read.append((status, body))
    return read, client.trailing_data[0]


def expected(model: Model) -> tuple[list[Answer], Answer | bytes, set[int]]:
    """Whole responses in order; what follows in place of one, or is the beginning of one; tokens that never leave."""
    whole: list[Answer] = []
    behind: Answer | bytes = b""
    lost = {answer.token for answer in model.answers.values() if answer.token is not None}
    for cycle in model.seen:
        answer = model.answers.get(id(cycle))
        if cycle.error is not None:
            behind = b"<%b>" % cycle.error.name.encode()
            break
        if answer is None:
            assert cycle.response is Response.GONE  # it was never whole
            continue
        if answer.fault is not None or cycle.response is Response.GONE:
            behind = answer
            break
        whole.append(answer)
        lost.discard(answer.token)
        if answer.closes:
            break
    return whole, behind, lost


@settings(max_examples=200)
@given(requests=st.lists(sent, min_size=2, max_size=6), tail=tails, steps=steps)
@example(requests=[with_length("GET", b"", b"", "1.1")] * 3, tail=MALFORMED[0], steps=[("receive", 9999)])
def test_state_machine_laws(requests: list[Sent], tail: bytes, steps: list[tuple[str, int]]) -> None:
    model = Model(requests, tail)
    for kind, number in steps:
        model.step("continue_" if kind == "continue" else kind, number)
    if not model.is_lost:
        model.finish()

    check_requests(model)
    check_end(model)
    if model.is_lost:
        given_tokens = {answer.token for answer in model.answers.values()} - {None}
        assert set(model.connection.lost) == given_tokens - model.confirmed
    else:
        check_responses(model)


def check_requests(model: Model) -> None:
    """What the application sees is what was sent, in order."""
    cycles = [cycle for cycle in model.seen if cycle.error is None]
    for cycle, request in zip(cycles, model.requests, strict=False):
        assert cycle.method == request.method
        assert dict(cycle.headers).get(b"host") == b"x"
        assert b"authorization" not in cycle.fields
    assert len(cycles) <= len(model.requests) + 1  # a tail is half a request, or one with a malformed body


def check_end(model: Model) -> None:
    connection = model.connection
    assert connection.end is not None
    assert (connection.reading, list(connection.pipeline), connection.held) == (Reading.CLOSED, [], 0)
    assert connection._parser is None
    assert [cycle for cycle in model.seen if cycle.is_open] == []
    if connection.end is End.HAND_OVER:
        handshake, rest = connection.upgrade
        assert handshake.lower() == WEBSOCKET.lower()
        assert b"\x81\x80abcd".startswith(rest)


def check_responses(model: Model) -> None:
    whole, behind, lost = expected(model)
    read, rest = judge(model.written, whole)

    assert read == [(200, b"" if answer.is_head else answer.body) for answer in whole]
    rest = rest.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
    if isinstance(behind, bytes):
        assert rest == behind
    elif behind.is_stream:
        assert rest.startswith(b"HTTP/1.1 200 OK\r\n")
        assert rest.endswith(behind.fault or b"")
        assert rest.count(b"HTTP/1.1") == 1
    else:
        assert rest == (behind.fault or b"")
    assert set(model.connection.lost) == lost
    model.connection.confirm_sent()
    model.connection.lose()
    assert sorted(model.connection.lost) == sorted(lost)  # type: ignore[type-var]


@settings(max_examples=50)
@given(requests=st.lists(sent, max_size=4), tail=tails, steps=steps)
def test_ended_connection_is_collected(requests: list[Sent], tail: bytes, steps: list[tuple[str, int]]) -> None:
    gc.disable()
    try:
        model = Model(requests, tail)
        for kind, number in steps:
            model.step("continue_" if kind == "continue" else kind, number)
        model.lose(0)
        left = [weakref.ref(model.connection), *map(weakref.ref, model.seen)]
        del model
        assert [ref() for ref in left if ref() is not None] == []  # type: ignore[operator]
    finally:
        gc.enable()


@settings(max_examples=100)
@given(requests=st.lists(sent, min_size=1, max_size=5), sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=20))
def test_segmentation_does_not_matter(requests: list[Sent], sizes: list[int]) -> None:
    """What the application sees depends on the bytes, not on how they arrive."""

    def read(sizes: list[int]) -> list[tuple[str, str, bytes, list[tuple[bytes, bytes]]]]:
        connection, read = Http1Connection(), []
        data = b"".join(request.data for request in requests)
        turn = 0
        while data and connection.end is None:
            size = sizes[turn % len(sizes)]
            connection.receive_data(data[:size])
            data, turn = data[size:], turn + 1
            while connection.pipeline and connection.pipeline[0].is_whole:
                cycle = connection.pipeline[0]
                read.append((cycle.method, cycle.target, connection.take_body(cycle), cycle.headers))
                connection.send_response(cycle, 200, b"content-length: 0\r\n", b"")
                connection.next_request()  # parses what had no room
        return read

    whole = read([10**6])
    assert read(sizes) == whole
    closing = next((number for number, request in enumerate(requests) if request.is_last), len(requests) - 1)
    assert [(method, body) for method, _, body, _ in whole] == [
        (request.method, request.body) for request in requests[: closing + 1]
    ]


@settings(max_examples=200)
@given(st.lists(st.binary(max_size=40) | st.sampled_from([*MALFORMED, *HALVES, WEBSOCKET, b"\r\n", H2C]), max_size=10))
def test_no_input_raises(pieces: list[bytes]) -> None:
    connection = Http1Connection()

    def answer_all() -> None:
        while connection.pipeline and (cycle := connection.pipeline[0]).is_whole:
            connection.take_body(cycle)
            connection.send_response(cycle, 200, b"content-length: 0\r\n", b"")
            connection.next_request()

    for piece in pieces:
        connection.receive_data(piece)
        answer_all()
    connection.receive_eof()
    answer_all()

    assert connection.end is not None
    assert connection.reading is Reading.CLOSED
