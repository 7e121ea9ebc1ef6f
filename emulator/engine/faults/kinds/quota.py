"""Rate limits."""

import math
from collections import deque
from dataclasses import dataclass
from sys import getsizeof
from typing import Annotated

from emulator.engine.faults.fault_kind import Decider, FaultKind, fault_kind
from emulator.engine.faults.fault_parameter import Parameter
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.wire.errors import TOO_MANY_REQUESTS


@fault_kind
@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaFault(FaultKind):
    """A rate limit: requests above the quota get 429/20429 and Retry-After."""

    member = "quota"
    example = {"requests": 10, "window": 1}  # noqa: RUF012  nobody changes it
    order = 6

    requests: Annotated[int, Parameter(ge=0, le=100_000, examples=(10,))]
    window: Annotated[float, Parameter(gt=0, le=86400, description="seconds of the emulator's clock", examples=(1,))]

    @property
    def state_size(self) -> int:
        """Memory of the times of the requests that passed, in bytes."""
        return self.requests * getsizeof(0.0)

    def decider(self) -> Decider:
        """Count the requests of a rule."""
        return _QuotaWindow(self).decide


class _QuotaWindow:
    def __init__(self, quota: QuotaFault) -> None:
        self._quota = quota
        self._passed = deque[float]()

    def decide(self, now: float) -> ReplyFault | None:
        """Return the reply to a request that exceeds the quota; None if it passes and is counted."""
        passed, window = self._passed, self._quota.window
        while passed and passed[-1] > now:  # the clock was set back: drop times in the future
            passed.pop()
        while passed and passed[0] + window <= now:  # same expression as below, so the wait never rounds to 0
            passed.popleft()
        if len(passed) < self._quota.requests:
            passed.append(now)
            return None
        wait = math.ceil(passed[0] + window - now if passed else window)
        return ReplyFault(TOO_MANY_REQUESTS.with_headers(((b"retry-after", b"%d" % wait),)))
