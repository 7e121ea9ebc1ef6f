"""The resource UserDefinedMessageSubscriptions: its request parameters, the subscription, and the response members.

Source: https://www.twilio.com/docs/voice/api/userdefinedmessagesubscription-resource and twilio-oai 2.6.7.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import SplitResult, urlsplit

from emulator.wire.connection_overrides import CallbackTimeouts, read_fragment
from emulator.wire.dates import rfc2822
from emulator.wire.errors import CALLBACK_INVALID, CALLBACK_REQUIRED, KEY_TOO_LONG, METHOD_INVALID, TwilioError
from emulator.wire.hosts import is_host, parse_authority
from emulator.wire.idempotency import read_key
from emulator.wire.masking import mask_text
from emulator.wire.paths import PREFIX
from emulator.wire.sids import SUBSCRIPTION

RESOURCE = "UserDefinedMessageSubscriptions"
ELEMENT = "UserDefinedMessageSubscription"
REFUSALS = (CALLBACK_REQUIRED, CALLBACK_INVALID, METHOD_INVALID, KEY_TOO_LONG)
"""Errors that reading the parameters can raise."""
METHODS = ("GET", "POST")
DEFAULT_METHOD = "POST"
# Not documented; our choice: other Twilio URLs may have 2048 or 4000 characters.
MAX_CALLBACK = 2048


class NewSubscription(NamedTuple):
    """Parsed parameters of a request."""

    callback: str
    method: str
    idempotency_key: str | None

    @property
    def resource(self) -> str:
        """Name of the resource in paths."""
        return RESOURCE

    @property
    def fingerprint(self) -> bytes:
        """Bytes compared when an idempotency key is reused."""
        return f"{self.method} {self.callback}".encode()

    def create(self, hex_id: str, account_sid: str, call_sid: str, now: float) -> "UserDefinedMessageSubscription":
        """Create the subscription."""
        return UserDefinedMessageSubscription(
            id=hex_id,
            account_sid=account_sid,
            call_sid=call_sid,
            callback=self.callback,
            method=self.method,
            idempotency_key=self.idempotency_key,
            date_created=now,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class UserDefinedMessageSubscription:
    """A created subscription. `replays` counts how often its idempotency key was sent again.

    Attributes:
        id: 32 hex digits; `ZY` and these are the SID, `RQ` and these the id of the request that created it.
        callback: the URL as received, with its fragment.
        method: GET or POST.
        date_created: seconds since 1970.
    """

    id: str
    account_sid: str
    call_sid: str
    callback: str
    method: str
    idempotency_key: str | None
    date_created: float
    replays: int = 0

    @property
    def element(self) -> str:
        """Element name in XML."""
        return ELEMENT

    @property
    def fingerprint(self) -> bytes:
        """Bytes compared when its idempotency key is reused."""
        return f"{self.method} {self.callback}".encode()

    @property
    def resource(self) -> str:
        """Name of the resource in paths."""
        return RESOURCE

    @property
    def sid(self) -> str:
        """`ZY` and 32 hex digits."""
        return SUBSCRIPTION + self.id

    @property
    def uri(self) -> str:
        """Path of the subscription on the Twilio API."""
        return f"{PREFIX}/Accounts/{self.account_sid}/Calls/{self.call_sid}/{RESOURCE}/{self.sid}.json"

    def members(self) -> dict[str, str]:
        """Members of the response, in the order of the OpenAPI example (the real order is not known)."""
        return {
            "account_sid": self.account_sid,
            "call_sid": self.call_sid,
            "sid": self.sid,
            "date_created": rfc2822(self.date_created),
            "uri": self.uri,
        }


def read(form: Mapping[str, str]) -> NewSubscription:
    """Parse the parameters of a create request.

    Raises:
        TwilioError: callback-required, callback-invalid, method-invalid, idempotency-key-too-long.
    """
    callback = form.get("Callback")
    if not callback:
        hint = "; names are case-sensitive" if "callback" in form else ""
        raise TwilioError(CALLBACK_REQUIRED, "the form has " + (", ".join(map(repr, form)) or "no parameters") + hint)
    _check(callback)
    method = form.get("Method") or DEFAULT_METHOD
    if method not in METHODS:
        hint = "; in capitals" if method.upper() in METHODS else ""
        raise TwilioError(METHOD_INVALID, f"{method[:40]!r} is not {' or '.join(METHODS)}{hint}")
    return NewSubscription(callback, method, read_key(form))


_NO_URI_CHARACTER = re.compile(r"[^A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]")  # RFC 3986, 2
_MALFORMED = "its host or port is malformed"
_BROKEN_ESCAPE = re.compile(r"%(?![0-9a-fA-F]{2})")


def _check(callback: str) -> None:
    reason = _flaw(callback)
    if reason is not None:
        raise TwilioError(CALLBACK_INVALID, f"{mask_text(callback)[:80]!r}: {reason}")


def _flaw(callback: str) -> str | None:
    """Why a text cannot be used as a callback URL, or None."""
    if len(callback) > MAX_CALLBACK:
        return f"{len(callback)} characters, at most {MAX_CALLBACK}"
    odd = _NO_URI_CHARACTER.search(callback)
    if odd is not None:
        return f"{odd[0]!r} cannot stand in a URI: percent-encode it"
    if _BROKEN_ESCAPE.search(callback):
        return "a % without two hex digits"
    try:
        url = urlsplit(callback)
    except ValueError:  # invalid brackets of an IPv6 address
        return _MALFORMED
    return _flaw_of_authority(url) or _flaw_of_fragment(url.fragment)


def _flaw_of_authority(url: SplitResult) -> str | None:
    if url.scheme not in ("http", "https"):
        return "it must begin with http:// or https://"
    if "@" in url.netloc:
        return "credentials in a URL are not supported here"
    authority = parse_authority(url.netloc)
    if authority is None:
        return _MALFORMED if url.netloc else "it has no host"
    if authority.port == 0:
        return "nothing listens on port 0"
    if "_" in authority.host:
        return "underscores are not permitted in the host name"
    return None if is_host(authority.host) else f"{authority.host!r} is not a host name"


def _flaw_of_fragment(fragment: str) -> str | None:
    try:
        read_fragment(fragment, CallbackTimeouts())
    except ValueError as error:
        return f"in the fragment {error}"
    return None
