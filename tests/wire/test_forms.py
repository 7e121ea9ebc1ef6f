from collections.abc import Callable
from contextlib import suppress
from urllib.parse import parse_qsl, quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire.errors import FORM_BROKEN, TwilioError
from emulator.wire.forms import read_form

# Bytes that mean something to a form, so that luck meets the odd corners often.
TELLING = st.lists(st.sampled_from([b"%", b"%4", b"%41", b"%ff", b"%C3", b"%A9", b"&", b"=", b"+", b"a", b"\xff"])).map(
    b"".join
)
PAIRS = st.lists(st.tuples(st.text(min_size=1), st.text()))
BODIES = st.lists(st.sampled_from(["%41", "%3d", "%C3%A9", "%0D%0A", "&", "=", "+", "a", "é", "\r\n", "\0"])).map(
    "".join
)


def refusal(body: bytes) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        read_form(body)
    return caught.value


@given(st.binary() | TELLING)
def test_any_bytes_are_a_form_or_malformed(body: bytes) -> None:
    with suppress(TwilioError):
        read_form(body)


@pytest.mark.parametrize("quote_via", [quote_plus, quote], ids=["space as plus", "space as percent 20"])
@given(pairs=PAIRS)
def test_first_of_repeated_parameters_counts(quote_via: Callable[..., str], pairs: list[tuple[str, str]]) -> None:
    """Parameters are read in any library's encoding."""
    parameters = read_form(urlencode(pairs, quote_via=quote_via).encode())

    assert parameters == dict(reversed(pairs))


@given(BODIES)
def test_form_is_read_like_the_library(body: str) -> None:
    pairs = parse_qsl(body, keep_blank_values=True, errors="strict")

    assert read_form(body.encode()) == dict(reversed(pairs))


@pytest.mark.parametrize(
    ("body", "parameters"),
    [
        pytest.param(b"", {}, id="nothing"),
        pytest.param(b"&&", {}, id="only separators"),
        pytest.param(b"Content", {"Content": ""}, id="a name alone"),
        pytest.param(b"Content=", {"Content": ""}, id="an empty value"),
        pytest.param(b"=x", {"": "x"}, id="an empty name"),
        pytest.param(b"&Content=1&", {"Content": "1"}, id="empty pairs"),
        pytest.param(b"Content=a=b", {"Content": "a=b"}, id="a value with an equals sign"),
        pytest.param(b"Content=a;Key=b", {"Content": "a;Key=b"}, id="a semicolon"),
        pytest.param(b"a+b%20c=%2B+%20", {"a b c": "+  "}, id="spaces of both kinds"),
        pytest.param(b"Content=%7B%22%C3%A9%22%7d", {"Content": '{"é"}'}, id="UTF-8, hex of either case"),
        pytest.param("Content=é".encode(), {"Content": "é"}, id="UTF-8 not escaped"),
        pytest.param(b"Content=%2541", {"Content": "%41"}, id="decoded once"),
        pytest.param(b"content=1&CONTENT=2", {"content": "1", "CONTENT": "2"}, id="names are case-sensitive"),
        pytest.param(b"Content=1&%43ontent=2", {"Content": "1"}, id="the first of a repeated name"),
        pytest.param(b"Content=&Content=2", {"Content": ""}, id="the first of a repeated name, though empty"),
        pytest.param(b"Content=%00", {"Content": "\0"}, id="a zero byte"),
    ],
)
def test_form_values_are_exact(body: bytes, parameters: dict[str, str]) -> None:
    assert read_form(body) == parameters


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"%", "byte 0", id="a percent sign alone"),
        pytest.param(b"Content=100%", "byte 11", id="a percent sign at the end"),
        pytest.param(b"Content=%7", "byte 8", id="one digit"),
        pytest.param(b"Content=%7x&a=%20", "byte 8", id="one digit and a letter"),
        pytest.param(b"a=%20&b=%zz", "byte 8", id="no digit"),
        pytest.param(b"Content=%+1", "byte 8", id="a sign is no digit"),
        pytest.param(b"Content=%ff", "b'Content' is not UTF-8", id="an escaped byte that is not UTF-8"),
        pytest.param(b"Content=\xff", "b'Content' is not UTF-8", id="a raw byte that is not UTF-8"),
        pytest.param(b"%C3=1", "b'%C3' is not UTF-8", id="half a character in a name"),
        pytest.param(b"Content=%ED%A0%80", "b'Content' is not UTF-8", id="a surrogate"),
        pytest.param(b"Content={}&later=%ff", "b'later' is not UTF-8", id="a parameter that nobody wants"),
    ],
)
def test_malformed_form_has_a_position(body: bytes, reason: str) -> None:
    error = refusal(body)

    assert error.problem is FORM_BROKEN
    assert reason in (error.reason or "")


def test_a_thousand_parameters_are_read() -> None:
    assert len(read_form(b"&".join(b"p%d=" % n for n in range(1000)))) == 1000


def test_more_parameters_are_refused() -> None:
    error = refusal(b"&".join(b"p%d=" % n for n in range(1001)))

    assert error.problem is FORM_BROKEN
    assert error.reason == "more than 1000 parameters"
