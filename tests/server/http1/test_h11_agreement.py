"""What is a valid request: h11 judges the same bytes, and every difference is a row of a table."""

import re

import h11
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from emulator.server.http1.connection import Http1Connection

STRICTER = {
    "a method that the parser does not have": (rb"^(?!(GET|POST|HEAD|PUT|DELETE|OPTIONS|PATCH) )", b"BREW / HTTP/1.1"),
    "a target in no form that the method may have": (rb"^(?!\S+ /|\S+ http://x/ |OPTIONS \* )", b"GET x HTTP/1.1"),
    "a fragment in the target": (rb"^[^\r]*#", b"GET /#a HTTP/1.1"),
    "a folded header": (rb"\r\n[ \t]", b"GET / HTTP/1.1\r\nA: b\r\n c"),
    "a line that ends without CR": (rb"(?<!\r)\n", b"GET / HTTP/1.1\r\nA: b\nC: d"),
    "a version other than 1.0 and 1.1": (rb"^\S+ \S+ HTTP/(?!1\.[01]\r)", b"GET / HTTP/2.0"),
    "a Host that is not a host": (rb"(?i)\nhost:(?! ?x?\r)", b"GET / HTTP/1.1\r\nHost: [::1"),
    "a control character in a value": (
        rb"\n[^:\r\n]+:[^\r]*[\x01-\x08\x0b\x0c\x0e-\x1f]",
        b"GET / HTTP/1.1\r\nA: \x01",
    ),
    "a length and a coding": (
        rb"(?is)(?=.*\ncontent-length)(?=.*\ntransfer-encoding)",
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\nTransfer-Encoding: chunked",
    ),
    "two lengths, even when they are equal": (
        rb"(?is)\ncontent-length.*\ncontent-length",
        b"POST / HTTP/1.1\r\nContent-Length: 0\r\nContent-Length: 0",
    ),
    "a list of lengths": (rb"(?i)\ncontent-length: ?\d+,", b"POST / HTTP/1.1\r\nContent-Length: 0, 0"),
}
"""h11 accepts it, the connection does not: a pattern, and an example without its Host."""
LENIENT = {
    "an empty line before the request": (rb"^\r\n", b"\r\nGET / HTTP/1.1"),
}
"""The connection accepts it, h11 does not."""


def is_valid(data: bytes) -> bool:
    """Whether the connection gives a whole request to the application."""
    connection = Http1Connection()
    connection.receive_data(data)
    cycle = connection.next_request()
    return cycle is not None and cycle.error is None and cycle.is_whole


def is_valid_by_h11(data: bytes) -> bool:
    server = h11.Connection(h11.SERVER)
    server.receive_data(data)
    try:
        while not isinstance(event := server.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA or event is h11.PAUSED or isinstance(event, h11.ConnectionClosed):
                return False
    except h11.RemoteProtocolError:
        return False
    return True


def differences(data: bytes) -> list[str]:
    valid, by_h11 = is_valid(data), is_valid_by_h11(data)
    if valid == by_h11:
        return []
    table = LENIENT if valid else STRICTER
    return [name for name, (pattern, _) in table.items() if re.search(pattern, data)] or ["unknown"]


methods = st.sampled_from([b"GET", b"POST", b"HEAD", b"OPTIONS", b"BREW", b"get", b"G T", b""])
targets = st.sampled_from([b"/", b"/a?b", b"*", b"http://x/", b"http://x:y/", b"a", b"/#", b"/\xff", b"/a b", b""])
versions = st.sampled_from([b"HTTP/1.1"] * 5 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/1.10", b"http/1.1", b""])
names = st.sampled_from([b"Host", b"host ", b"A", b"Content-Length", b"Transfer-Encoding", b"Connection", b"", b"\xff"])
values = st.sampled_from(
    [
        b"x",
        b"",
        b"[::1",
        b"a\tb",
        b"a\x01",
        b"a\x00",
        b"\xff",
        b"0",
        b"1",
        b"+1",
        b"1, 1",
        b"chunked",
        b"Chunked",
        b"gzip",
    ]
)
lines = st.builds(lambda name, value: name + b": " + value, names, values)
odd = st.sampled_from([b"Host: x\r\n y", b"A", b"Host:x", b"Host: x\nA: b", b": a"])


@settings(max_examples=1000)
@given(
    methods,
    targets,
    versions,
    st.lists(lines | odd, max_size=3),
    st.booleans(),
    st.sampled_from([b"", b"a", b"0\r\n\r\n"]),
)
def test_h11_agrees_except_for_a_table(  # noqa: PLR0917
    method: bytes,
    target: bytes,
    version: bytes,
    lines: list[bytes],
    has_host: bool,  # noqa: FBT001
    body: bytes,
) -> None:
    head = b"\r\n".join([b"%b %b %b" % (method, target, version), *([b"Host: x"] if has_host else []), *lines])

    assert "unknown" not in differences(head + b"\r\n\r\n" + body)


GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@pytest.mark.parametrize(
    "data", [GET, GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 1\r\n\r\na")]
)
def test_both_accept(data: bytes) -> None:
    assert (is_valid(data), is_valid_by_h11(data)) == (True, True)


@pytest.mark.parametrize(("name", "example"), [(name, example) for name, (_, example) in (STRICTER | LENIENT).items()])
def test_every_row_of_the_table_is_true(name: str, example: bytes) -> None:
    host = b"" if b"Host" in example else b"\r\nHost: x"

    assert differences(example + host + b"\r\n\r\n0\r\n\r\n") == [name]
