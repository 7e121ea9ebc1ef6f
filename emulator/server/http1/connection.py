"""An HTTP/1.1 server connection without I/O: bytes in, requests out; responses in, bytes out.

httptools parses; `states.py` says what may follow what; this module keeps the pipeline. Responses may be sent in any
order, and leave in the order of their requests. No socket, no clock, no event loop: the caller brings bytes and takes
what `data_to_send` and `end` hold after each call. No input raises out of here; wrong calls of the application do.
"""

from collections import deque

import httptools

from emulator.server.http1 import response_head
from emulator.server.http1.cycle import HEADER, Cycle, End
from emulator.server.http1.request_head import Headers, RequestError, check_headers, expects_continue, origin_form
from emulator.server.http1.response_head import CLOSE, CONTINUE, LAST_CHUNK, STATUS_LINES, Framing
from emulator.server.http1.states import READING, RESPONSE, Reading, Received, Response, Sent, Then
from emulator.wire.errors import HEAD_TOO_LARGE, REQUEST_MALFORMED, ErrorSpec

MAX_HEAD = 64 * 1024
"""Bytes of a request line and its headers, and of what frames a chunked body: trailers and chunk extensions."""
MAX_PIPELINED = 64
"""Requests that wait on one connection; the client's further bytes stay unparsed, and then unread."""
MAX_QUEUED = 64 * 1024
"""Bytes of memory of the requests on one connection when there are several; beyond this, the same."""
MAX_UNREAD_BODY = 64 * 1024
"""Bytes of bodies that the application has not taken; beyond this the client's further bytes stay unread."""
MAX_DISCARDED = 16 * 1024 * 1024
"""Bytes to discard behind the last response, so that a client that is still writing gets to read it."""
MAX_HEADERS = 256
"""Headers of a request; each takes far more memory than its bytes."""
_PIECE = 4096  # bytes parsed at a time: at most 227 requests, so that the pipeline's bound holds nearly
_CHUNK_OVERHEAD = 16  # bytes of framing that each chunk may have without being counted
_BODY_PIECE = 48  # bytes of memory that a piece of a body takes beyond its own
_OFFER = frozenset({b"upgrade", b"http2-settings"})
_BODY = frozenset({b"content-length", b"transfer-encoding"})
_VERSIONS = frozenset({"1.0", "1.1"})
# Looked up for every request: a name of the module costs a third of an enumeration's member.
_IDLE, _HEAD, _READING_CLOSED = Reading.IDLE, Reading.HEAD, Reading.CLOSED
_MESSAGE_BEGIN, _HEAD_COMPLETE = Received.MESSAGE_BEGIN, Received.HEAD_COMPLETE
_MESSAGE_COMPLETE, _LAST_MESSAGE_COMPLETE = Received.MESSAGE_COMPLETE, Received.LAST_MESSAGE_COMPLETE
_NOTHING, _COMPLETE, _WHOLE = Then.NOTHING, Response.COMPLETE, Sent.WHOLE
WEBSOCKET_PATH = b"/signal"


class _StopParsingError(Exception):
    """Raised in a callback: the rest of the bytes is not to be read."""


