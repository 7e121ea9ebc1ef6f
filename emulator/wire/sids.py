"""String identifiers: a prefix of two letters for the kind, then 32 hex digits.

Patterns: twilio-oai 2.6.7, twilio_api_v2010.json (AC, CA, KX, ZY). RQ is the form of every recorded Twilio-Request-Id.
"""

import re
from functools import lru_cache

HEX_DIGITS = 32
ENTROPY_BYTES = 16
SID_LENGTH = 34

ACCOUNT = "AC"
CALL = "CA"
API_KEY = "SK"
MESSAGE = "KX"
SUBSCRIPTION = "ZY"
REQUEST = "RQ"


def pattern(kind: str) -> str:
    """The regular expression of a SID of this kind, as in Twilio's documents but without anchors."""
    return f"{kind}[0-9a-fA-F]{{{HEX_DIGITS}}}"


_PATTERNS = {kind: re.compile(pattern(kind)) for kind in (ACCOUNT, CALL, API_KEY, MESSAGE, SUBSCRIPTION, REQUEST)}


def is_sid(kind: str, text: str) -> bool:
    """Whether the whole text is a SID of this kind."""
    return len(text) == SID_LENGTH and _fits(kind, text)


@lru_cache(maxsize=1024)  # requests repeat the same few accounts
def _fits(kind: str, text: str) -> bool:
    return _PATTERNS[kind].fullmatch(text) is not None


def make(kind: str, entropy: bytes) -> str:
    """Make a SID from 16 bytes of the caller; Twilio writes new SIDs in lower-case hex (recordings of 2023)."""
    assert len(entropy) == ENTROPY_BYTES, "a SID is made from 16 bytes"
    return kind + entropy.hex()
