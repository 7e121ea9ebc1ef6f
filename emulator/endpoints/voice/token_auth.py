"""Authenticate Voice SDK clients by access token, leniently or strictly (the option `voice_token`)."""

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from emulator.wire import access_tokens
from emulator.wire.access_tokens import AccessToken, TokenError
from emulator.wire.credentials import ApiKey
from emulator.wire.signalling import error_codes

NOBODY = "anonymous"
MAX_IDENTITY = 121
"""Characters (https://www.twilio.com/docs/voice/twiml/client)."""
_USUAL_TTL = 3600
_log = logging.getLogger("emulator.voice")


@dataclass(frozen=True, slots=True)
class User:
    """An authenticated client; `ttl` is the remaining lifetime of its token in seconds."""

    identity: str
    account_sid: str | None
    ttl: int


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenAuthenticator:
    """Authenticates clients.

    Attributes:
        strict: require a valid token.
        api_keys: the keys that tokens are signed with.
        now: seconds since 1970.
    """

    strict: bool
    api_keys: Mapping[str, ApiKey]
    now: Callable[[], float]

    def authenticate(self, token: str | None) -> User:
        """Return the user of a token. Unless strict, a string that is not a token is used as the identity.

        Raises:
            TokenError: the token is missing or invalid.
        """
        if token is None:
            raise TokenError(error_codes.TOKEN_MISSING, "listen has no token")
        if self.strict:
            return self._user(self._verified(token))
        access = access_tokens.read(token)
        if access is None:
            return User(_name(token), None, _USUAL_TTL)
        return self._user(access)

    def _verified(self, token: str) -> AccessToken:
        access = access_tokens.verify(token, self.api_keys, self.now())
        if len(access.identity or "") > MAX_IDENTITY:
            raise TokenError(
                error_codes.NOT_AUTHORIZED, f"the token's identity is longer than {MAX_IDENTITY} characters"
            )
        return access

    def _user(self, access: AccessToken) -> User:
        ttl = _USUAL_TTL if access.expires_at is None else max(0, round(access.expires_at - self.now()))
        return User(_name(access.identity or ""), access.account_sid, ttl)


def _name(text: str) -> str:
    """Return a name of at most the maximum length; longer identities get a common one."""
    if len(text) <= MAX_IDENTITY:
        return text or NOBODY
    mark = "-" + hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()[:8]
    name = text[: MAX_IDENTITY - len(mark)] + mark
    _log.warning("an identity has %d characters, more than %d; it is shortened to %r", len(text), MAX_IDENTITY, name)
    return name
