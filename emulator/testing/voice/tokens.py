"""Access tokens for simulated end users, in the format of Twilio's library; standard library only."""

import base64
import hashlib
import hmac
import json
import secrets

LIFE = 3600
"""Seconds that a token is valid."""
_NO_KEY = "SK" + "0" * 32


def voice_token(identity: str, account_sid: str | None, api_key: tuple[str, str] | None, now: float) -> str:
    """Make an access token with a voice grant.

    Args:
        identity: identity of the end user.
        account_sid: account of its calls; None = every account can access them.
        api_key: SID and secret of the signing key; None = unsigned, which `voice_token=strict` rejects.
        now: seconds since 1970.
    """
    key_sid, secret = api_key or (_NO_KEY, "")
    header = {"typ": "JWT", "alg": "HS256" if api_key else "none", "cty": "twilio-fpa;v=1"}
    claims = {
        "jti": f"{key_sid}-{secrets.token_hex(8)}",
        "iss": key_sid,
        "iat": int(now),
        "exp": int(now) + LIFE,
        "grants": {"identity": identity, "voice": {"incoming": {"allow": True}}},
    } | ({} if account_sid is None else {"sub": account_sid})
    signed = f"{_part(header)}.{_part(claims)}"
    signature = hmac.digest(secret.encode(), signed.encode(), hashlib.sha256) if api_key else b""
    return f"{signed}.{_encoded(signature)}"


def _part(value: object) -> str:
    return _encoded(json.dumps(value).encode())


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
