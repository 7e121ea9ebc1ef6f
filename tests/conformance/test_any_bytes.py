"""Whatever comes: a well-formed reply or a clean close, in time, never a 500; and the emulator lives on."""

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.server import CONTENT, LAST_CHUNK, Caller, Reply, Servers, chunk, request

EXAMPLES = settings(max_examples=settings.default.max_examples * 2)


@pytest.fixture(scope="module")
def caller(serve: Servers) -> Caller:
    """One caller for all examples."""
    return Caller(serve(journal_limit=1000))


def replies_to(caller: Caller, data: bytes) -> list[Reply]:
    """Everything that comes back until the end; a reply that is not well-formed, or no end in time, raises."""
    replies = []
    with caller.site.connect() as connection:
        connection.send(data)
        connection.finish()
        while (reply := connection.next_reply()) is not None:
            replies.append(reply)
    return replies


def check(caller: Caller, data: bytes) -> None:
    replies = replies_to(caller, data)

    assert [reply for reply in replies if reply.status >= 500] == []
    assert caller.site.get("/readyz").status == 200
    assert caller.messages(order="newest", limit=3) is not None


# --- noise

FRAGMENTS = (
    b"GET",
    b"POST",
    b"OPTIONS",
    b"CONNECT",
    b" ",
    b"/",
    b"/2010-04-01/",
    b"/_emulator/messages",
    b"*",
    b" HTTP/1.1",
    b" HTTP/1.0",
    b"\r\n",
    b"\n",
    b"\r\n\r\n",
    b"Host: x",
    b"Host: api.twilio.com",
    b"Content-Length: 1",
    b"Content-Length: 5",
    b"Transfer-Encoding: chunked",
    b"Expect: 100-continue",
    b"Connection: Upgrade",
    b"Connection: close",
    b"Upgrade: h2c",
    b"Upgrade: websocket",
    b"1\r\n",
    b"0\r\n\r\n",
    b"\x00",
    b"\xff",
)
noise = st.binary(max_size=300)
soup = st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=5), max_size=20).map(b"".join)


@EXAMPLES
@given(data=noise | soup)
@example(data=b"CONNECT api.twilio.com:443 HTTP/1.1\r\n\r\n")
@example(data=b"\r\n" * 1000)
def test_noise_is_answered_or_closed(caller: Caller, data: bytes) -> None:
    check(caller, data)


# --- a valid request, changed


Change = Callable[[bytes], bytes]


def cut(at: int, length: int) -> Change:
    return lambda data: data[: at % len(data)] + data[at % len(data) + length :]


def put(at: int, what: bytes) -> Change:
    return lambda data: data[: at % len(data)] + what + data[at % len(data) :]


def repeat(at: int, length: int, times: int) -> Change:
    def change(data: bytes) -> bytes:
        start = at % len(data)
        return data[:start] + data[start : start + length] * times + data[start + length :]

    return change


places = st.integers(0, 1000)
lengths = st.integers(0, 40)
change = st.one_of(
    st.builds(cut, places, lengths),
    st.builds(put, places, st.binary(max_size=10) | st.sampled_from(FRAGMENTS)),
    st.builds(repeat, places, lengths, st.integers(2, 5)),
)
MULTIPART = (
    b'--x\r\nContent-Disposition: form-data; name="Content"\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{"a": 1}\r\n'
    b'--x\r\nContent-Disposition: form-data; name="f"; filename="g"\r\nContent-Type: a/b\r\n\r\nfile\r\n--x--\r\n'
)


def _multipart(caller: Caller) -> bytes:
    return request("POST", caller.path, [caller.auth, ("Content-Type", "multipart/form-data; boundary=x")], MULTIPART)


def _chunked(caller: Caller) -> bytes:
    body = chunk(b"Content=%7B") + chunk(b"%7D") + LAST_CHUNK
    return request("POST", caller.path, caller.headers(("Transfer-Encoding", "chunked")), body)


