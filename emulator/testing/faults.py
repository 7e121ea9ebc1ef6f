"""Faults of one test: each is there from the call that makes it to the end of its `with`, or of the test.

Of several that are there for a request, the one that was made first happens.
"""

from collections.abc import Mapping
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, Protocol, Self, Unpack

from emulator.testing.http import EmulatorError

if TYPE_CHECKING:
    from emulator.testing.client import EmulatorClient
    from emulator.testing.models import Fault
    from emulator.testing.questions import FaultOptions, Scoping


class ActiveFault:
    """A fault that happens until it is removed. As a context manager, it is removed at the end; its counters stay.

    Attributes:
        id: the rule's.
    """

    def __init__(self, client: "EmulatorClient", rule: "Fault") -> None:
        self._client = client
        self._last = rule
        self._removed = False
        self.id = rule.id

    @property
    def rule(self) -> "Fault":
        """All that is known of it, read anew; once it is gone, as it was last."""
        if not self._removed:
            with suppress(EmulatorError):  # it was reset or its time was over, or the emulator is gone
                self._last = self._client.fault(self.id)
        return self._last

    @property
    def fired(self) -> int:
        """How many requests it made fail until now."""
        return self.rule.fired

    @property
    def matched(self) -> int:
        """How many requests it was for until now."""
        return self.rule.matched

    def remove(self) -> None:
        """Let it happen no more; again, do nothing."""
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
    """Makes a fault."""

    def __call__(self, **options: "Unpack[FaultOptions]") -> ActiveFault:
        """Say how often, and for which requests."""


class _Profile:
    """A method that makes a fault of this profile."""

    def __init__(self, name: str, does: str) -> None:
        self.name = name
        self.__doc__ = does

    def __get__(self, faults: "Faults", _kind: type["Faults"]) -> _Make:
        def make(**options: "Unpack[FaultOptions]") -> ActiveFault:
            return faults.add(profile=self.name, **options)

        make.__doc__ = self.__doc__
        return make


class Faults:
    """Makes faults, and removes at its end those that are still there.

    Without more words a fault is for every request of `scoping`, which without account and call is the client's own.
    """

    rate_limited = _Profile("rate-limited", "429/20429 with Retry-After: 1; nothing is created.")
    outage = _Profile("outage", "503/20503; nothing is created.")
    slow = _Profile("slow", "The answer comes after 1 to 5 seconds.")
    flaky = _Profile("flaky", "500/20500 three times in ten; nothing is created then.")
    lost_answer = _Profile("lost-answer", "The message is created, and the connection reset before the answer.")
    bad_gateway = _Profile("bad-gateway", "502 with a page of HTML, as a gateway sends it; nothing is created.")

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
        """Make any fault: `then` as `POST /_emulator/faults` takes it, `{"delay": 0.5}` say."""
        merged: FaultOptions = {**self._scoping, **options}
        rule = self._client.add_fault(then, profile=profile, **merged)
        self._active.append(ActiveFault(self._client, rule))
        return self._active[-1]

    def clear(self) -> None:
        """Let none of them happen any more."""
        while self._active:
            self._active.pop().remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()
