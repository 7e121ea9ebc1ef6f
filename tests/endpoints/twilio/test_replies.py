"""What a created message looks like on the wire: body, representation, headers."""

import itertools
import json
import re

import pytest
from support.builders import Time
from support.server import CONTENT, FORM, Caller, Servers, fresh

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
CONSTANT = {
    "access-control-allow-origin": "*",
    "access-control-allow-headers": "Accept, Authorization, Content-Type, If-Match, If-Modified-Since, "
    "If-None-Match, If-Unmodified-Since, Idempotency-Key",
    "access-control-allow-methods": "GET, POST, DELETE, OPTIONS",
    "access-control-expose-headers": "ETag",
    "access-control-allow-credentials": "true",
    "x-powered-by": "AT-5000",
    "strict-transport-security": "max-age=31536000",
    "twilio-concurrent-requests": "1",
    "x-shenanigans": "none",
    "x-home-region": "us1",
    "x-api-domain": "api.twilio.com",
}


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


def test_created_message_in_xml_is_exact(dated: Caller) -> None:
    reply = dated.send(path=dated.path.removesuffix(".json"))

    assert (reply.status, reply.header("content-type")) == (201, "application/xml")
    assert reply.text == (
        "<?xml version='1.0' encoding='UTF-8'?>\n<TwilioResponse><UserDefinedMessage>"
        f"<AccountSid>{dated.account}</AccountSid><CallSid>{dated.call}</CallSid><Sid>KX{0xABC:032x}</Sid>"
        "<DateCreated>Wed, 18 Dec 2019 20:02:01 +0000</DateCreated></UserDefinedMessage></TwilioResponse>"
    )


def test_date_header_is_the_clocks(dated: Caller) -> None:
    reply = dated.send()

    assert reply.header("date") == "Wed, 18 Dec 2019 20:02:01 GMT"


def test_header_order_is_that_of_2023(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(caller.raw())
        reply = connection.reply()

    assert reply.names == ORDER
    assert {name: value for name, value in reply.headers if name in CONSTANT} == CONSTANT
    assert re.fullmatch(r"[0-9]\.[0-9]{3}", reply.header("twilio-request-duration") or "")
    assert re.fullmatch(r"RQ[0-9a-f]{32}", reply.header("twilio-request-id") or "")


def test_refusal_has_the_same_header_order(caller: Caller) -> None:
    reply = caller.ask(headers=[])

    assert reply.names[: len(ORDER)] == ORDER
    assert sorted(reply.names[len(ORDER) :]) == ["connection", "www-authenticate"]


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


@pytest.mark.parametrize(
    ("asked", "charset"),
    [("utf-8", "; charset=utf-8"), ("UTF-8", "; charset=utf-8"), ("iso-8859-1", ""), ("", "")],
)
@pytest.mark.parametrize("suffix", [".json", ".xml"])
def test_charset_depends_on_the_request(caller: Caller, asked: str, charset: str, suffix: str) -> None:
    path = caller.path.removesuffix(".json") + suffix
    replies = [caller.ask(body, path=path, more=[("Accept-Charset", asked)]) for body in (None, b"")]

    assert {reply.header("content-type") for reply in replies} == {f"application/{suffix[1:]}{charset}"}


def test_unknown_content_coding_is_ignored(caller: Caller) -> None:
    reply = caller.ask(more=[("Accept-Encoding", "utf-8")])

    assert reply.status == 201
    assert reply.header("content-encoding") is None
    assert reply.json()["call_sid"] == caller.call


def test_request_id_has_the_sids_hex_digits(caller: Caller) -> None:
    """It is random if no message was created."""
    created = caller.send(key="k")
    others = [
        caller.send(key="k"),
        caller.send(key="k"),
        caller.send("hello"),
        caller.ask(headers=[]),
        caller.ask(b"", method="OPTIONS"),
        caller.ask(path="/2010-04-01/x.json"),
        caller.ask(method="GET"),
    ]

    ids = [reply.header("twilio-request-id") or "" for reply in (created, *others)]
    assert ids[0] == "RQ" + created.json()["sid"][2:]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"RQ[0-9a-f]{32}", one) for one in ids)


