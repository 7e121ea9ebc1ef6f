"""A request exactly as Java's HttpClient sends it over plain http: it offers an upgrade to HTTP/2, every time."""

import re

import pytest
from support.server import Caller, basic

BODY = "Content=%7B%22key%22%3A%22value%22%7D&IdempotencyKey=1"


def posted(caller: Caller) -> tuple[bytes, bytes]:
    """Head and body: headers sorted as the client's tree map sorts them, the client's own ones first."""
    host, port = caller.site.address
    head = (
        f"POST {caller.path} HTTP/1.1\r\n"
        "Connection: Upgrade, HTTP2-Settings\r\n"
        f"Content-Length: {len(BODY)}\r\n"
        f"Host: {host}:{port}\r\n"
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n"
        "Upgrade: h2c\r\n"
        "User-Agent: Java-http-client/21.0.4\r\n"
        f"Authorization: {basic(caller.account, caller.token)[1]}\r\n"
        "Content-Type: application/x-www-form-urlencoded\r\n"
        "\r\n"
    )
    return head.encode(), BODY.encode()


@pytest.mark.parametrize("apart", [False, True], ids=["in one write", "head and body in a write each"])
def test_h2c_offer_is_ignored(caller: Caller, *, apart: bool) -> None:
    head, body = posted(caller)
    with caller.site.connect() as connection:
        if apart:
            connection.send(head)
            connection.send(body)
        else:
            connection.send(head + body)
        reply = connection.reply()

    (message,) = caller.messages()
    assert (reply.status, reply.header("upgrade"), reply.header("connection")) == (201, None, None)
    assert re.fullmatch(r"KX[0-9a-f]{32}", reply.json()["sid"])
    assert (message["content"], message["idempotency_key"]) == ('{"key":"value"}', "1")


def test_connection_is_kept_after_an_offer(caller: Caller) -> None:
    with caller.site.connect() as connection:
        replies = []
        for _ in range(3):
            connection.send(b"".join(posted(caller)))
            replies.append(connection.reply())

    assert [reply.status for reply in replies] == [201] * 3
    assert len({reply.body for reply in replies}) == 1


def test_a_refusal_reaches_it_too(caller: Caller) -> None:
    head, body = posted(caller)
    with caller.site.connect() as connection:
        connection.send(head + body.replace(b"Content=%7B", b"Content=%5B"))
        reply = connection.reply()

    assert (reply.status, reply.json()["code"]) == (400, 32702)
