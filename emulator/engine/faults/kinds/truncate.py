"""Truncated responses."""

from dataclasses import dataclass
from typing import Annotated

from emulator.engine.faults.fault_kind import ConnectionFault, FaultConnection, R, fault_kind
from emulator.engine.faults.fault_parameter import Parameter


@fault_kind
@dataclass(frozen=True, slots=True)
class TruncateFault(ConnectionFault):
    """The request is processed; the response is cut after this many bytes of the body."""

    member = "truncate"
    example = 20
    order = 3
    prevents = False
    effect = "The request was processed; the body of the response was truncated."

    length: Annotated[int, Parameter(ge=0, le=1024 * 1024, examples=(10,))]

    def apply(self, connection: FaultConnection[R], response: R | None) -> None:
        """Send at most `length` bytes of the body, never all."""
        assert response is not None
        connection.truncate(response, min(self.length, len(response.body) - 1))
