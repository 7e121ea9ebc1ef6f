"""Dates in Twilio's formats, from seconds since 1970 (UTC). Names are English in every locale."""

import time
from functools import lru_cache

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@lru_cache(maxsize=16)  # many requests arrive within one second
def _stamp(second: int) -> str:
    t = time.gmtime(second)
    return (
        f"{_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year:04} "
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}"
    )


def rfc2822(seconds: float) -> str:
    """`Wed, 18 Dec 2019 20:02:01 +0000`: zero offset and two-digit day (Twilio's OpenAPI example)."""
    return _stamp(int(seconds // 1)) + " +0000"


def rfc2822_short(seconds: float) -> str:
    """`Fri, 2 Dec 2022 22:02:49 +0000`: the day without a leading zero.

    Source: the sample of https://www.twilio.com/docs/voice/sdks/call-message-events
    """
    return rfc2822(seconds).replace(", 0", ", ", 1)


def http_date(seconds: float) -> str:
    """`Wed, 18 Dec 2019 20:02:01 GMT`, the form of the `Date` header (RFC 9110, 5.6.7)."""
    return _stamp(int(seconds // 1)) + " GMT"


def iso8601(seconds: float) -> str:
    """`2019-12-18T20:02:01.123Z`: milliseconds truncated, not rounded. The format of the inspection API."""
    # Round to microseconds first: .123 of a second is often slightly less in a double.
    second, microseconds = divmod(round(seconds * 1_000_000), 1_000_000)
    milliseconds = microseconds // 1000
    t = time.gmtime(second)
    return f"{t.tm_year:04}-{t.tm_mon:02}-{t.tm_mday:02}T{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02}.{milliseconds:03}Z"