class Http1Connection:
    """The server's side of one connection.

    Attributes:
        reading: what the client's next byte belongs to.
        end: how to end the connection once `data_to_send()` is out; None while it goes on.
        received_eof: the client will send nothing more.
        messages: how many requests have begun.
        upgrade: a WebSocket's opening handshake, and the bytes behind it, when `end` is HAND_OVER.
        pipeline: requests whose responses are not complete, in their order.
        output: bytes to send; `data_to_send` takes them.
        lost: tokens of responses that the client did not get; the caller takes them out.
    """

    def __init__(self) -> None:
        self.reading = Reading.IDLE
        self.end: End | None = None
        self.received_eof = False
        self.messages = 0
        self.upgrade = (b"", b"")
        self.lost: list[object] = []
        self.pipeline: deque[Cycle] = deque()
        self._unparsed = b""
        self._stops_reading = False  # once all that was received is parsed
        self._discarded = 0
        self._may_have_unread = False  # bytes of the client that nobody will read
        self.output: list[bytes] = []
        self._unconfirmed: list[object] = []  # tokens of responses that may not have left the process
        self._url = b""
        self._headers: Headers = []
        self._fed = 0  # bytes of the message that is being parsed, but for its first piece
        self._head: bytes | bytearray = b""  # what has the request line of the message that is being parsed
        self._first_piece = 0  # bytes of the piece in which it began
        self._is_chunked = False
        self._framing = 0  # bytes of its chunked body that are not data
        self._is_upgrading = False
        self._parser: httptools.HttpRequestParser | None = self._new_parser()

    # --- from the client

    def receive_data(self, data: bytes) -> None:
        """Take bytes of the client; those that there is no room for are parsed later."""
        if self.end is End.HAND_OVER:
            head, rest = self.upgrade
            self.upgrade = head, rest + data
        elif self.reading is _READING_CLOSED:
            self._may_have_unread = True
            self._discarded += len(data)
        elif self._unparsed or len(data) > _PIECE or (self.pipeline and self._is_full()):
            self._unparsed += data
            self._parse()
        else:
            self._feed(data)

    def receive_eof(self) -> None:
        """The client will send nothing more; it still gets the responses that are due."""
        self.received_eof = True
        if self.end is End.LINGER:
            self.end = End.CLOSE
        self.stop_reading()
        for cycle in self.pipeline:
            _notify(cycle)

    def stop_reading(self) -> None:
        """Answer what was received, and close then."""
        self._stops_reading = True
        self._parse()

    def refuse(self, problem: ErrorSpec) -> bool:
        """Answer what is incomplete or unparsed with this error behind all earlier responses, and close.

        Returns False when all that was received are requests that are complete.
        """
        if self.reading is _READING_CLOSED or (self.reading is _IDLE and not self._unparsed):
            return False
        self._fail(problem)
        return True

    def lose(self) -> None:
        """The connection is gone."""
        self.lost += self._unconfirmed
        self._unconfirmed = []
        self._close(End.RESET)

    # --- to the application

    def next_request(self) -> Cycle | None:
        """Give the first request of the pipeline, if it was not given before."""
        if self._unparsed or self._stops_reading:
            self._parse()
        if not self.pipeline or (cycle := self.pipeline[0]).is_taken:
            return None
        cycle.is_taken = True
        return cycle

    def take_body(self, cycle: Cycle) -> bytes:
        """Give what was read of a request's body since the last call."""
        pieces, cycle.pieces = cycle.pieces, []
        cycle.unread = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # --- from the application

    def send_continue(self, cycle: Cycle) -> None:
        """Let a client go on that waits for 100 Continue before it sends the body."""
        if cycle.expects_continue and cycle.response is Response.NONE and not cycle.is_whole:
            self._respond(cycle, Sent.CONTINUE, CONTINUE)
        cycle.expects_continue = False

    def send_response(self, cycle: Cycle, status: int, head: bytes, body: bytes, token: object = None) -> None:
        """Send a whole response.

        Args:
            cycle: what it answers.
            status: the HTTP status.
            head: header lines, each with its end; Content-Length among them.
            body: left out for HEAD.
            token: joins `lost` when the client does not get all of it.
        """
        close = b""
        if self._is_last(cycle):
            cycle.end, close = cycle.end or End.CLOSE, CLOSE
        cycle.token = token
        shown = b"" if cycle.method == "HEAD" else body
        self._respond(cycle, _WHOLE, b"%b%b%b\r\n%b" % (STATUS_LINES[status], head, close, shown))

    def send_head(self, cycle: Cycle, status: int, headers: Headers) -> None:
        """Begin a response."""
        length = response_head.declared_length(headers)
        cycle.framing = response_head.framing_of(status, length, method=cycle.method, version=cycle.version)
        cycle.left = length or 0
        asked = response_head.asks_to_close(headers)
        closes = asked or cycle.framing is Framing.CLOSE or self._is_last(cycle)
        if closes:
            cycle.end = cycle.end or End.CLOSE
        self._respond(
            cycle, Sent.HEAD, response_head.render(status, headers, cycle.framing, close=closes and not asked)
        )

    def send_body(self, cycle: Cycle, data: bytes, *, more: bool) -> None:
        """Send a piece of a response's body.

        Raises:
            ValueError: the body is not as long as its Content-Length.
        """
        if cycle.framing is Framing.LENGTH:
            cycle.left -= len(data)
            if cycle.left < 0 or (cycle.left > 0 and not more):
                raise ValueError("the body of the response is not as long as its Content-Length")
        elif cycle.framing is Framing.NONE:
            data = b""
        elif cycle.framing is Framing.CHUNKED:
            data = response_head.chunk(data) + (b"" if more else LAST_CHUNK)
        self._respond(cycle, Sent.BODY if more else Sent.LAST, data)

    def send_raw(self, cycle: Cycle, data: bytes) -> None:
        """Send these bytes in place of a response, or of the rest of it, and close."""
        cycle.end = cycle.end or End.CLOSE
        self._respond(cycle, Sent.RAW, data)

    def reset(self, cycle: Cycle) -> None:
        """Reset the connection in place of a response, or of the rest of it."""
        cycle.end = End.RESET
        self._respond(cycle, Sent.RAW, b"")

    # --- to the client

    def data_to_send(self) -> bytes:
        """Take the bytes that are to be sent."""
        out, self.output = self.output, []
        return out[0] if len(out) == 1 else b"".join(out)

    def confirm_sent(self) -> None:
        """All that was taken from `data_to_send` has left the process."""
        if self._unconfirmed:
            self._unconfirmed = []

    @property
    def wants_data(self) -> bool:
        """Whether the client should be read from."""
        if self.reading is _READING_CLOSED:
            return self._discarded < MAX_DISCARDED  # reading on, to notice that the client leaves
        unread = sum(cycle.unread for cycle in self.pipeline)
        return not self._unparsed and unread <= MAX_UNREAD_BODY and not self._is_full()

    @property
    def is_responding(self) -> bool:
        """Whether the response to a whole request is due."""
        return bool(self.pipeline) and self.pipeline[0].is_whole

    @property
    def held(self) -> int:
        """Bytes of memory that the client's data takes."""
        held = len(self._unparsed) + self._pipeline_size()
        if self.reading is _HEAD:
            held += 2 * (self._first_piece + self._fed) + HEADER * len(self._headers)  # parsed, and as sent
        elif self.reading is Reading.BODY:
            held += self._framing + HEADER * len(self._headers)  # trailers
        return held

    # --- httptools' callbacks

    def on_message_begin(self) -> None:
        """Begin a request."""
        self.reading, then = READING[self.reading][_MESSAGE_BEGIN]
        if then is not _NOTHING:
            raise _StopParsingError
        self.messages += 1
        self._fed = 0

    def on_url(self, url: bytes) -> None:
        """Take a piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header. A trailer is kept until its request is complete, and used for nothing."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Check the head; the request joins the pipeline."""
        if self._fed > MAX_HEAD - _PIECE and self._head_size() > MAX_HEAD:
            raise RequestError(HEAD_TOO_LARGE)
        parser, headers = self._parser, self._headers
        assert parser is not None
        method, version = parser.get_method(), parser.get_http_version()
        if version not in _VERSIONS or method == b"CONNECT":
            raise RequestError(REQUEST_MALFORMED)
        # The parser skips further spaces, which may not be there (RFC 9112, 3).
        line = b" ".join((method, self._url, b"HTTP/"))
        if not self._head.startswith(line) and line not in self._head:
            raise RequestError(REQUEST_MALFORMED)
        if len(headers) > MAX_HEADERS:
            raise RequestError(HEAD_TOO_LARGE)
        fields = dict(headers)
        self._is_chunked = check_headers(headers, fields, version)
        if parser.should_upgrade():
            self._is_upgrading = True
            return
        target = self._url
        if b"#" in target or not target.startswith(b"/"):
            target = origin_form(method, target, headers, fields)
        self._url, self._headers = b"", []
        cycle = Cycle(method.decode(), target.decode("latin-1"), headers, fields, version)
        cycle.keep_alive = version == "1.1" and parser.should_keep_alive()
        if b"expect" in fields:
            cycle.expects_continue = expects_continue(fields, version)
        self._framing = 0
        self.pipeline.append(cycle)
        self.reading, _ = READING[self.reading][_HEAD_COMPLETE]

    def on_body(self, data: bytes) -> None:
        """Take a piece of the body; it is dropped once the response is complete."""
        cycle = self.pipeline[-1]
        size = len(data)
        self._framing -= size
        if cycle.response < _COMPLETE:
            cycle.pieces.append(data)
            cycle.unread += size + _BODY_PIECE
            cycle.body_size += size
            if cycle.notify is not None:
                cycle.notify()

    def on_chunk_header(self) -> None:
        """Allow for the framing of one chunk."""
        self._framing -= _CHUNK_OVERHEAD

    def on_message_complete(self) -> None:
        """Complete the request."""
        if self._is_upgrading:
            return
        if self._is_chunked:
            self._headers = []
        cycle = self.pipeline[-1]
        self.reading, _ = READING[self.reading][_MESSAGE_COMPLETE if cycle.keep_alive else _LAST_MESSAGE_COMPLETE]
        cycle.is_whole = True
        if cycle.notify is not None:
            cycle.notify()

    # --- parsing

    def _parse(self) -> None:
        """Parse what waits, as far as there is room in the pipeline."""
        while self._unparsed and not self._is_full():
            piece, self._unparsed = self._unparsed[:_PIECE], self._unparsed[_PIECE:]
            self._feed(piece)
        if self._stops_reading and not self._unparsed:
            self._stops_reading = False
            self._advance(Received.EOF)
            self._release()

    def _is_full(self) -> bool:
        """Whether the pipeline is full, so that the client's further bytes are not parsed."""
        if len(self.pipeline) < 2:  # noqa: PLR2004  nothing waits for another request
            return False
        return len(self.pipeline) >= MAX_PIPELINED or self._pipeline_size() > MAX_QUEUED

    def _pipeline_size(self) -> int:
        return sum(cycle.size for cycle in self.pipeline)

    def _feed(self, data: bytes) -> None:
        """Parse one piece. An upgrade that is ignored is followed by the same request without its offer."""
        assert self._parser is not None
        if self.reading is _HEAD:
            self._head += data
        else:
            self._head = data
        self._fed += len(data)
        framing, size, messages = self._framing, len(data), self.messages
        while data:
            try:
                self._parser.feed_data(data)
                break
            except httptools.HttpParserUpgrade as upgrade:
                data = self._after_upgrade(data[upgrade.args[0] :])
            except httptools.HttpParserCallbackError as error:
                self._fail_callback(error.__context__)
                break
            except httptools.HttpParserError:
                self._fail(REQUEST_MALFORMED)
                break
        if self.reading is not _HEAD:
            self._head = b""
        if self.reading is not _IDLE:
            if messages != self.messages:
                framing, self._first_piece, self._head = 0, size, bytearray(self._head[-size:])
            self._check_piece(framing, size)

    def _check_piece(self, framing: int, size: int) -> None:
        """Check the bounds of an unfinished message, or end what has come to its end.

        Args:
            framing: bytes of its chunked body before this piece that are not data.
            size: of the piece.
        """
        if self.reading is Reading.CLOSED:
            self._may_have_unread |= bool(self._unparsed)
            self._unparsed = b""
            self._end_if_done()
            return
        if self.reading is Reading.BODY:
            self._framing = max(framing, self._framing + size) if self._is_chunked else 0
            is_too_large = self._framing > MAX_HEAD
        else:
            is_too_large = self._fed > MAX_HEAD
        if is_too_large or len(self._headers) > MAX_HEADERS:
            self._fail(HEAD_TOO_LARGE)

    def _fail_callback(self, cause: BaseException | None) -> None:
        """A callback of ours stopped the parser."""
        if isinstance(cause, RequestError):
            self._fail(cause.problem)
        elif isinstance(cause, _StopParsingError):
            self._may_have_unread = True
        else:
            raise cause or AssertionError("httptools stopped without a cause")

    def _after_upgrade(self, rest: bytes) -> bytes:
        """Hand the connection over to a WebSocket, or return the bytes to go on with.

        httptools drops the body of a request that offers an upgrade. Java's HttpClient offers h2c with every request
        over plain http, so the head is parsed again without the offer.
        """
        self._is_upgrading = False
        if self._is_websocket():
            self.upgrade = (self._written_head(), rest + self._unparsed)
            self._advance(Received.UPGRADE)
            return b""
        head = self._written_head(without=_OFFER)
        self._parser = self._new_parser()
        self._url, self._headers = b"", []
        self.messages -= 1  # it begins again
        return head + rest

    def _is_websocket(self) -> bool:
        """Whether this opens a WebSocket where there is one, with no response due before it."""
        assert self._parser is not None
        fields = dict(self._headers)
        return (
            not self.pipeline
            and self._parser.get_method() == b"GET"
            and self._url.partition(b"?")[0] == WEBSOCKET_PATH
            and b"#" not in self._url
            and self._parser.get_http_version() == "1.1"
            and fields.get(b"upgrade", b"").lower() == b"websocket"
            and not fields.keys() & _BODY
        )

    def _written_head(self, without: frozenset[bytes] = frozenset()) -> bytes:
        """The head of the request, written again."""
        assert self._parser is not None
        lines = [
            b"%b %b HTTP/%b\r\n" % (self._parser.get_method(), self._url, self._parser.get_http_version().encode())
        ]
        lines += [b"%b: %b\r\n" % header for header in self._headers if header[0] not in without]
        return b"".join([*lines, b"\r\n"])

    def _head_size(self) -> int:
        return len(self._url) + sum(len(name) + len(value) + 4 for name, value in self._headers)

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # Bytes behind a last request are not an error: they are not read (`Then.STOP_PARSING`).
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    # --- transitions

    def _advance(self, event: Received) -> Then:
        """Walk the table of the reading side."""
        self.reading, then = READING[self.reading][event]
        if then is not _NOTHING:
            if then is Then.DROP_REQUEST or then is Then.FAIL_REQUEST:
                self._drop_incomplete()
            elif then is Then.HAND_OVER:
                self._close(End.HAND_OVER)
        return then

    def _fail(self, problem: ErrorSpec) -> None:
        """Answer what cannot be read behind all earlier responses, and close."""
        self._may_have_unread = True
        then = self._advance(Received.ERROR)
        if then is not _NOTHING and (not self.pipeline or self.pipeline[-1].end is None):
            self.pipeline.append(Cycle.of_error(problem))
        self._unparsed = self._url = self._head = b""
        self._headers = []
        self._parser = None
        self._release()

    def _drop_incomplete(self) -> None:
        """The last request will never be whole. A response to it that has begun cannot end well."""
        cycle = self.pipeline[-1]
        if not cycle.is_open:
            return
        if cycle.response is Response.BODY:
            cycle.end = End.RESET
        else:
            self.pipeline.pop()
        self._give_up(cycle)

    def _respond(self, cycle: Cycle, sent: Sent, data: bytes) -> None:
        """Walk the table of the response; send now or in turn.

        Raises:
            RuntimeError: the application sends what may not follow.
        """
        following = RESPONSE[cycle.response].get(sent)
        if following is None:
            raise RuntimeError(f"{sent.name} cannot follow {cycle.response.name} in a response")
        cycle.response = following
        if following is Response.GONE:
            self._lose_token(cycle)
            return
        if self.pipeline[0] is cycle:
            self.output.append(data)
        else:
            cycle.pending.append(data)
        if following is _COMPLETE:
            self._release()

    def _release(self) -> None:
        """Let completed requests leave the pipeline from its front, and the next response take its turn."""
        pipeline = self.pipeline
        while pipeline and pipeline[0].response >= _COMPLETE:
            cycle = pipeline.popleft()
            self._may_have_unread |= not cycle.is_whole
            if cycle.token is not None:
                self._unconfirmed.append(cycle.token)
            if cycle.end is not None:
                self._close(cycle.end)
                return
            if pipeline:
                self.output += pipeline[0].pending
                pipeline[0].pending = []
        if self.reading is _READING_CLOSED:
            self._end_if_done()

    def _end_if_done(self) -> None:
        """Close once nothing more is read and every response is complete."""
        if not self.pipeline and self.end is None:
            self._close(End.CLOSE)

    def _close(self, end: End) -> None:
        """End the connection; what is left in the pipeline gets no response."""
        if end is End.CLOSE and self._may_have_unread and not self.received_eof:
            end = End.LINGER
        self.end = end
        self._advance(Received.ENDED)
        for cycle in self.pipeline:
            self._give_up(cycle)
        self.pipeline.clear()
        self._unparsed = b""
        self._parser = None  # it refers to this object

    def _give_up(self, cycle: Cycle) -> None:
        """There is no response to this request, or nobody to send it to."""
        cycle.response = RESPONSE[cycle.response][Sent.GONE]
        self._lose_token(cycle)
        _notify(cycle)

    def _lose_token(self, cycle: Cycle) -> None:
        if cycle.token is not None:
            self.lost.append(cycle.token)
            cycle.token = None

    def _is_last(self, cycle: Cycle) -> bool:
        """Whether the connection ends behind this response."""
        if not cycle.keep_alive or not cycle.is_whole:
            return True
        return self.reading is _READING_CLOSED and bool(self.pipeline) and self.pipeline[-1] is cycle


def _notify(cycle: Cycle) -> None:
    if cycle.notify is not None:
        cycle.notify()
