"""Filters of messages and requests: both are exchanges."""

from dataclasses import dataclass
from operator import attrgetter
from typing import Annotated

from emulator.engine.filters import (
    Condition,
    Filter,
    Mismatch,
    by_account,
    by_call,
    by_json,
    by_position,
    by_text,
    by_value,
    conditions,
)
from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.engine.json_match import JsonSubset
from emulator.engine.truncate import truncate

Keys = tuple[str | None, str | None, str | None]


def _other_key(miss: Mismatch) -> str:
    return (
        f"it has no key, not {miss.wanted!r}"
        if miss.found is None
        else f"its key is {miss.found!r}, not {miss.wanted!r}"
    )


_BY_KEY = Condition(
    path="idempotency_key",
    doc="only with this IdempotencyKey",
    example="1",
    is_key=True,
    is_indexed=True,
    wording=lambda wanted: f"key {truncate(wanted)}",
    mismatch=_other_key,
)
_VALIDITY: dict[object, str] = {
    True: "its schemas allow it",
    False: "a schema forbids it",
    None: "no schema was registered for it",
}
_BY_VALIDITY = Condition(
    path="valid",
    doc="whether the content is valid by every schema",
    example=False,
    wording=lambda wanted: "that its schemas allow" if wanted else "that a schema forbids",
    mismatch=lambda miss: _VALIDITY[miss.found],
)


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageFilter(Filter[Exchange]):
    """A filter of messages; without values, it matches all."""

    account_sid: Annotated[str | None, by_account("context.account_sid")] = None
    call_sid: Annotated[str | None, by_call("context.call_sid")] = None
    idempotency_key: Annotated[str | None, _BY_KEY] = None
    after: Annotated[int, by_position("seq")] = 0
    content: Annotated[JsonSubset | None, by_json("content")] = None
    contains: Annotated[str | None, by_text("content")] = None
    valid: Annotated[bool | None, _BY_VALIDITY] = None

    @property
    def keys(self) -> Keys:
        """The conditions that the index answers: account, call, idempotency key."""
        return self.account_sid, self.call_sid, self.idempotency_key


keys_of = attrgetter(*(row.path for row in conditions(MessageFilter).values() if row.is_key))
"""Returns the index keys of an exchange: account, call, idempotency key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestFilter(MessageFilter):
    """A filter of requests, accepted or rejected; without values, it matches all."""

    status: Annotated[int | None, by_value("status", "status", "only with this HTTP status", 400)] = None
    code: Annotated[int | None, by_value("code", "code", "only with this Twilio error code", 32702)] = None
    outcome: Annotated[Outcome | None, by_value("outcome", "outcome", "only with this outcome", "created")] = None
