"""How parameters are read from url-encoded and multipart bodies."""

import pytest
from support.server import LAST_CHUNK, Caller, chunk, request

BOUNDARY = "x"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
CONTENT_TOO = 'form-data; name="Content"'


def part(disposition: str, value: str, *headers: str) -> str:
    head = "".join(f"{header}\r\n" for header in (f"Content-Disposition: {disposition}", *headers))
    return f"--{BOUNDARY}\r\n{head}\r\n{value}\r\n"


def multipart(*parts: str, end: str = f"--{BOUNDARY}--\r\n") -> bytes:
    return ("".join(parts) + end).encode()


@pytest.mark.parametrize(
    ("body", "content"),
    [
        pytest.param('Content={"a":"b+c"}', '{"a":"b c"}', id="plus is a space"),
        pytest.param("Content=%7B%22a%22%3A%22b%20c%22%7D", '{"a":"b c"}', id="%20 is a space"),
        pytest.param("Content=%22%2B%22", '"+"', id="%2B is a plus"),
        pytest.param("Content=%22%c3%A9%22", '"é"', id="hex in either case"),
        pytest.param('Content="é"', '"é"', id="bytes as they are"),
        pytest.param("Content=1&Content=2", "1", id="of a repeated name the first counts"),
        pytest.param("Content=1&content=2&CONTENT=3", "1", id="other cases are other names"),
        pytest.param("&&x=y&Content=1&", "1", id="empty pairs and unknown names are ignored"),
        pytest.param("C%6Fntent=1", "1", id="an encoded name"),
        pytest.param('Content="a=b"', '"a=b"', id="only the first equals sign separates"),
        pytest.param("Content=1;x=2&IdempotencyKey=k", None, id="a semicolon separates nothing"),
    ],
)
def test_url_encoded_parameters_are_read(caller: Caller, body: str, content: str | None) -> None:
    reply = caller.ask(body.encode())

    assert reply.status == (400 if content is None else 201)
    assert [message["content"] for message in caller.messages()] == ([] if content is None else [content])


@pytest.mark.parametrize(
    ("parts", "content"),
    [
        pytest.param([part(CONTENT_TOO, "1")], "1", id="a field"),
        pytest.param([part(CONTENT_TOO, '{"a": "b+%20é"}')], '{"a": "b+%20é"}', id="nothing is decoded"),
        pytest.param([part(CONTENT_TOO, "1"), part(CONTENT_TOO, "2")], "1", id="of a repeated name the first counts"),
        pytest.param([part('form-data; name="x"', ""), part(CONTENT_TOO, "1")], "1", id="unknown names are ignored"),
        pytest.param([part(CONTENT_TOO, "[1,\r\n2]")], "[1,\r\n2]", id="lines inside a value"),
        pytest.param(
            [part('form-data; name="x"; filename="f"', "zzz"), part(CONTENT_TOO, "1")], "1", id="a file is ignored"
        ),
        pytest.param(
            [part(CONTENT_TOO, "1", "Content-Type: text/plain; charset=utf-8")], "1", id="a field with a content type"
        ),
        pytest.param([part('form-data; name="content"', "1")], None, id="names are case-sensitive"),
        pytest.param([part(CONTENT_TOO, "")], None, id="an empty field"),
        pytest.param([], None, id="no parts"),
    ],
)
def test_multipart_parameters_are_read(caller: Caller, parts: list[str], content: str | None) -> None:
    reply = caller.ask(multipart(*parts), headers=[caller.auth, ("Content-Type", MULTIPART)])

    assert reply.status == (400 if content is None else 201)
    assert [message["content"] for message in caller.messages()] == ([] if content is None else [content])
    assert content is not None or "Content" in reply.json()["message"]


def test_idempotency_key_in_multipart(caller: Caller) -> None:
    body = multipart(part('form-data; name="IdempotencyKey"', "k"), part(CONTENT_TOO, "{}"))
    caller.ask(body, headers=[caller.auth, ("Content-Type", MULTIPART)])

    assert caller.messages()[0]["idempotency_key"] == "k"


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        pytest.param("multipart/form-data", multipart(part(CONTENT_TOO, "1")), id="no boundary"),
        pytest.param("multipart/form-data; boundary=", multipart(part(CONTENT_TOO, "1")), id="empty boundary"),
        pytest.param("multipart/form-data; boundary=y", multipart(part(CONTENT_TOO, "1")), id="another boundary"),
        pytest.param(MULTIPART, multipart(part(CONTENT_TOO, "1"), end=""), id="no end"),
        pytest.param(MULTIPART, multipart(part("form-data", "1")), id="a part without a name"),
        pytest.param(MULTIPART, b"--x\r\nno colon\r\n\r\n1\r\n--x--\r\n", id="a broken part head"),
        pytest.param(
            MULTIPART, multipart(part(CONTENT_TOO, "1")).replace(b"\r\n1\r\n", b"\r\n\xff\r\n"), id="not UTF-8"
        ),
    ],
)
def test_malformed_multipart_is_rejected(caller: Caller, media_type: str, body: bytes) -> None:
    reply = caller.ask(body, headers=[caller.auth, ("Content-Type", media_type)])

    assert (reply.status, reply.json()["code"], reply.json()["message"]) == (400, 20001, "Bad request")


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_chunked_body_is_read(caller: Caller, size: int) -> None:
    body = b'Content={"a":"' + b"b" * 900 + b'"}'
    pieces = b"".join(chunk(body[at : at + size]) for at in range(0, len(body), size))
    with caller.site.connect() as connection:
        connection.send(
            request("POST", caller.path, caller.headers(("Transfer-Encoding", "chunked")), pieces + LAST_CHUNK)
        )
        reply = connection.reply()

    assert reply.status == 201
    assert caller.messages()[0]["content"] == body.decode().removeprefix("Content=")
