"""Every transition of an HTTP/1.1 connection.

`connection.py` walks these tables and holds no other rule about what may follow what. The reading side follows the
client's bytes; a response follows the application; the connection ends once its reading side is closed and every
response of its pipeline is complete.
"""

from enum import IntEnum, auto


class Reading(IntEnum):
    """What the client's next byte belongs to."""

    IDLE = auto()  # the next request, of which nothing has arrived
    HEAD = auto()  # a request line or a header
    BODY = auto()  # a body, its chunk framing or its trailers
    CLOSED = auto()  # nothing: it is discarded


class Received(IntEnum):
    """What happens to the reading side."""

    MESSAGE_BEGIN = auto()
    UPGRADE = auto()  # to a WebSocket
    HEAD_COMPLETE = auto()
    MESSAGE_COMPLETE = auto()
    LAST_MESSAGE_COMPLETE = auto()  # the client asked to close, or speaks HTTP/1.0
    ERROR = auto()  # what arrived cannot be read
    EOF = auto()  # the client's, or the server stops
    ENDED = auto()  # a response or a fault ends the connection


class Then(IntEnum):
    """What a transition does beyond the change of state."""

    NOTHING = auto()
    OPEN_CYCLE = auto()  # the request joins the pipeline
    COMPLETE_REQUEST = auto()
    HAND_OVER = auto()  # another protocol takes the connection
    QUEUE_ERROR = auto()  # an error response joins the pipeline
    FAIL_REQUEST = auto()  # the request that is being read is answered with the error
    DROP_REQUEST = auto()  # the request that is being read will never be whole: it gets no response
    STOP_PARSING = auto()


READING: dict[Reading, dict[Received, tuple[Reading, Then]]] = {
    Reading.IDLE: {
        Received.MESSAGE_BEGIN: (Reading.HEAD, Then.NOTHING),
        Received.ERROR: (Reading.CLOSED, Then.QUEUE_ERROR),
        Received.EOF: (Reading.CLOSED, Then.NOTHING),
        Received.ENDED: (Reading.CLOSED, Then.NOTHING),
    },
    Reading.HEAD: {
        Received.MESSAGE_BEGIN: (Reading.HEAD, Then.NOTHING),  # the same head, without an offer that is ignored
        Received.UPGRADE: (Reading.CLOSED, Then.HAND_OVER),
        Received.HEAD_COMPLETE: (Reading.BODY, Then.OPEN_CYCLE),
        Received.ERROR: (Reading.CLOSED, Then.QUEUE_ERROR),
        Received.EOF: (Reading.CLOSED, Then.NOTHING),
        Received.ENDED: (Reading.CLOSED, Then.NOTHING),
    },
    Reading.BODY: {
        Received.MESSAGE_COMPLETE: (Reading.IDLE, Then.COMPLETE_REQUEST),
        Received.LAST_MESSAGE_COMPLETE: (Reading.CLOSED, Then.COMPLETE_REQUEST),
        Received.ERROR: (Reading.CLOSED, Then.FAIL_REQUEST),
        Received.EOF: (Reading.CLOSED, Then.DROP_REQUEST),
        Received.ENDED: (Reading.CLOSED, Then.NOTHING),
    },
    Reading.CLOSED: {
        Received.MESSAGE_BEGIN: (Reading.CLOSED, Then.STOP_PARSING),
        Received.ERROR: (Reading.CLOSED, Then.NOTHING),
        Received.EOF: (Reading.CLOSED, Then.NOTHING),
        Received.ENDED: (Reading.CLOSED, Then.NOTHING),
    },
}


class Response(IntEnum):
    """How far the response of one request is."""

    NONE = auto()
    CONTINUE = auto()  # 100 Continue was sent
    BODY = auto()  # its head was sent
    COMPLETE = auto()
    GONE = auto()  # the connection ended first, or the request will never be whole


class Sent(IntEnum):
    """What the application sends."""

    CONTINUE = auto()
    HEAD = auto()
    BODY = auto()
    LAST = auto()  # of a body
    WHOLE = auto()  # head and body
    RAW = auto()  # bytes of a fault, or none, and the end of the connection
    GONE = auto()  # nothing: there is no client to send it to


_BEFORE_HEAD: dict[Sent, Response] = {
    Sent.HEAD: Response.BODY,
    Sent.WHOLE: Response.COMPLETE,
    Sent.RAW: Response.COMPLETE,
    Sent.GONE: Response.GONE,
}

RESPONSE: dict[Response, dict[Sent, Response]] = {
    Response.NONE: {Sent.CONTINUE: Response.CONTINUE, **_BEFORE_HEAD},
    Response.CONTINUE: _BEFORE_HEAD,
    Response.BODY: {
        Sent.BODY: Response.BODY,
        Sent.LAST: Response.COMPLETE,
        Sent.RAW: Response.COMPLETE,
        Sent.GONE: Response.GONE,
    },
    Response.COMPLETE: {Sent.GONE: Response.COMPLETE},
    Response.GONE: dict.fromkeys(Sent, Response.GONE),
}
