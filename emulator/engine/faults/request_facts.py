"""What faults are chosen by."""

from dataclasses import dataclass
from functools import cached_property

from emulator.engine.json_match import JsonSubset
from emulator.wire import content


@dataclass(frozen=True)
class RequestFacts:
    """What rules look at in a request that passed every check; `refused` by the emulator's own state."""

    account_sid: str
    call_sid: str
    resource: str
    idempotency_key: str | None
    content: str
    fingerprint: bytes
    refused: bool = False

    @cached_property
    def value(self) -> JsonSubset | None:
        """The content's JSON value; None when it is not JSON."""
        try:
            return JsonSubset(content.parse(self.content))
        except content.NotJson:
            return None
