"""Connections closed without a response."""

from dataclasses import dataclass

from emulator.engine.faults.fault_kind import ConnectionFault, FaultConnection, R, fault_kind


@fault_kind
@dataclass(frozen=True, slots=True)
class CloseFault(ConnectionFault):
    """Connection closed without a response; the request is not processed."""

    member = "close"
    example = True
    order = 5
    prevents = True
    effect = "The connection was closed without a response; the request was not processed."

    def apply(self, connection: FaultConnection[R], response: R | None) -> None:  # noqa: ARG002
        """Close the connection cleanly."""
        connection.write_raw(b"")
