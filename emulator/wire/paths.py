"""Paths of the Twilio API, matched on the raw path: case-sensitive, not decoded, whole segments."""

import re
from functools import lru_cache
from typing import NamedTuple

from emulator.wire import sids

PREFIX = "/2010-04-01"

_TEMPLATE = re.compile(
    rf"{PREFIX}/Accounts/({sids.pattern(sids.ACCOUNT)})/Calls/({sids.pattern(sids.CALL)})/([A-Za-z]+)"
    rf"(?:/({sids.pattern(sids.SUBSCRIPTION)}))?(?:\.json|\.xml)?"
)
_OWNERS = re.compile(rf"{PREFIX}/Accounts/([^/]+?)(?:\.(?:json|xml))?(?:/Calls/([^/]+?)(?:\.(?:json|xml))?)?(?:/|$)")


class Target(NamedTuple):
    """What a path identifies: a resource of a call, or an instance of it by SID."""

    account_sid: str
    call_sid: str
    resource: str
    sid: str | None = None


_LONGEST = 250


def parse(path: str) -> Target | None:
    """Match a raw path without its query; None if it fits no template."""
    return _parse(path) if len(path) <= _LONGEST else None


@lru_cache(maxsize=1024)  # a client uses few calls at a time
def _parse(path: str) -> Target | None:
    match = _TEMPLATE.fullmatch(path)
    return None if match is None else Target(*match.groups())


def owners(path: str) -> tuple[str | None, str | None]:
    """The account and call in a path, as raw text even if malformed, so that rejected requests can be found by them."""
    match = _OWNERS.match(path)
    return (None, None) if match is None else (match[1], match[2])
