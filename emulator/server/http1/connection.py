"""An HTTP/1.1 server connection without I/O: bytes in, requests out; responses in, bytes out.

httptools parses; `states.py` defines the transitions; this module keeps the pipeline. The application may send
responses in any order; they are output in the order of their requests. There is no socket, clock or event loop: the
caller passes bytes in and reads `data_to_send` and `end` after each call. No input raises an exception; wrong calls of
the application do.
"""

from collections import deque

import httptools

from emulator.server.http1 import response_head
from emulator.server.http1.request_cycle import HEADER, End, RequestCycle
from emulator.server.http1.request_head import Headers, RequestError, check_headers, expects_continue, origin_form
from emulator.server.http1.response_head import CLOSE, CONTINUE, LAST_CHUNK, STATUS_LINES, Framing
from emulator.server.http1.states import READING, RESPONSE, Reading, Received, Response, Sent, Then
from emulator.wire.errors import HEAD_TOO_LARGE, REQUEST_MALFORMED, ErrorSpec

MAX_HEAD = 64 * 1024
"""Bytes of a request line and its headers, and of the framing of a chunked body: trailers and chunk extensions."""
MAX_PIPELINED = 64
"""Requests waiting on one connection; beyond this, the client's bytes stay unparsed, and then unread."""
MAX_QUEUED = 64 * 1024
"""Bytes of memory of the requests on one connection when there are several; beyond this, as MAX_PIPELINED."""
MAX_UNREAD_BODY = 64 * 1024
"""Bytes of bodies that the application has not taken; beyond this, the client's bytes stay unread."""
MAX_DISCARDED = 16 * 1024 * 1024
"""Bytes to discard after the last response, so that a client that is still writing can read it."""
MAX_HEADERS = 256
"""Headers per request; each takes far more memory than its bytes."""
_PIECE = 4096  # bytes parsed at a time: at most 227 requests, so that the pipeline barely exceeds its bound
_CHUNK_OVERHEAD = 16  # uncounted bytes of framing per chunk
_BODY_PIECE = 48  # bytes of memory overhead per piece of a body
_OFFER = frozenset({b"upgrade", b"http2-settings"})
_BODY = frozenset({b"content-length", b"transfer-encoding"})
_VERSIONS = frozenset({"1.0", "1.1"})
# Looked up for every request: a module global costs a third of an enum member.
_IDLE, _HEAD, _READING_CLOSED = Reading.IDLE, Reading.HEAD, Reading.CLOSED
_MESSAGE_BEGIN, _HEAD_COMPLETE = Received.MESSAGE_BEGIN, Received.HEAD_COMPLETE
_MESSAGE_COMPLETE, _LAST_MESSAGE_COMPLETE = Received.MESSAGE_COMPLETE, Received.LAST_MESSAGE_COMPLETE
_NOTHING, _COMPLETE, _WHOLE = Then.NOTHING, Response.COMPLETE, Sent.WHOLE
WEBSOCKET_PATH = b"/signal"


class _StopParsingError(Exception):
    """Raised in a callback to stop parsing."""


