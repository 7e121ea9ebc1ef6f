"""Connection resets."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from emulator.engine.faults.fault_kind import ConnectionFault, FaultConnection, R, fault_kind
from emulator.engine.faults.fault_parameter import Parameter


class Drop(StrEnum):
    """Time of the connection reset, relative to processing."""

    BEFORE = "before"  # the request is not processed
    AFTER = "after"  # the request is processed and journalled, the response lost


@fault_kind
@dataclass(frozen=True, slots=True)
class DropFault(ConnectionFault):
    """Connection reset, before or after the request is processed."""

    member = "drop"
    example = "before"
    order = 2

    when: Annotated[Drop, Parameter(examples=("after",))]

    @property
    def name(self) -> str:
        """`drop-before` or `drop-after`."""
        return f"drop-{self.when}"

    @property
    def prevents(self) -> bool:
        """Whether the reset comes first."""
        return self.when is Drop.BEFORE

    @property
    def effect(self) -> str:
        """What happened."""
        if self.prevents:
            return "The connection was reset before the request was processed."
        return "The request was processed, then the connection was reset: the client does not know the outcome."

    def apply(self, connection: FaultConnection[R], response: R | None) -> None:  # noqa: ARG002
        """Reset the connection."""
        connection.reset()
