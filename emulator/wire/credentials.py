"""Basic credentials and the accounts they authenticate. The errors raised here carry the certainty of each rule."""

import binascii
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import NamedTuple

from emulator.wire.errors import CREDENTIALS_MISSING, TOKEN_WRONG, USERNAME_UNKNOWN, TwilioError
from emulator.wire.sids import ACCOUNT, is_sid


class Basic(NamedTuple):
    """Username and secret as received."""

    username: str
    secret: str


_LONGEST_KEPT = 1024


def read_basic(authorization: bytes) -> Basic | None:
    """Parse an `Authorization` header; None unless it holds well-formed Basic credentials (RFC 7617)."""
    scheme, _, encoded = authorization.partition(b" ")
    if scheme.lower() != b"basic":
        return None
    try:
        text = binascii.a2b_base64(encoded.strip(b" "), strict_mode=True).decode()
    except ValueError:  # invalid Base64 or invalid UTF-8
        return None
    username, colon, secret = text.partition(":")
    return Basic(username, secret) if colon else None


@dataclass(frozen=True, slots=True)
class Account:
    """An account: its token, and its parent account, whose credentials are valid for it too."""

    token: str
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """An API key: its secret, and its account (twilio.com/docs/usage/requests-to-twilio)."""

    secret: str
    account_sid: str


@dataclass(frozen=True, kw_only=True)
class Directory:
    """Accounts and API keys that may send requests.

    Attributes:
        auth_token: the token of every account while `accounts` is None.
        accounts: accounts that exist, by AccountSid; None = every well-formed AccountSid exists.
        api_keys: API keys by SID.
    """

    auth_token: str
    accounts: Mapping[str, Account] | None = None
    api_keys: Mapping[str, ApiKey] = field(default_factory=dict)

    def caller(self, authorization: bytes | None) -> str:
        """Return the AccountSid that the credentials authenticate.

        Raises:
            TwilioError: 401 — no credentials, an unknown username, or a wrong token.
        """
        if authorization is None or len(authorization) > _LONGEST_KEPT:
            return self._caller(authorization)
        return self._caller_of_kept(authorization)

    @cached_property
    def _caller_of_kept(self) -> Callable[[bytes | None], str]:
        """`_caller`, cached for valid credentials: a client sends the same header with every request."""
        return lru_cache(maxsize=256)(self._caller)

    def _caller(self, authorization: bytes | None) -> str:
        basic = None if authorization is None else read_basic(authorization)
        if basic is None:
            raise TwilioError(CREDENTIALS_MISSING)
        known = self._secret_and_account(basic.username)
        if known is None:
            raise TwilioError(USERNAME_UNKNOWN, f"no account or API key {basic.username!r}")
        secret, account_sid = known
        if not hmac.compare_digest(basic.secret.encode(), secret.encode()):
            raise TwilioError(TOKEN_WRONG, f"wrong token for {basic.username}")
        return account_sid

    def may_use(self, caller: str, account_sid: str) -> bool:
        """Whether a caller may access an account: its own or a subaccount (twilio.com/docs/iam/api/subaccounts)."""
        if self.accounts is None:
            return caller == account_sid
        account = self.accounts.get(account_sid)
        return account is not None and caller in (account_sid, account.parent)

    def token(self, account_sid: str) -> str:
        """The token used to sign the callbacks of an account."""
        account = (self.accounts or {}).get(account_sid)
        return self.auth_token if account is None else account.token

    def _secret_and_account(self, username: str) -> tuple[str, str] | None:
        key = self.api_keys.get(username)
        if key is not None:
            return key.secret, key.account_sid
        if self.accounts is not None:
            account = self.accounts.get(username)
            return None if account is None else (account.token, username)
        return (self.auth_token, username) if is_sid(ACCOUNT, username) else None
