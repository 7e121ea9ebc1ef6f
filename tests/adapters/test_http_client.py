"""The small HTTP client: what it sends, and every response that it accepts or rejects."""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.adapters import async_http_client, http_client
from emulator.adapters.http_client import (
    HttpClientError,
    HttpRequest,
    HttpResponse,
    NotConnectedError,
    Origin,
    parse_response,
    parse_url,
)

OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
READY = HttpRequest("GET", "/readyz")


def blocking(origin: Origin, timeout: float) -> HttpResponse:
    return http_client.send(origin, READY, timeout)


def awaited(origin: Origin, timeout: float) -> HttpResponse:
    return asyncio.run(async_http_client.send(origin, READY, timeout))


Send = Callable[[Origin, float], HttpResponse]
both = pytest.mark.parametrize("send", [blocking, awaited])


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        pytest.param("http://127.0.0.1:2010", ("http", "127.0.0.1", 2010, "127.0.0.1:2010", ""), id="http"),
        pytest.param("http://[::1]:2010/", ("http", "::1", 2010, "[::1]:2010", ""), id="IPv6"),
        pytest.param("http://emulator", ("http", "emulator", 80, "emulator", ""), id="no port"),
        pytest.param("https://u:p@a.example/b/", ("https", "a.example", 443, "a.example", "/b"), id="https, a prefix"),
    ],
)
def test_a_url_is_an_origin(url: str, origin: tuple[object, ...]) -> None:
    assert parse_url(url) == origin


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:2010", "ftp://127.0.0.1", "http://", "http://a:b", "http://[::1", "http://a:0"]
)
def test_other_urls_are_rejected(url: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  of urlsplit, or of its own
        parse_url(url)


def test_a_request_has_prefix_token_and_body() -> None:
    origin = parse_url("https://tools.example/twilio/")

    head, _, body = HttpRequest("PUT", "/seed", {"seed": 7}, "secret").encode(origin).partition(b"\r\n\r\n")

    assert head.split(b"\r\n") == [
        b"PUT /twilio/seed HTTP/1.1",
        b"Host: tools.example",
        b"Connection: close",
        b"Content-Length: 11",
        b"Content-Type: application/json",
        b"Authorization: Bearer secret",
    ]
    assert body == b'{"seed": 7}'


@pytest.mark.parametrize(
    ("received", "body"),
    [
        pytest.param(OK + b"Content-Length: 2\r\n\r\n{}", b"{}", id="with its length"),
        pytest.param(OK + b"\r\n{}", b"{}", id="until the end"),
        pytest.param(OK + b"Content-Length: 2\r\n\r\n{}more", b"{}", id="more than its length"),
        pytest.param(b"HTTP/1.1 103 Early Hints\r\n\r\n" + OK + b"\r\n{}", b"{}", id="after an interim response"),
        pytest.param(CHUNKED + b"1;x=y\r\n{\r\nA\r\n         }\r\n0\r\n\r\n", b"{         }", id="chunked"),
    ],
)
def test_a_response_is_parsed(received: bytes, body: bytes) -> None:
    assert parse_response(received) == (200, "HTTP/1.1 200 OK", body)


@pytest.mark.parametrize(
    ("received", "reason"),
    [
        pytest.param(b"", "the connection was closed without a response", id="nothing"),
        pytest.param(b"220 smtp.example ready\r\n", "is not HTTP", id="no HTTP"),
        pytest.param(b"HTTP/1.1 OK\r\n\r\n", "is not HTTP", id="no status"),
        pytest.param(OK + b"Content-Length: 50\r\n\r\n{}", "incomplete", id="cut off"),
        pytest.param(OK + b"Content-Length: many\r\n\r\n{}", "incomplete", id="no length"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n", "incomplete", id="no last chunk"),
        pytest.param(CHUNKED + b"9\r\n{}\r\n0\r\n\r\n", "incomplete", id="a short chunk"),
        pytest.param(CHUNKED + b"2\r\n{}\r\n0\r\n", "incomplete", id="a short end"),
        pytest.param(OK, "incomplete", id="a head without an end"),
        pytest.param(OK + b"Content-Length: -2\r\n\r\n{}", "incomplete", id="a negative length"),
    ],
)
def test_any_other_response_is_an_error(received: bytes, reason: str) -> None:
    with pytest.raises(HttpClientError, match=reason):
        parse_response(received)


def test_any_number_of_interim_responses() -> None:
    interim = b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000

    assert parse_response(interim + OK + b"\r\n{}").body == b"{}"


@given(st.binary() | st.binary().map(OK.__add__) | st.binary().map(CHUNKED.__add__))
def test_any_bytes_are_response_or_error(received: bytes) -> None:
    with suppress(HttpClientError):
        parse_response(received)


@both
@pytest.mark.parametrize("url", ["http://127.0.0.1:1", f"http://{'a' * 70}"], ids=["port", "no host"])
def test_no_connection_has_its_own_error(send: Send, url: str) -> None:
    with pytest.raises(NotConnectedError) as caught:
        send(parse_url(url), 5.0)

    assert isinstance(caught.value.__cause__, OSError | UnicodeError)


@both
@pytest.mark.parametrize("answer", [None, OK[:-2]], ids=["silence", "a reset"])
def test_a_server_that_stops_is_an_error(send: Send, answer: bytes | None) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        closed = threading.Event()

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                if answer is None:
                    closed.wait()
                else:
                    connection.sendall(answer)
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with pytest.raises(HttpClientError):
                send(parse_url(f"http://127.0.0.1:{listener.getsockname()[1]}"), 0.1 if answer is None else 5.0)
        finally:
            closed.set()
            thread.join()
