"""What is sent to an emulator, and what its answers say, without a connection."""

import pytest

from emulator.adapters.http_client import HttpClientError, parse_response
from emulator.testing.http import Address, EmulatorError, UnreachableError

HERE = Address("http://127.0.0.1:2010")


def answer(received: bytes) -> object:
    """Parse a response as the clients do."""
    try:
        response = parse_response(received)
    except HttpClientError as error:
        raise HERE.unreachable(error) from None
    return HERE.json("GET /_emulator/clock", response)


@pytest.mark.parametrize(
    ("url", "is_https"),
    [
        pytest.param("http://127.0.0.1:2010", False, id="http"),
        pytest.param("https://emulator.example", True, id="https"),
    ],
)
def test_https_needs_trust(url: str, is_https: bool) -> None:  # noqa: FBT001  a case
    assert (Address(url).tls is not None) == is_https


@pytest.mark.parametrize("url", ["", "127.0.0.1:2010", "ftp://127.0.0.1", "http://", "http://a:b", "http://[::1"])
def test_invalid_url_is_one_line(url: str) -> None:
    with pytest.raises(ValueError, match=r"expected a URL like http://127.0.0.1:2010"):
        Address(url)


def test_parameters_are_in_the_query() -> None:
    request = HERE.request("GET", "/_emulator/messages", {"call_sid": "CA1", "contains": "a b"}, None)

    head, _, body = request.encode(HERE.origin).partition(b"\r\n\r\n")
    assert head.split(b"\r\n")[0] == b"GET /_emulator/messages?call_sid=CA1&contains=a+b HTTP/1.1"
    assert b"Host: 127.0.0.1:2010" in head
    assert b"Connection: close" in head
    assert b"Authorization" not in head
    assert body == b""


def test_request_has_prefix_token_and_body() -> None:
    address = Address("https://tools.example/twilio/", "secret")

    sent = address.request("PUT", "/_emulator/seed", {}, {"seed": 7}).encode(address.origin)

    head, _, body = sent.partition(b"\r\n\r\n")
    assert head.startswith(b"PUT /twilio/_emulator/seed HTTP/1.1\r\nHost: tools.example\r\n")
    assert b"Authorization: Bearer secret" in head
    assert b"Content-Type: application/json" in head
    assert b"Content-Length: 11" in head
    assert body == b'{"seed": 7}'


@pytest.mark.parametrize(
    ("received", "said"),
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}', {"a": 1}, id="with its length"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n" + b'{"a": 1}\r\n0\r\n\r\n',
            {"a": 1},
            id="chunked, as a proxy may make it",
        ),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", None, id="without a body"),
    ],
)
def test_response_is_parsed(received: bytes, said: object) -> None:
    assert answer(received) == said


def test_error_response_has_a_reason() -> None:
    refusal = b"HTTP/1.1 422 No\r\n\r\n" + b'{"error": "limit: 0 is not allowed", "parameters": []}'

    with pytest.raises(EmulatorError, match=r"^GET /_emulator/clock: limit: 0 is not allowed$"):
        answer(refusal)


@pytest.mark.parametrize(
    "received",
    [
        b"",
        b"220 smtp.example ready\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}",
        b'HTTP/1.1 404 Not Found\r\n\r\n{"detail": "Not Found"}',
        b"HTTP/1.1 404 Not Found\r\n\r\n[]",
    ],
    ids=["nothing", "no HTTP", "no JSON", "cut off", "another application", "another shape"],
)
def test_other_servers_response_is_one_line(received: bytes) -> None:
    with pytest.raises(UnreachableError, match=r"cannot reach an emulator at http://127.0.0.1:2010.*start one"):
        answer(received)


def test_timeout_is_an_error() -> None:
    assert "does not answer in time" in str(HERE.unreachable(TimeoutError("timed out")))
