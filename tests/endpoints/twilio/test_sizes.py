"""Bodies that are too large: refused so that the client gets to read the answer, whatever it sends meanwhile."""

import pytest
from support.server import LAST_CHUNK, Caller, Headers, Reply, chunk, request

MIB = 1024 * 1024
EXPECT = "Expect", "100-continue"


def is_too_large(reply: Reply) -> bool:
    return (reply.status, reply.json()["code"], reply.json()["message"], reply.header("connection")) == (
        413,
        20413,
        "Entity too large",
        "close",
    )


def declared(caller: Caller, size: int, *more: tuple[str, str]) -> bytes:
    return request("POST", caller.path, caller.headers(("Content-Length", str(size)), *more))


def test_a_body_of_one_mebibyte_is_read(caller: Caller) -> None:
    reply = caller.ask(b"Content=" + b"a" * (MIB - 8))

    assert reply.json()["code"] == 32703


def test_declared_oversize_is_refused_early(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(declared(caller, MIB + 1))
        reply = connection.reply()

    assert is_too_large(reply)


@pytest.mark.parametrize("size", [MIB + 1, 3 * MIB])
def test_client_reads_413_after_its_body(caller: Caller, size: int) -> None:
    with caller.site.connect() as connection:
        connection.send(declared(caller, size) + b"a" * size)
        reply = connection.reply()
        closed = connection.is_closed()

    assert is_too_large(reply)
    assert closed


def test_oversize_with_expect_never_starts(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(declared(caller, MIB + 1, EXPECT))
        reply = connection.reply()
        closed = connection.is_closed()

    assert is_too_large(reply)
    assert closed


@pytest.mark.parametrize("more", [[], [EXPECT]], ids=["at once", "after asking"])
def test_large_chunked_body_gets_413(caller: Caller, more: Headers) -> None:
    with caller.site.connect() as connection:
        connection.send(request("POST", caller.path, caller.headers(("Transfer-Encoding", "chunked"), *more)))
        if more:
            assert connection.reply().status == 100
        for _ in range(40):
            connection.send(chunk(b"a" * 65536))
        connection.send(LAST_CHUNK)
        reply = connection.reply()
        closed = connection.is_closed()

    assert is_too_large(reply)
    assert closed


@pytest.mark.parametrize(
    ("method", "path", "headers", "expected"),
    [
        pytest.param("POST", None, [], 401, id="no credentials"),
        pytest.param("POST", "/2010-04-01/x", None, 404, id="unknown path"),
        pytest.param("PUT", None, None, 405, id="another method"),
        pytest.param("OPTIONS", None, None, 200, id="preflight"),
    ],
)
def test_earlier_error_reads_the_rest(
    caller: Caller, method: str, path: str | None, headers: Headers | None, expected: int
) -> None:
    """The client was not told to go on, so what it sends next is a request and not the body."""
    headers = [*(caller.headers() if headers is None else headers), ("Content-Length", str(2 * MIB)), EXPECT]
    with caller.site.connect() as connection:
        connection.send(request(method, path or caller.path, headers))
        reply = connection.reply()
        closes = reply.header("connection") == "close"
        closed = closes and connection.is_closed()

    assert reply.status == expected
    assert closed


def test_oversize_creates_nothing(caller: Caller) -> None:
    caller_again = Caller(caller.site)
    with caller.site.connect() as connection:
        connection.send(declared(caller, 2 * MIB) + b"Content=%7B%7D&x=" + b"a" * (2 * MIB - 17))
        connection.reply()

    assert caller.messages() == []
    assert caller_again.send().status == 201