class Http1Connection:
    """Server side of one connection.

    Attributes:
        reading: state of the reading side.
        end: how to end the connection once `data_to_send()` is sent; None while it stays open.
        received_eof: whether the client sent EOF.
        messages: number of requests begun.
        upgrade: a WebSocket's opening handshake, and the bytes after it, when `end` is HAND_OVER.
        pipeline: requests whose responses are incomplete, in order.
        output: bytes to send; `data_to_send` removes them.
        lost: tokens of responses that the client did not receive; the caller removes them.
    """

    def __init__(self) -> None:
        self.reading = Reading.IDLE
        self.end: End | None = None
        self.received_eof = False
        self.messages = 0
        self.upgrade = (b"", b"")
        self.lost: list[object] = []
        self.pipeline: deque[RequestCycle] = deque()
        self._unparsed = b""
        self._stops_reading = False  # once all received bytes are parsed
        self._discarded = 0
        self._may_have_unread = False  # the client may have sent bytes that are never read
        self.output: list[bytes] = []
        self._unconfirmed: list[object] = []  # tokens of responses that may not have left the process
        self._url = b""
        self._headers: Headers = []
        self._fed = 0  # bytes of the message being parsed, without its first piece
        self._head: bytes | bytearray = b""  # contains the request line of the message being parsed
        self._first_piece = 0  # bytes of the piece in which the message began
        self._is_chunked = False
        self._framing = 0  # bytes of a chunked body that are not data
        self._is_upgrading = False
        self._parser: httptools.HttpRequestParser | None = self._new_parser()

    # --- from the client

    def receive_data(self, data: bytes) -> None:
        """Receive bytes; those beyond the pipeline's bounds are parsed later."""
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
        """Receive EOF; the client still receives the responses that are due."""
        self.received_eof = True
        if self.end is End.LINGER:
            self.end = End.CLOSE
        self.stop_reading()
        for cycle in self.pipeline:
            _notify(cycle)

    def stop_reading(self) -> None:
        """Answer the received requests, then close."""
        self._stops_reading = True
        self._parse()

    def refuse(self, problem: ErrorSpec) -> bool:
        """Answer incomplete or unparsed input with this error after all earlier responses, and close.

        Returns False when everything received consists of complete requests.
        """
        if self.reading is _READING_CLOSED or (self.reading is _IDLE and not self._unparsed):
            return False
        self._fail(problem)
        return True

    def lose(self) -> None:
        """Mark the connection as lost, and every unconfirmed response too."""
        self.lost += self._unconfirmed
        self._unconfirmed = []
        self._close(End.RESET)

    # --- to the application

    def next_request(self) -> RequestCycle | None:
        """Return the first request of the pipeline, unless it was returned before."""
        if self._unparsed or self._stops_reading:
            self._parse()
        if not self.pipeline or (cycle := self.pipeline[0]).is_taken:
            return None
        cycle.is_taken = True
        return cycle

    def take_body(self, cycle: RequestCycle) -> bytes:
        """Return the part of a request's body that was read since the last call."""
        pieces, cycle.pieces = cycle.pieces, []
        cycle.unread = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # --- from the application

    def send_continue(self, cycle: RequestCycle) -> None:
        """Send 100 Continue if the client waits for it before it sends the body."""
        if cycle.expects_continue and cycle.response is Response.NONE and not cycle.is_whole:
            self._respond(cycle, Sent.CONTINUE, CONTINUE)
        cycle.expects_continue = False

    def send_response(self, cycle: RequestCycle, status: int, head: bytes, body: bytes, token: object = None) -> None:
        """Send a complete response.

        Args:
            cycle: the request.
            status: the HTTP status.
            head: header lines with CRLF, including Content-Length.
            body: omitted for HEAD.
            token: appended to `lost` when the client does not receive all of the response.
        """
        close = b""
        if self._is_last(cycle):
            cycle.end, close = cycle.end or End.CLOSE, CLOSE
        cycle.token = token
        shown = b"" if cycle.method == "HEAD" else body
        self._respond(cycle, _WHOLE, b"%b%b%b\r\n%b" % (STATUS_LINES[status], head, close, shown))

    def send_head(self, cycle: RequestCycle, status: int, headers: Headers) -> None:
        """Send the head of a response; choose the framing of its body."""
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

    def send_body(self, cycle: RequestCycle, data: bytes, *, more: bool) -> None:
        """Send a piece of a response's body.

        Raises:
            ValueError: the body's length differs from its Content-Length.
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

    def send_raw(self, cycle: RequestCycle, data: bytes) -> None:
        """Send these bytes instead of a response, or of the rest of it, and close."""
        cycle.end = cycle.end or End.CLOSE
        self._respond(cycle, Sent.RAW, data)

    def reset(self, cycle: RequestCycle) -> None:
        """Reset the connection instead of sending a response, or the rest of it."""
        cycle.end = End.RESET
        self._respond(cycle, Sent.RAW, b"")

    # --- to the client

    def data_to_send(self) -> bytes:
        """Remove and return the bytes to send."""
        out, self.output = self.output, []
        return out[0] if len(out) == 1 else b"".join(out)

    def confirm_sent(self) -> None:
        """Record that all bytes taken from `data_to_send` have left the process."""
        if self._unconfirmed:
            self._unconfirmed = []

    @property
    def wants_data(self) -> bool:
        """Whether to read from the client."""
        if self.reading is _READING_CLOSED:
            return self._discarded < MAX_DISCARDED  # continue reading, to notice a disconnect
        unread = sum(cycle.unread for cycle in self.pipeline)
        return not self._unparsed and unread <= MAX_UNREAD_BODY and not self._is_full()

    @property
    def is_responding(self) -> bool:
        """Whether the response to a complete request is due."""
        return bool(self.pipeline) and self.pipeline[0].is_whole

    @property
    def held(self) -> int:
        """Bytes of memory taken by the client's data."""
        held = len(self._unparsed) + self._pipeline_size()
        if self.reading is _HEAD:
            held += 2 * (self._first_piece + self._fed) + HEADER * len(self._headers)  # parsed, and as sent
        elif self.reading is Reading.BODY:
            held += self._framing + HEADER * len(self._headers)  # trailers
        return held

    # --- httptools' callbacks

    def on_message_begin(self) -> None:
        """Enter the head of the next request."""
        self.reading, then = READING[self.reading][_MESSAGE_BEGIN]
        if then is not _NOTHING:
            raise _StopParsingError
        self.messages += 1
        self._fed = 0

    def on_url(self, url: bytes) -> None:
        """Append a piece of the request target."""
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Append a header. A trailer is kept until its request is complete, and ignored."""
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """Check the head and append the request to the pipeline."""
        if self._fed > MAX_HEAD - _PIECE and self._head_size() > MAX_HEAD:
            raise RequestError(HEAD_TOO_LARGE)
        parser, headers = self._parser, self._headers
        assert parser is not None
        method, version = parser.get_method(), parser.get_http_version()
        if version not in _VERSIONS or method == b"CONNECT":
            raise RequestError(REQUEST_MALFORMED)
        # The parser skips additional spaces, which are not allowed (RFC 9112, 3).
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
        cycle = RequestCycle(method.decode(), target.decode("latin-1"), headers, fields, version)
        cycle.keep_alive = version == "1.1" and parser.should_keep_alive()
        if b"expect" in fields:
            cycle.expects_continue = expects_continue(fields, version)
        self._framing = 0
        self.pipeline.append(cycle)
        self.reading, _ = READING[self.reading][_HEAD_COMPLETE]

    def on_body(self, data: bytes) -> None:
        """Append a piece of the body; discard it if the response is complete."""
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
        """Exempt the framing of one chunk from the count."""
        self._framing -= _CHUNK_OVERHEAD

    def on_message_complete(self) -> None:
        """Mark the request as complete and notify its application."""
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
        """Parse waiting bytes until the pipeline is full."""
        while self._unparsed and not self._is_full():
            piece, self._unparsed = self._unparsed[:_PIECE], self._unparsed[_PIECE:]
            self._feed(piece)
        if self._stops_reading and not self._unparsed:
            self._stops_reading = False
            self._advance(Received.EOF)
            self._release()

    def _is_full(self) -> bool:
        """Whether the pipeline is full, so that no more bytes are parsed."""
        if len(self.pipeline) < 2:  # noqa: PLR2004  nothing waits for another request
            return False
        return len(self.pipeline) >= MAX_PIPELINED or self._pipeline_size() > MAX_QUEUED

    def _pipeline_size(self) -> int:
        return sum(cycle.size for cycle in self.pipeline)

    def _feed(self, data: bytes) -> None:
        """Parse one piece. After an ignored upgrade, parse the same request again without its offer."""
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
        """Check the bounds of an incomplete message; if the reading side is closed, end the connection when it is done.

        Args:
            framing: bytes of its chunked body before this piece that are not data.
            size: bytes of the piece.
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
        """Handle an exception by which a callback stopped the parser."""
        if isinstance(cause, RequestError):
            self._fail(cause.problem)
        elif isinstance(cause, _StopParsingError):
            self._may_have_unread = True
        else:
            raise cause or AssertionError("httptools stopped without a cause")

    def _after_upgrade(self, rest: bytes) -> bytes:
        """Hand the connection over to a WebSocket, or return the bytes to continue with.

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
        self.messages -= 1  # the head is parsed again
        return head + rest

    def _is_websocket(self) -> bool:
        """Whether this opens a WebSocket at `WEBSOCKET_PATH`, with no earlier response due."""
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
        """The serialized head of the request."""
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
        # Bytes after a last request are not an error: they are not read (`Then.STOP_PARSING`).
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    # --- transitions

    def _advance(self, event: Received) -> Then:
        """Apply an event to the transition table of the reading side."""
        self.reading, then = READING[self.reading][event]
        if then is not _NOTHING:
            if then is Then.DROP_REQUEST or then is Then.FAIL_REQUEST:
                self._drop_incomplete()
            elif then is Then.HAND_OVER:
                self._close(End.HAND_OVER)
        return then

    def _fail(self, problem: ErrorSpec) -> None:
        """Answer malformed input with an error after all earlier responses, and close."""
        self._may_have_unread = True
        then = self._advance(Received.ERROR)
        if then is not _NOTHING and (not self.pipeline or self.pipeline[-1].end is None):
            self.pipeline.append(RequestCycle.of_error(problem))
        self._unparsed = self._url = self._head = b""
        self._headers = []
        self._parser = None
        self._release()

    def _drop_incomplete(self) -> None:
        """Drop the last request, which stays incomplete. If its response has begun, reset the connection."""
        cycle = self.pipeline[-1]
        if not cycle.is_open:
            return
        if cycle.response is Response.BODY:
            cycle.end = End.RESET
        else:
            self.pipeline.pop()
        self._give_up(cycle)

    def _respond(self, cycle: RequestCycle, sent: Sent, data: bytes) -> None:
        """Apply an event to the transition table of the response; output the data now or in pipeline order.

        Raises:
            RuntimeError: the application sends something that is not allowed in this state.
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
        """Remove completed requests from the front of the pipeline; output pending data of the next response."""
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
        """Close if reading has ended and every response is complete."""
        if not self.pipeline and self.end is None:
            self._close(End.CLOSE)

    def _close(self, end: End) -> None:
        """End the connection; requests left in the pipeline receive no response."""
        if end is End.CLOSE and self._may_have_unread and not self.received_eof:
            end = End.LINGER
        self.end = end
        self._advance(Received.ENDED)
        for cycle in self.pipeline:
            self._give_up(cycle)
        self.pipeline.clear()
        self._unparsed = b""
        self._parser = None  # it refers to this object

    def _give_up(self, cycle: RequestCycle) -> None:
        """Mark the response as gone: it does not exist, or has no recipient."""
        cycle.response = RESPONSE[cycle.response][Sent.GONE]
        self._lose_token(cycle)
        _notify(cycle)

    def _lose_token(self, cycle: RequestCycle) -> None:
        if cycle.token is not None:
            self.lost.append(cycle.token)
            cycle.token = None

    def _is_last(self, cycle: RequestCycle) -> bool:
        """Whether the connection ends after this response."""
        if not cycle.keep_alive or not cycle.is_whole:
            return True
        return self.reading is _READING_CLOSED and bool(self.pipeline) and self.pipeline[-1] is cycle


def _notify(cycle: RequestCycle) -> None:
    if cycle.notify is not None:
        cycle.notify()
