"""One request and its response on a connection."""

from collections.abc import Callable
from enum import Enum, auto

from emulator.server.http1.request_head import Fields, Headers
from emulator.server.http1.response_head import Framing
from emulator.server.http1.states import Response
from emulator.wire.errors import ErrorSpec

HEADER = 160
"""Bytes of memory overhead per header, measured."""
_REQUEST = 600  # bytes of memory overhead per request, measured


class End(Enum):
    """How the server ends a connection."""

    CLOSE = auto()  # FIN, once the output is sent
    LINGER = auto()  # as CLOSE, but read for a while: closing with unread bytes would reset the connection
    RESET = auto()
    HAND_OVER = auto()  # another protocol takes over the connection


class RequestCycle:
    """One request and its response.

    Attributes:
        method: as sent.
        target: path and query.
        headers: names in lower case; trailers are dropped.
        fields: headers by name; for a repeated header, the last value.
        version: `1.1` or `1.0`.
        keep_alive: whether the connection may stay open after the response.
        expects_continue: whether the client may wait for 100 Continue before it sends the body.
        pieces: parts of the body that were read and not taken yet.
        unread: bytes of memory taken by `pieces`.
        body_size: bytes of the body so far, taken parts included.
        is_whole: whether the last byte of the request was read.
        error: error to answer instead of running the application.
        is_taken: whether the request was given to the application.
        response: state of the response.
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
    # State of the response, used by the connection only.
    end: End | None = None  # how the connection ends after the response
    framing = Framing.NONE
    left = 0  # remaining bytes of the Content-Length
    token: object = None
    _head_size = 0  # bytes of memory, computed on first use

    def __init__(self, method: str, target: str, headers: Headers, fields: Fields, version: str) -> None:
        self.method = method
        self.target = target
        self.headers = headers
        self.fields = fields
        self.version = version
        self.pieces: list[bytes] = []
        self.pending: list[bytes] = []  # parts of the response that were sent before its turn

    @classmethod
    def of_error(cls, problem: ErrorSpec) -> "RequestCycle":
        """Placeholder for a malformed request."""
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
        """Whether the response is incomplete and can still be sent."""
        return self.response < Response.COMPLETE