def _registering(caller: Caller) -> bytes:
    path = f"/_emulator/calls/{caller.call}"
    return request("PUT", path, [("Content-Type", "application/json")], b'{"status": "ringing"}')


VALID: dict[str, Callable[[Caller], bytes]] = {
    "url-encoded": lambda caller: caller.raw(CONTENT, "k"),
    "multipart": _multipart,
    "chunked": _chunked,
    "XML": lambda caller: request("POST", caller.path.removesuffix(".json"), caller.headers(), b"Content=1"),
    "asking first": lambda caller: caller.raw(CONTENT, None, ("Expect", "100-continue")),
    "offering HTTP/2": lambda caller: caller.raw(CONTENT, None, ("Connection", "upgrade"), ("Upgrade", "h2c")),
    "two": lambda caller: caller.raw() * 2,
    "listing": lambda _: request("GET", "/_emulator/messages?limit=1&order=newest"),
    "registering": _registering,
}


@pytest.mark.parametrize("kind", VALID)
def test_a_valid_request_is_answered(caller: Caller, kind: str) -> None:
    replies = replies_to(caller, VALID[kind](caller))

    assert replies
    assert {reply.status for reply in replies} <= {100, 200, 201}


@EXAMPLES
@given(kind=st.sampled_from(sorted(VALID)), changes=st.lists(change, min_size=1, max_size=4))
def test_mutation_is_answered_or_closed(caller: Caller, kind: str, changes: list[Change]) -> None:
    data = VALID[kind](caller)
    for one in changes:
        data = one(data) or b"\r\n"

    check(caller, data)


# --- a well-framed request with any body

parts = st.sampled_from(
    (
        b"--x",
        b"--x--",
        b"\r\n",
        b"Content-Disposition: form-data",
        b'; name="Content"',
        b"; name=",
        b"; filename*=utf-8''%ff",
        b"Content-Transfer-Encoding: base64",
        b"Content-Transfer-Encoding: quoted-printable",
        b"Content-Transfer-Encoding: x",
        b"e30=",
        b"=",
        b'"',
        b": ",
        b"{}",
    )
)
bodies = st.lists(parts | st.binary(max_size=5), max_size=20).map(b"".join)
media_types = st.sampled_from(
    (
        "multipart/form-data; boundary=x",
        'multipart/form-data; boundary="x"',
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\xff",
        "multipart/form-data",
        "application/x-www-form-urlencoded",
        "application/json",
        ";",
    )
)


@EXAMPLES
@given(media_type=media_types, body=bodies | st.binary(max_size=200))
@example(media_type="multipart/form-data; boundary=x", body=b"--x--")
def test_any_body_gets_exactly_one_reply(caller: Caller, media_type: str, body: bytes) -> None:
    (reply,) = replies_to(caller, request("POST", caller.path, [caller.auth, ("Content-Type", media_type)], body))

    assert reply.status in (201, 400)
    assert caller.messages(order="newest", limit=3) is not None


# --- any content

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5), max_leaves=20
)


@EXAMPLES
@given(value=values, ascii_only=st.booleans())
def test_accepted_json_is_listed_unchanged(caller: Caller, value: object, *, ascii_only: bool) -> None:
    content = json.dumps(value, ensure_ascii=ascii_only)
    reply = caller.send(content)

    (message,) = caller.messages(order="newest", limit=1)
    assert reply.status == 201
    assert (message["content"], message["json"]) == (content, value)


@EXAMPLES
@given(content=st.text(min_size=1, max_size=50), key=st.text(max_size=5))
@example(content="[" * 100_000, key="")
@example(content="9" * 5000, key="")
@example(content="NaN", key="\0")
def test_lenient_content_can_be_listed(serve: Servers, content: str, key: str) -> None:
    lenient = Caller(serve(content="lenient"))
    reply = lenient.send(content, key)

    (message,) = lenient.messages(order="newest", limit=1)
    assert reply.status == 201
    assert (message["content"], message["idempotency_key"]) == (content, key or None)
