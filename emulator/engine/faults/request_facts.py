"""The facts of a request by which faults are chosen."""

from dataclasses import dataclass
from functools import cached_property

from emulator.engine.json_match import JsonSubset
from emulator.wire import content


@dataclass(frozen=True)
class RequestFacts:
    """Input of the fault rules from a request that passed all checks; `refused` = the emulator's state rejects it."""

    account_sid: str
    call_sid: str
    resource: str
    idempotency_key: str | None
    content: str
    fingerprint: bytes
    refused: bool = False

    @cached_property
    def value(self) -> JsonSubset | None:
        """JSON value of the content; None when it is not JSON."""
        try:
            return JsonSubset(content.parse(self.content))
        except content.NotJson:
            return None
