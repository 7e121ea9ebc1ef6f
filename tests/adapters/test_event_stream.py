from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.adapters.event_stream import EventStreamParser, ServerSentEvent
from emulator.adapters.http_client import HttpClientError

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
EVENTS = b": a comment\n\nevent: request\nid: 7\ndata: {}\n\ndata: 1\ndata: 2\n\n"
PARSED = [ServerSentEvent("request", "{}", "7"), ServerSentEvent("message", "1\n2")]


def chunked(data: bytes, size: int) -> bytes:
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


@given(size=st.integers(1, 20), cuts=st.lists(st.integers(0, 400), max_size=8), is_chunked=st.booleans())
def test_events_do_not_depend_on_pieces(*, size: int, cuts: list[int], is_chunked: bool) -> None:
    head = HEAD + (b"Transfer-Encoding: chunked\r\n\r\n" if is_chunked else b"\r\n")
    received = head + (chunked(EVENTS, size) if is_chunked else EVENTS)
    edges = [0, *sorted(min(cut, len(received)) for cut in cuts), len(received)]
    parser = EventStreamParser()
    events = [event for start, end in pairwise(edges) for event in parser.feed(received[start:end])]

    assert (parser.status, events) == (200, PARSED)


def test_other_response_has_a_body() -> None:
    parser = EventStreamParser()

    assert parser.feed(b'HTTP/1.1 429 Too Many Requests\r\n\r\n{"error": ') == []
    assert parser.feed(b'"full"}') == []
    assert (parser.status, parser.body) == (429, b'{"error": "full"}')


@pytest.mark.parametrize(
    "received",
    [b"SSH-2.0-x\r\n\r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\nno size\r\n"],
    ids=["protocol", "chunks"],
)
def test_other_bytes_are_an_error(received: bytes) -> None:
    with pytest.raises(HttpClientError):
        EventStreamParser().feed(received)
