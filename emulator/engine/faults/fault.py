"""The fault of one request."""

from dataclasses import dataclass

from emulator.engine.faults.fault_kind import FaultAction


@dataclass(frozen=True, slots=True, kw_only=True)
class InjectedFault:
    """The fault injected into one request.

    Attributes:
        rule: id of the rule that fired, or `magic-` and the digits of a CallSid.
        delay: seconds by which the response is delayed.
        action: action after the delay; None = only the delay.
    """

    rule: str
    delay: float = 0.0
    action: FaultAction | None = None

    @property
    def name(self) -> str:
        """Name of its kind, for example `drop-after` or `delay`."""
        return "delay" if self.action is None else self.action.name

    @property
    def effect(self) -> str:
        """What happened, in sentences."""
        sentences = [] if self.action is None else [self.action.effect]
        if self.delay:
            sentences.append(f"The response was delayed by {self.delay:.2f} s.")
        return " ".join(sentences)

    @property
    def prevents(self) -> bool:
        """Whether the fault prevents processing of the request."""
        return self.action is not None and self.action.prevents

    @property
    def answers(self) -> bool:
        """Whether the client receives a complete response, even if it is another one."""
        return self.action is None or not self.action.needs_connection
