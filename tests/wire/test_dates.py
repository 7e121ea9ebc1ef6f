from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import formatdate

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from emulator.wire import dates

# Years 1583 to 9999 in seconds since 1970.
SECONDS = st.integers(-12_212_553_600, 253_402_300_799)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def test_body_date_is_twilios_example() -> None:
    assert dates.rfc2822(1576699321) == "Wed, 18 Dec 2019 20:02:01 +0000"


def test_the_day_always_has_two_digits() -> None:
    assert dates.rfc2822(1669932169) == "Thu, 01 Dec 2022 22:02:49 +0000"


@pytest.mark.parametrize(
    ("second", "text"),
    [(1670018569, "Fri, 2 Dec 2022 22:02:49 +0000"), (1576699321, "Wed, 18 Dec 2019 20:02:01 +0000")],
    ids=["one digit", "two digits"],
)
def test_callback_date_has_a_short_day(second: int, text: str) -> None:
    assert dates.rfc2822_short(second) == text


@given(SECONDS)
def test_date_header_is_the_librarys(second: int) -> None:
    assert dates.http_date(second) == formatdate(second, usegmt=True)


@given(SECONDS)
def test_body_and_header_differ_in_the_zone(second: int) -> None:
    assert dates.rfc2822(second) == formatdate(second, usegmt=True).replace("GMT", "+0000")


@pytest.mark.parametrize("write", [dates.rfc2822, dates.http_date])
@given(second=SECONDS, fraction=st.floats(0, 0.999))
def test_seconds_are_not_rounded_up(write: Callable[[float], str], second: int, fraction: float) -> None:
    assert write(second + fraction) == write(second)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (-0.5, "1969-12-31T23:59:59.500Z"),
        (1576699321.9999, "2019-12-18T20:02:01.999Z"),
        (1576699321.25, "2019-12-18T20:02:01.250Z"),
    ],
)
def test_inspection_dates_are_iso_8601(seconds: float, text: str) -> None:
    assert dates.iso8601(seconds) == text


@given(st.integers(0, 4_000_000_000_000))
@example(1_576_699_321_123)
def test_milliseconds_are_exact(milliseconds: int) -> None:
    text = dates.iso8601(milliseconds / 1000)

    assert datetime.fromisoformat(text) == EPOCH + timedelta(milliseconds=milliseconds)
