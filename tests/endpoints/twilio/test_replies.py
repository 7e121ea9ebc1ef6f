"""What a created message looks like on the wire: body, representation, headers."""

import itertools
import re

import pytest
from support.builders import Time
from support.server import CONTENT, Caller, Servers

ORDER = [
    "date",
    "content-type",
    "content-length",
    "twilio-request-id",
    "twilio-request-duration",
    "access-control-allow-origin",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "access-control-allow-credentials",
    "x-powered-by",
    "strict-transport-security",
    "twilio-concurrent-requests",
    "x-shenanigans",
    "x-home-region",
    "x-api-domain",
]


@pytest.fixture
def dated(serve: Servers) -> Caller:
    """A caller in a world where it is the 18th of December 2019 and chance counts."""
    numbers = itertools.count(0xABC)

    def entropy(size: int) -> bytes:
        return b"".join(next(numbers).to_bytes(16, "big") for _ in range(size // 16))

    return Caller(serve(now=Time(), entropy=entropy))


def test_created_message_is_exact(dated: Caller) -> None:
    reply = dated.send()

    assert reply.status == 201
    assert reply.text == (
        f'{{"account_sid": "{dated.account}", "call_sid": "{dated.call}", '
        f'"sid": "KX{0xABC:032x}", "date_created": "Wed, 18 Dec 2019 20:02:01 +0000"}}'
    )


def test_header_order_is_that_of_2023(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(caller.raw())
        reply = connection.reply()

    assert reply.names == ORDER
    assert re.fullmatch(r"[0-9]\.[0-9]{3}", reply.header("twilio-request-duration") or "")
    assert re.fullmatch(r"RQ[0-9a-f]{32}", reply.header("twilio-request-id") or "")


@pytest.mark.parametrize(
    ("suffix", "accept", "media_type"),
    [
        pytest.param(".json", "application/xml", "application/json", id=".json whatever Accept says"),
        pytest.param(".xml", "application/json", "application/xml", id=".xml whatever Accept says"),
        pytest.param("", "application/json", "application/xml", id="no suffix is XML"),
    ],
)
def test_suffix_decides_the_representation(caller: Caller, suffix: str, accept: str, media_type: str) -> None:
    path = caller.path.removesuffix(".json") + suffix
    replies = [
        caller.ask(path=path, more=[("Accept", accept)]),
        caller.ask(path=path, headers=[("Accept", accept)]),
        caller.ask(b"", path=path, more=[("Accept", accept)]),
        caller.ask(path=path, method="GET", more=[("Accept", accept)]),
    ]

    assert [reply.status for reply in replies] == [201, 401, 400, 405]
    assert {reply.header("content-type") for reply in replies} == {media_type}


def test_unknown_content_coding_is_ignored(caller: Caller) -> None:
    reply = caller.ask(more=[("Accept-Encoding", "utf-8")])

    assert reply.status == 201
    assert reply.header("content-encoding") is None
    assert reply.json()["call_sid"] == caller.call


def test_concurrent_requests_header(caller: Caller) -> None:
    """It counts the requests of the account that are in progress."""
    stranger = Caller(caller.site)
    head, end, body = caller.raw().partition(b"\r\n\r\n")
    with caller.site.connect() as waiting:
        waiting.send(head + b"\r\nExpect: 100-continue" + end)
        assert waiting.reply().status == 100
        beside = caller.send()
        elsewhere = stranger.send()
        waiting.send(body)
        first = waiting.reply()
    after = caller.send()

    counts = [reply.header("twilio-concurrent-requests") for reply in (first, beside, elsewhere, after)]
    assert counts == ["1", "2", "1", "1"]


def test_client_that_left_is_not_counted(caller: Caller) -> None:
    with caller.site.connect() as leaving:
        leaving.send(caller.raw().partition(b"\r\n\r\n")[0] + b"\r\nExpect: 100-continue\r\n\r\n")
        assert leaving.reply().status == 100
    counts = (caller.send().header("twilio-concurrent-requests") for _ in range(100))

    assert "1" in counts


def test_lenient_content_is_noted(serve: Servers) -> None:
    caller = Caller(serve(content="lenient"))
    reply = caller.send("hello")

    (message,) = caller.messages()
    assert (reply.status, message["content"], message["notes"]) == (201, "hello", ["content-not-json"])


def test_path_may_have_a_query(caller: Caller) -> None:
    reply = caller.send(path=caller.path + "?Content=ignored")

    assert (reply.status, caller.messages()[0]["content"]) == (201, CONTENT)
