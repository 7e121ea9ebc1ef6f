import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT

from emulator.wire import sids

KINDS = ["AC", "CA", "SK", "KX", "ZY", "RQ"]


@pytest.mark.parametrize("kind", KINDS)
@given(entropy=st.binary(min_size=16, max_size=16))
def test_new_sid_is_valid(kind: str, entropy: bytes) -> None:
    sid = sids.make(kind, entropy)

    assert sids.is_sid(kind, sid)
    assert sid == kind + entropy.hex()


def test_new_sids_are_written_in_lower_case() -> None:
    sid = sids.make("KX", bytes.fromhex("ABCDEF0123456789ABCDEF0123456789"))

    assert sid == "KXabcdef0123456789abcdef0123456789"


@pytest.mark.parametrize("size", [0, 15, 17, 32])
def test_a_sid_is_made_from_16_bytes_only(size: int) -> None:
    with pytest.raises(AssertionError, match="16 bytes"):
        sids.make("KX", bytes(size))


@pytest.mark.parametrize("digits", ["0123456789abcdef" * 2, "0123456789ABCDEF" * 2, "aA" * 16])
def test_sids_are_case_insensitive_hex(digits: str) -> None:
    assert sids.is_sid("AC", "AC" + digits)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param("AC", id="the kind alone"),
        pytest.param("AC123", id="as in examples of the documents"),
        pytest.param(ACCOUNT[:-1], id="a digit too few"),
        pytest.param(ACCOUNT + "a", id="a digit too many"),
        pytest.param(ACCOUNT + "\n", id="a newline behind"),
        pytest.param(" " + ACCOUNT, id="a space before"),
        pytest.param("ac" + "a" * 32, id="the kind in lower case"),
        pytest.param("CA" + "a" * 32, id="another kind"),
        pytest.param("AC" + "g" * 32, id="not hex"),
        pytest.param("AC" + "\u0661" * 32, id="digits beyond ASCII"),
    ],
)
def test_only_the_whole_pattern_is_a_sid(text: str) -> None:
    assert not sids.is_sid("AC", text)
