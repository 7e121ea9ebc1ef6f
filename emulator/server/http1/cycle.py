"""One request and its response on a connection."""

from collections.abc import Callable
from enum import Enum, auto

from emulator.server.http1.request_head import Fields, Headers
from emulator.server.http1.response_head import Framing
from emulator.server.http1.states import Response
from emulator.wire.errors import ErrorSpec

HEADER = 160
"""Bytes of memory that a header takes beyond its own, measured."""
_REQUEST = 600  # the same of a request, measured


class End(Enum):
    """How the server ends a connection."""

    CLOSE = auto()  # FIN, once what was sent is out
    LINGER = auto()  # the same, but read on for a while: closing with unread bytes would reset the connection
    RESET = auto()
    HAND_OVER = auto()  # another protocol takes it


class Cycle:
    """One request and its response.

    Attributes:
        method: as sent.
        target: path and query.
        headers: names in lower case; trailers are dropped.
        fields: the same by name; of a repeated header the last value.
        version: `1.1` or `1.0`.
        keep_alive: whether the connection may go on after the response.
        expects_continue: the client may wait for 100 Continue before it sends the body.
        pieces: what was read of the body and not taken yet.
        unread: bytes of memory that these take.
        body_size: bytes of the body so far, those that were taken included.
        is_whole: its last byte was read.
        error: what to answer instead of asking the application.
        is_taken: it was given to the application.
        response: how far the response is.
        notify: called when the body grows, the client has sent EOF, or the response becomes impossible.
    """

    keep_alive = False
    expects_continue = False
    unread = 0
    body_size = 0
    is_whole = False
    error: ErrorSpec | None = None
    is_taken = False
    response = Response.NONE
    notify: Callable[[], None] | None = None
    # The response's own affairs, of which only the connection knows.
    end: End | None = None  # what ends the connection behind it
    framing = Framing.NONE
    left = 0  # bytes that the Content-Length still promises
    token: object = None
    _head_size = 0  # bytes of memory, once they are asked for

    def __init__(self, method: str, target: str, headers: Headers, fields: Fields, version: str) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.fields = fields
        self.version = version
        self.pieces: list[bytes] = []
        self.pending: list[bytes] = []  # parts of the response that were sent before its turn

    @classmethod
    def of_error(cls, problem: ErrorSpec) -> "Cycle":
        """In place of a request that cannot be read."""
        cycle = cls("", "", [], {}, "1.1")
        cycle.is_whole = True
        cycle.error = problem
        return cycle

    @property
    def size(self) -> int:
        """Bytes of memory of the request so far."""
        if not self._head_size:
            headers = sum(len(name) + len(value) + HEADER for name, value in self.headers)
            self._head_size = _REQUEST + len(self.target) + headers
        return self._head_size + self.body_size

    @property
    def is_open(self) -> bool:
        """Whether a response is still due."""
        return self.response < Response.COMPLETE
