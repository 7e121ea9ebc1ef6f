"""The paths of the Twilio surface, matched on the raw path: case-sensitive, nothing decoded, the whole segment."""

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
    """What a path names: a resource of a call, or one of it by SID."""

    account_sid: str
    call_sid: str
    resource: str
    sid: str | None = None


_LONGEST = 250


def parse(path: str) -> Target | None:
    """What a raw path without its query names, or None when it fits no template."""
    return _parse(path) if len(path) <= _LONGEST else None


@lru_cache(maxsize=1024)  # a client sends to few calls at a time, and they share their SIDs' texts
def _parse(path: str) -> Target | None:
    match = _TEMPLATE.fullmatch(path)
    return None if match is None else Target(*match.groups())


def owners(path: str) -> tuple[str | None, str | None]:
    """The account and call that a path speaks of, malformed ones as raw text, so that a refusal can be found again."""
    match = _OWNERS.match(path)
    return (None, None) if match is None else (match[1], match[2])
