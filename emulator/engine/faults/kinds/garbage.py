"""Responses that are not HTTP."""

from dataclasses import dataclass

from emulator.engine.faults.fault_kind import ConnectionFault, FaultConnection, R, fault_kind

_GARBAGE = b"\x00\xffthis is not HTTP\r\n\r\n"


@fault_kind
@dataclass(frozen=True, slots=True)
class GarbageFault(ConnectionFault):
    """The request is processed; the response is not HTTP."""

    member = "garbage"
    example = True
    order = 4
    prevents = False
    effect = "The request was processed; the response is not HTTP."

    def apply(self, connection: FaultConnection[R], response: R | None) -> None:  # noqa: ARG002
        """Send other bytes."""
        connection.write_raw(_GARBAGE)
