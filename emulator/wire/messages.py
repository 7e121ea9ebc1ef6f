"""The resource UserDefinedMessages: its request parameters, the message itself, and the response members.

Source: https://www.twilio.com/docs/voice/api/userdefinedmessage-resource and twilio-oai 2.6.7.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import NamedTuple

from emulator.wire import content
from emulator.wire.dates import rfc2822
from emulator.wire.errors import CONTENT_NOT_JSON, CONTENT_REQUIRED, CONTENT_TOO_LONG, KEY_TOO_LONG, TwilioError
from emulator.wire.idempotency import read_key
from emulator.wire.sids import MESSAGE

RESOURCE = "UserDefinedMessages"
ELEMENT = "UserDefinedMessage"
# twilio.com/docs/api/errors/32703: characters, not bytes.
MAX_CONTENT = 10_000
FINGERPRINT_BYTES = 16

REFUSALS = (CONTENT_REQUIRED, CONTENT_TOO_LONG, CONTENT_NOT_JSON, KEY_TOO_LONG)
"""Errors that reading the parameters can raise."""

NOT_AN_OBJECT = "content-not-an-object"
LONG_INTEGER = "content-long-integer"


class NewMessage(NamedTuple):
    """Parsed parameters of a request; `notes` lists what was unusual but accepted."""

    content: str
    idempotency_key: str | None
    notes: tuple[str, ...] = ()

    @property
    def resource(self) -> str:
        """Name of the resource in paths."""
        return RESOURCE

    @property
    def fingerprint(self) -> bytes:
        """Digest compared when an idempotency key is reused; unlike the content, it is kept as long as the key."""
        return blake2b(self.content.encode(), digest_size=FINGERPRINT_BYTES).digest()

    def create(self, hex_id: str, account_sid: str, call_sid: str, now: float) -> "UserDefinedMessage":
        """Create the message."""
        return UserDefinedMessage(
            id=hex_id,
            account_sid=account_sid,
            call_sid=call_sid,
            fingerprint=self.fingerprint if self.idempotency_key is not None else b"",
            idempotency_key=self.idempotency_key,
            date_created=now,
            notes=self.notes,
        )


@dataclass(slots=True, kw_only=True, eq=False)
class UserDefinedMessage:
    """A created message, reduced to what a replay needs; its content is in the journal's exchange.

    Attributes:
        id: 32 hex digits; `KX` and these are the SID, `RQ` and these the id of the request that created it.
        fingerprint: digest of the content, for its idempotency key; empty without a key.
        date_created: seconds since 1970.
        notes: what was unusual in the request but accepted.
        replays: how often its idempotency key was sent again.
    """

    id: str
    account_sid: str
    call_sid: str
    fingerprint: bytes
    idempotency_key: str | None
    date_created: float
    notes: tuple[str, ...] = ()
    replays: int = 0

    @property
    def element(self) -> str:
        """Element name in XML."""
        return ELEMENT

    @property
    def resource(self) -> str:
        """Name of the resource in paths."""
        return RESOURCE

    @property
    def sid(self) -> str:
        """`KX` and 32 hex digits."""
        return MESSAGE + self.id

    def members(self) -> dict[str, str]:
        """Members of the response, in the order of the OpenAPI example (the real order is not known)."""
        return {
            "account_sid": self.account_sid,
            "call_sid": self.call_sid,
            "sid": self.sid,
            "date_created": rfc2822(self.date_created),
        }


def read(form: Mapping[str, str], *, lenient: bool) -> NewMessage:
    """Parse the parameters of a create request.

    Args:
        form: the parameters by name.
        lenient: accept a `Content` that is too long or not JSON, and add a note.

    Raises:
        TwilioError: content-required, content-too-long, content-not-json, idempotency-key-too-long.
    """
    text = form.get("Content")
    if not text:
        hint = "; names are case-sensitive" if "content" in form else ""
        if any(name.startswith("Content[") for name in form):
            hint = "; twilio-node was given an object: pass JSON.stringify(…) as content"
        raise TwilioError(CONTENT_REQUIRED, "the form has " + (", ".join(map(repr, form)) or "no parameters") + hint)
    try:
        notes = _check(text)
    except TwilioError as error:
        if not lenient:
            raise
        notes = (error.problem.name,)
    return NewMessage(text, read_key(form), notes)


# How libraries encode a value that is not a string (twilio-python: requests sends a dict's keys, each as Content).
_HABITS = (
    (re.compile(r"\[object Object\]"), "JavaScript wrote an object as text: pass JSON.stringify(…) as content"),
    (re.compile(r"[\[{(]'.*", re.DOTALL), "that is how Python shows a value: pass json.dumps(…) as content"),
    (re.compile(r"[A-Za-z_][\w-]*"), "was it a dict? twilio-python sends only its keys: pass json.dumps(…) as content"),
)


def _hint(text: str) -> str:
    """A guess at the programming mistake behind an invalid `Content`."""
    return next((f"; {hint}" for habit, hint in _HABITS if habit.fullmatch(text)), "")


def _check(text: str) -> tuple[str, ...]:
    if len(text) > MAX_CONTENT:
        raise TwilioError(CONTENT_TOO_LONG, f"{len(text)} characters, at most {MAX_CONTENT}")
    try:
        value = content.parse(text)
    except content.NotJson as error:
        raise TwilioError(CONTENT_NOT_JSON, f"{error} in {text[:40]!r}{_hint(text)}") from None
    notes = () if isinstance(value, dict) else (NOT_AN_OBJECT,)
    return (*notes, LONG_INTEGER) if content.has_long_integer(text, value) else notes
