"""How parameters are read from url-encoded and multipart bodies."""

import pytest
from support.server import Caller

BOUNDARY = "x"
MULTIPART = f"multipart/form-data; boundary={BOUNDARY}"
CONTENT_TOO = 'form-data; name="Content"'
TEXT = "Content-Type: text/plain; charset=utf-8"


def part(disposition: str, value: str, *headers: str) -> str:
    head = "".join(f"{header}\r\n" for header in (f"Content-Disposition: {disposition}", *headers))
    return f"--{BOUNDARY}\r\n{head}\r\n{value}\r\n"


def multipart(*parts: str, end: str = f"--{BOUNDARY}--\r\n") -> bytes:
    return ("".join(parts) + end).encode()


def test_multipart_parameters_are_read(caller: Caller) -> None:
    key, content = part('form-data; name="IdempotencyKey"', "k"), part(CONTENT_TOO, "[1,\r\n2]", TEXT)
    caller.ask(multipart(key, content), headers=[caller.auth, ("Content-Type", MULTIPART)])

    (message,) = caller.messages()
    assert (message["idempotency_key"], message["content"]) == ("k", "[1,\r\n2]")


@pytest.mark.parametrize(
    ("media_type", "body"),
    [
        pytest.param("multipart/form-data; boundary=y", multipart(part(CONTENT_TOO, "1")), id="another boundary"),
        pytest.param(MULTIPART, multipart(part("form-data", "1")), id="a part without a name"),
        pytest.param(MULTIPART, b"--x\r\nno colon\r\n\r\n1\r\n--x--\r\n", id="a broken part head"),
    ],
)
def test_malformed_multipart_is_rejected(caller: Caller, media_type: str, body: bytes) -> None:
    reply = caller.ask(body, headers=[caller.auth, ("Content-Type", media_type)])

    assert (reply.status, reply.json()["code"], reply.json()["message"]) == (400, 20001, "Bad request")
