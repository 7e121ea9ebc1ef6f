"""The server name in the first record of a TLS connection."""

import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.server.client_hello import is_valid_name, is_whole, server_name


def hello_of(name: str | None) -> bytes:
    """What OpenSSL sends first."""
    context = ssl.create_default_context()
    context.check_hostname = False
    outgoing = ssl.MemoryBIO()
    tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    return outgoing.read()


@pytest.mark.parametrize("name", ["api.twilio.com", "a" * 63 + ".example", None])
def test_the_name_that_openssl_sends(name: str | None) -> None:
    hello = hello_of(name)

    assert is_whole(hello)
    assert server_name(hello) == (None if name is None else name.encode())


def test_record_is_complete_at_its_last_byte() -> None:
    hello = hello_of("api.twilio.com")

    assert [is_whole(hello[:size]) for size in (0, 4, 5, len(hello) - 1, len(hello))] == [False] * 4 + [True]
    assert is_whole(b"\x16\x03\x01\xff\xff")  # too long for a record: nothing to wait for


def test_record_of_another_type_has_no_name() -> None:
    hello = hello_of("api.twilio.com")

    assert server_name(hello[:5] + b"\x02" + hello[6:]) is None


HELLO = hello_of("api.twilio.com")


@given(data=st.data())
def test_no_bytes_are_a_failure(data: st.DataObject) -> None:
    hello = bytearray(HELLO)
    for place in data.draw(st.lists(st.integers(0, len(hello) - 1), max_size=5)):
        hello[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(hello)))

    server_name(bytes(hello[:cut]))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        (b"api.twilio.com", True),
        (b"a_b.twilio.com", True),
        (b"1.2.3.4", True),
        (b"::1", True),
        (b"[::1]", True),
        (b"\xff.twilio.com", False),
        (b"a\0b", False),
        (b"a b", False),
        (b"a" * 256, False),
        (b"localhost:443", False),
    ],
)
def test_a_name_is_a_host(name: bytes, *, expected: bool) -> None:
    assert is_valid_name(name) is expected
