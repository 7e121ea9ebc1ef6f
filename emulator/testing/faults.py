"""Faults of one test. Each is active from its creation until the end of its `with` block, or of the test.

If several match a request, the one created first applies.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, Unpack

from emulator.testing.http import EmulatorError

if TYPE_CHECKING:
    from emulator.endpoints.api.faults import Fault
    from emulator.testing.client import EmulatorClient
    from emulator.testing.filters import FaultOptions, Scoping


class ActiveFault:
    """An active fault; as a context manager, it is removed on exit. Its counters stay readable.

    Attributes:
        id: id of the fault rule.
    """

    def __init__(self, client: "EmulatorClient", rule: "Fault") -> None:
        self._client = client
        self._last = rule
        self._removed = False
        self.id = rule.id

    @property
    def rule(self) -> "Fault":
        """The current state of the rule; after its removal, the last known state."""
        if not self._removed:
            with suppress(EmulatorError):  # it was reset or has expired, or the emulator has stopped
                self._last = self._client.fault(self.id)
        return self._last

    @property
    def fired(self) -> int:
        """Number of requests affected so far."""
        return self.rule.fired

    @property
    def matched(self) -> int:
        """Number of matching requests so far."""
        return self.rule.matched

    def remove(self) -> None:
        """Remove the fault. Idempotent."""
        if not self._removed:
            self._last, self._removed = self.rule, True
            with suppress(EmulatorError):  # as above
                self._client.delete_fault(self.id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


class _Make(Protocol):
    """Creates a fault of one profile."""

    def __call__(self, **options: "Unpack[FaultOptions]") -> ActiveFault:
        """Create the fault; the options select its requests and how often it applies."""


class _Profile:
    """A method that creates a fault of this profile."""

    def __init__(self, name: str, does: str) -> None:
        self.name = name
        self.__doc__ = does

    def __get__(self, faults: "Faults", _kind: type["Faults"]) -> _Make:
        def make(**options: "Unpack[FaultOptions]") -> ActiveFault:
            return faults.add(profile=self.name, **options)

        make.__doc__ = self.__doc__
        return make


class Faults:
    """Factory of faults; a context manager that removes its faults on exit.

    By default, a fault applies to every request of `scoping`, which defaults to the account and call of the client.
    """

    rate_limited = _Profile("rate-limited", "429/20429 with Retry-After: 1; nothing is created.")
    outage = _Profile("outage", "503/20503; nothing is created.")
    slow = _Profile("slow", "The response is delayed by 1 to 5 seconds.")
    flaky = _Profile("flaky", "500/20500 with probability 0.3; nothing is created then.")
    lost_answer = _Profile("lost-answer", "The message is created, but the connection is reset before the response.")
    bad_gateway = _Profile("bad-gateway", "502 with an HTML page, as from a gateway; nothing is created.")

    def __init__(self, client: "EmulatorClient", **scoping: "Unpack[Scoping]") -> None:
        self._client = client
        self._scoping = scoping
        self._active: list[ActiveFault] = []

    def add(
        self,
        then: Mapping[str, object] | None = None,
        *,
        profile: str | None = None,
        **options: "Unpack[FaultOptions]",
    ) -> ActiveFault:
        """Create any fault: `then` as in `POST /_emulator/faults`, for example `{"delay": 0.5}`, or a profile."""
        merged: FaultOptions = {**self._scoping, **options}
        rule = self._client.add_fault(then, profile=profile, **merged)
        self._active.append(ActiveFault(self._client, rule))
        return self._active[-1]

    def clear(self) -> None:
        """Remove all faults of this factory."""
        while self._active:
            self._active.pop().remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
