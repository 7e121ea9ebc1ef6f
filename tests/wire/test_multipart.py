from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from emulator.wire.errors import FORM_BROKEN, TwilioError
from emulator.wire.forms import read_parameters

MULTIPART = b"multipart/form-data; boundary=b"
NAMES = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='"\\\r\n\0'), min_size=1)
TEXTS = st.text().filter(lambda text: "--b" not in text)
# Parts of multipart syntax, so that random input often reaches edge cases.
TELLING = st.lists(
    st.sampled_from(
        [
            b"--b\r\n",
            b"--b--\r\n",
            b"--b--",
            b'Content-Disposition: form-data; name="Content"\r\n',
            b'Content-Disposition: form-data; name="f"; filename="x"\r\n',
            b"Content-Disposition: form-data\r\n",
            b"Content-Transfer-Encoding: base64\r\n",
            b"Content-Transfer-Encoding: nope\r\n",
            b"X\r\n",
            b"\r\n",
            b"\xff",
            b"{}",
        ]
    )
).map(b"".join)


def part(name: bytes, value: bytes, more: bytes = b"") -> bytes:
    return b'--b\r\nContent-Disposition: form-data; name="' + name + b'"' + more + b"\r\n\r\n" + value + b"\r\n"


def refusal(content_type: bytes, body: bytes) -> TwilioError:
    with pytest.raises(TwilioError) as caught:
        read_parameters(content_type, body)
    return caught.value


@pytest.mark.parametrize(
    "content_type",
    [
        b"application/x-www-form-urlencoded",
        b"application/x-www-form-urlencoded; charset=utf-8",
        b" Application/X-WWW-Form-Urlencoded ;charset=latin-1",
    ],
)
def test_url_encoded_form_is_read(content_type: bytes) -> None:
    assert read_parameters(content_type, b"Content=%7B%7D&a=+") == {"Content": "{}", "a": " "}


@pytest.mark.parametrize("content_type", [b"", b"application/json", b"text/plain", b"multipart/mixed; boundary=b"])
def test_other_types_have_no_parameters(content_type: bytes) -> None:
    assert read_parameters(content_type, b"Content=1%") == {}


@given(st.dictionaries(NAMES, TEXTS, max_size=5))
def test_multipart_round_trip(parameters: dict[str, str]) -> None:
    body = b"".join(part(name.encode(), value.encode()) for name, value in parameters.items()) + b"--b--\r\n"

    assert read_parameters(MULTIPART, body) == parameters


@pytest.mark.parametrize("content_type", [b'multipart/form-data; boundary="b"', b"Multipart/Form-Data;boundary=b"])
def test_boundary_may_be_quoted(content_type: bytes) -> None:
    assert read_parameters(content_type, part(b"Content", b"{}") + b"--b--") == {"Content": "{}"}


def test_first_multipart_parameter_counts() -> None:
    body = part(b"Content", b"1") + part(b"Content", b"2") + b"--b--\r\n"

    assert read_parameters(MULTIPART, body) == {"Content": "1"}


def test_file_is_not_a_parameter() -> None:
    body = part(b"Content", b"1", b'; filename="x.json"') + part(b"a", b"2") + b"--b--\r\n"

    assert read_parameters(MULTIPART, body) == {"a": "2"}


@given(st.sampled_from([MULTIPART, b"multipart/form-data; boundary=b; boundary=c", b"x"]), st.binary() | TELLING)
def test_any_bytes_are_read_or_malformed(content_type: bytes, body: bytes) -> None:
    with suppress(TwilioError):
        read_parameters(content_type, body)


@given(st.binary())
def test_any_multipart_header_is_handled(rest: bytes) -> None:
    with suppress(TwilioError):
        read_parameters(b"multipart/form-data;" + rest, part(b"Content", b"1") + b"--b--\r\n")


@pytest.mark.parametrize(
    ("content_type", "body", "reason"),
    [
        pytest.param(b"multipart/form-data", b"--b--\r\n", "multipart/form-data without a boundary", id="no boundary"),
        pytest.param(
            b"multipart/form-data; boundary=",
            b"----\r\n",
            "multipart/form-data without a boundary",
            id="an empty boundary",
        ),
        pytest.param(MULTIPART, part(b"Content", b"1"), "the last multipart boundary is missing", id="cut short"),
        pytest.param(
            MULTIPART,
            b"x" + part(b"Content", b"1") + b"--b--",
            "multipart/form-data: Expected boundary character 45, got 120 at index 2",
            id="no boundary at the beginning",
        ),
        pytest.param(
            MULTIPART,
            part(b"Content", b"\xff") + b"--b--",
            "multipart/form-data: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            id="a value that is not UTF-8",
        ),
        pytest.param(
            MULTIPART,
            part(b"\xff", b"1") + b"--b--",
            "multipart/form-data: 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte",
            id="a name that is not UTF-8",
        ),
        pytest.param(
            MULTIPART,
            b"".join(part(b"p%d" % number, b"") for number in range(1001)) + b"--b--",
            "multipart/form-data: more than 1000 parameters",
            id="too many parameters",
        ),
    ],
)
def test_malformed_multipart_has_a_reason(content_type: bytes, body: bytes, reason: str) -> None:
    error = refusal(content_type, body)

    assert error.problem is FORM_BROKEN
    assert error.reason == reason


def test_1000_multipart_parameters_are_read() -> None:
    body = b"".join(part(b"p%d" % number, b"") for number in range(1000)) + b"--b--"

    assert len(read_parameters(MULTIPART, body)) == 1000
