"""Every transition of an HTTP/1.1 connection.

All transition rules are in these tables; `connection.py` only applies them. The client's bytes drive the reading side;
the application drives a response; the connection ends once its reading side is closed and every response of its
pipeline is complete.
"""

from enum import IntEnum, auto


class Reading(IntEnum):
    """State of the reading side: what the client's next byte belongs to."""

    IDLE = auto()  # a new request
    HEAD = auto()  # a request line or a header
    BODY = auto()  # a body, its chunk framing or its trailers
    CLOSED = auto()  # nothing; the byte is discarded


class Received(IntEnum):
    """Event of the reading side."""

    MESSAGE_BEGIN = auto()
    UPGRADE = auto()  # to a WebSocket
    HEAD_COMPLETE = auto()
    MESSAGE_COMPLETE = auto()
    LAST_MESSAGE_COMPLETE = auto()  # the client sent `Connection: close`, or uses HTTP/1.0
    ERROR = auto()  # malformed input
    EOF = auto()  # from the client, or the server stops
    ENDED = auto()  # a response or a fault ends the connection


class Then(IntEnum):
    """Action of a transition, in addition to the change of state."""

    NOTHING = auto()
    OPEN_CYCLE = auto()  # append the request to the pipeline
    COMPLETE_REQUEST = auto()
    HAND_OVER = auto()  # another protocol takes over the connection
    QUEUE_ERROR = auto()  # append an error response to the pipeline
    FAIL_REQUEST = auto()  # answer the request being read with the error
    DROP_REQUEST = auto()  # the request being read stays incomplete: send no response
    STOP_PARSING = auto()


READING: dict[Reading, dict[Received, tuple[Reading, Then]]] = {
    Reading.IDLE: {
        Received.MESSAGE_BEGIN: (Reading.HEAD, Then.NOTHING),
        Received.ERROR: (Reading.CLOSED, Then.QUEUE_ERROR),
        Received.EOF: (Reading.CLOSED, Then.NOTHING),
        Received.ENDED: (Reading.CLOSED, Then.NOTHING),
    },
    Reading.HEAD: {
        Received.MESSAGE_BEGIN: (Reading.HEAD, Then.NOTHING),  # the same head, without its ignored upgrade offer
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
    """State of the response to one request."""

    NONE = auto()
    CONTINUE = auto()  # 100 Continue was sent
    BODY = auto()  # its head was sent
    COMPLETE = auto()
    GONE = auto()  # the connection ended first, or the request stays incomplete


class Sent(IntEnum):
    """Event of a response: what the application sends."""

    CONTINUE = auto()
    HEAD = auto()
    BODY = auto()
    LAST = auto()  # the last piece of a body
    WHOLE = auto()  # head and complete body
    RAW = auto()  # bytes of a fault, possibly none, then the end of the connection
    GONE = auto()  # nothing: the client is disconnected


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
