"""Access tokens: the JWT by which a Voice SDK identifies its user.

Source: https://www.twilio.com/docs/iam/access-tokens and what twilio.jwt.access_token of the official library writes.
"""

import binascii
import hashlib
import hmac
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from emulator.wire import content
from emulator.wire.credentials import ApiKey
from emulator.wire.sids import ACCOUNT, is_sid
from emulator.wire.signalling import error_codes
from emulator.wire.signalling.error_codes import SdkError

MAX_LIFE = 24 * 3600
"""Maximum lifetime of a token in seconds (documented)."""
_ALGORITHM = "HS256"
_END_OF_TIME = 253_402_300_800.0  # the year 10000


class TokenError(Exception):
    """An access token is rejected; `failure` is the error sent to the client, str() the reason."""

    def __init__(self, failure: SdkError, reason: str) -> None:
        super().__init__(reason)
        self.failure = failure


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessToken:
    """The claims of a token, verified or not; None or False for a missing claim.

    Attributes:
        api_key: SID of the key that signed it.
        expires_at: seconds since 1970.
        not_before: seconds since 1970.
        issued_at: seconds since 1970.
        voice: whether it has a voice grant.
    """

    identity: str | None
    account_sid: str | None
    api_key: str | None
    expires_at: float | None
    not_before: float | None
    issued_at: float | None
    voice: bool


def read(token: str) -> AccessToken | None:
    """Read the claims without verifying the token; None if the text is not a JWT."""
    parts = token.split(".")
    claims = _object(parts[1]) if len(parts) == 3 and _object(parts[0]) is not None else None  # noqa: PLR2004  RFC 7515
    if claims is None:
        return None
    grants = _member(claims, "grants")
    account_sid = _text(claims, "sub")
    return AccessToken(
        identity=_text(grants, "identity"),
        account_sid=account_sid if account_sid and is_sid(ACCOUNT, account_sid) else None,
        api_key=_text(claims, "iss"),
        expires_at=_time(claims, "exp"),
        not_before=_time(claims, "nbf"),
        issued_at=_time(claims, "iat"),
        voice=isinstance(grants.get("voice"), dict),
    )


def verify(token: str, api_keys: Mapping[str, ApiKey], now: float) -> AccessToken:
    """Read and verify a token.

    It must be signed with a known key of its account, be in force, and carry a voice grant and an identity. Which error
    code belongs to which check is assumed from the texts of the codes.

    Args:
        token: the text.
        api_keys: keys by SID.
        now: seconds since 1970.

    Raises:
        TokenError: a check failed.
    """
    access = read(token)
    if access is None or (_object(token.partition(".")[0]) or {}).get("alg") != _ALGORITHM:
        raise TokenError(error_codes.TOKEN_INVALID, "the token is not a JWT signed with HS256")
    key = api_keys.get(access.api_key or "")
    if key is None:
        raise TokenError(error_codes.TOKEN_INVALID, f"the token's issuer {access.api_key!r} is not among the api_keys")
    if not _is_signed(token, key.secret):
        raise TokenError(error_codes.SIGNATURE_WRONG, f"the token is not signed with the secret of {access.api_key}")
    if access.account_sid != key.account_sid:
        raise TokenError(
            error_codes.NO_VALID_ACCOUNT, f"the token is for {access.account_sid}, its key acts for {key.account_sid}"
        )
    _check_times(access, now)
    if not access.voice or not access.identity:
        raise TokenError(
            error_codes.NOT_AUTHORIZED, "the token has no " + ("identity" if access.voice else "voice grant")
        )
    return access


def _check_times(access: AccessToken, now: float) -> None:
    if access.expires_at is None or access.expires_at <= now:
        raise TokenError(error_codes.TOKEN_EXPIRED, f"the token expired at {access.expires_at}, now is {now:.0f}")
    if access.not_before is not None and access.not_before > now:
        raise TokenError(error_codes.TOKEN_INVALID, f"the token is good from {access.not_before:.0f}, now is {now:.0f}")
    begin = access.not_before or access.issued_at or now
    if access.expires_at - min(begin, now) > MAX_LIFE:
        raise TokenError(error_codes.TOKEN_TOO_LONG, "the token is good for over 24 hours")


def _is_signed(token: str, secret: str) -> bool:
    signed, _, signature = token.rpartition(".")
    expected = hmac.digest(secret.encode(), signed.encode(errors="replace"), hashlib.sha256)
    return hmac.compare_digest(_bytes(signature) or b"", expected)


def _bytes(part: str) -> bytes | None:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except (binascii.Error, ValueError):  # ValueError: not ASCII
        return None


def _object(part: str) -> dict[str, object] | None:
    try:
        value = content.parse((_bytes(part) or b"").decode())
    except (content.NotJson, UnicodeDecodeError):
        return None
    return value if isinstance(value, dict) else None


def _member(value: Mapping[str, object], name: str) -> dict[str, object]:
    inner = value.get(name)
    return inner if isinstance(inner, dict) else {}


def _text(value: Mapping[str, object], name: str) -> str | None:
    inner = value.get(name)
    return inner if isinstance(inner, str) and inner else None


def _time(value: Mapping[str, object], name: str) -> float | None:
    """Seconds since 1970, clamped to the year 10000, because an integer of 400 digits does not fit a float."""
    inner = value.get(name)
    if not isinstance(inner, int | float | Decimal) or isinstance(inner, bool):
        return None
    return float(max(-_END_OF_TIME, min(_END_OF_TIME, inner)))
