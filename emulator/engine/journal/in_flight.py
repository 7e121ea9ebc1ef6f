"""Requests that have begun and not ended: how many each account has, and whose a reset must make forget."""

from emulator.engine.journal.exchange import RequestContext
from emulator.engine.scope import Scope


class InFlightRequests:
    """All requests in flight."""

    def __init__(self) -> None:
        self._in_flight: set[RequestContext] = set()
        self._concurrent: dict[str | None, int] = {}  # how many of them each account has

    def begin(self, account_sid: str | None, call_sid: str | None, now: float) -> RequestContext:
        """A request has begun; every arrival must `end`."""
        concurrent = self._concurrent.get(account_sid, 0) + 1
        self._concurrent[account_sid] = concurrent
        arrival = RequestContext(account_sid, call_sid, now, concurrent)
        self._in_flight.add(arrival)
        return arrival

    def end(self, arrival: RequestContext) -> None:
        """A request has ended, whatever became of it."""
        self._in_flight.remove(arrival)
        rest = self._concurrent[arrival.account_sid] - 1
        if rest:
            self._concurrent[arrival.account_sid] = rest
        else:
            del self._concurrent[arrival.account_sid]

    def reset(self, scope: Scope) -> None:
        """The requests of a scope will not be remembered."""
        for arrival in self._in_flight:
            arrival.was_reset |= scope.covers(arrival.account_sid, arrival.call_sid)