def test_sids_of_messages_are_unique(caller: Caller) -> None:
    sids = {caller.send().json()["sid"] for _ in range(20)}

    assert len(sids) == 20
    assert all(re.fullmatch(r"KX[0-9a-f]{32}", sid) for sid in sids)


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


def test_connection_is_kept_alive(caller: Caller) -> None:
    with caller.site.connect() as connection:
        replies = []
        for content in (CONTENT, "hello", CONTENT):
            connection.send(caller.raw(content))
            replies.append(connection.reply())

    assert [reply.status for reply in replies] == [201, 400, 201]
    assert [reply.header("connection") for reply in replies] == [None, None, None]


def test_upper_case_sids_are_echoed(site_caller_in_capitals: Caller) -> None:
    reply = site_caller_in_capitals.send()

    assert reply.status == 201
    assert (reply.json()["account_sid"], reply.json()["call_sid"]) == (
        site_caller_in_capitals.account,
        site_caller_in_capitals.call,
    )


@pytest.fixture
def site_caller_in_capitals(caller: Caller) -> Caller:
    """A caller whose SIDs have capital hex digits."""
    return Caller(caller.site, "ACABCDEF" + fresh("AC")[8:], "CAABCDEF" + fresh("CA")[8:])


@pytest.mark.parametrize(
    "content",
    [
        pytest.param('{"a": "b c+d%&=é\U0001f600"}', id="characters that need encoding"),
        pytest.param("[1, 2]", id="an array"),
        pytest.param('"text"', id="a string"),
        pytest.param("null", id="null"),
        pytest.param("9" * 5000, id="a whole number of 5000 digits"),
        pytest.param("[" * 128 + "]" * 128, id="nested 128 deep"),
        pytest.param('"' + "é" * 9998 + '"', id="10000 characters of two bytes"),
        pytest.param('"\\ud83d\\ude00"', id="a surrogate pair"),
        pytest.param(' {"a" : 1}\r\n', id="white space around"),
        pytest.param('{"a": 1, "a": 2}', id="a name twice"),
        pytest.param("1e-999", id="underflow"),
    ],
)
def test_any_accepted_json_is_listed(caller: Caller, content: str) -> None:
    reply = caller.send(content)

    (message,) = caller.messages()
    assert reply.status == 201
    assert message["content"] == content
    assert message["json"] is None or message["json"] == json.loads(content)


def test_other_json_is_noted(caller: Caller) -> None:
    caller.send("[1]")
    caller.send("{}")

    assert [bool(message["notes"]) for message in caller.messages()] == [True, False]


@pytest.mark.parametrize("content", ["hello", "NaN", "[" * 500 + "]" * 500, '"' + "a" * 20000 + '"', '"\\ud800"'])
def test_lenient_content_is_noted(serve: Servers, content: str) -> None:
    caller = Caller(serve(content="lenient"))
    reply = caller.send(content)

    (message,) = caller.messages()
    assert reply.status == 201
    assert message["content"] == content
    assert message["notes"]


def test_lenient_content_is_still_required(serve: Servers) -> None:
    caller = Caller(serve(content="lenient"))
    reply = caller.send("")

    assert (reply.status, reply.json()["code"]) == (400, 20001)


def test_path_may_have_a_query(caller: Caller) -> None:
    reply = caller.send(path=caller.path + "?Content=ignored")

    assert (reply.status, caller.messages()[0]["content"]) == (201, CONTENT)


def test_absolute_target_is_accepted(caller: Caller) -> None:
    reply = caller.send(path="http://127.0.0.1" + caller.path)

    assert reply.status == 201


def test_http_1_0_connection_is_closed(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(caller.raw().replace(b"HTTP/1.1", b"HTTP/1.0", 1))
        reply = connection.reply()
        closed = connection.is_closed()

    assert (reply.status, closed) == (201, True)


def test_half_closed_client_is_answered(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(caller.raw())
        connection.finish()
        reply = connection.reply()

    assert reply.status == 201


def test_form_media_type_is_case_insensitive(caller: Caller) -> None:
    reply = caller.ask(headers=[caller.auth, ("Content-Type", FORM.upper() + "; charset=UTF-8")])

    assert reply.status == 201
