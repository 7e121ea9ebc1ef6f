"""Requests in flight: counted per account, and marked by a reset so that they are not recorded."""

from emulator.engine.journal.exchange import RequestContext
from emulator.engine.scope import Scope


class InFlightRequests:
    """All requests in flight."""

    def __init__(self) -> None:
        self._in_flight: set[RequestContext] = set()
        self._concurrent: dict[str | None, int] = {}  # requests in flight by account

    def begin(self, account_sid: str | None, call_sid: str | None, now: float) -> RequestContext:
        """Begin a request; the caller must call `end`."""
        concurrent = self._concurrent.get(account_sid, 0) + 1
        self._concurrent[account_sid] = concurrent
        context = RequestContext(account_sid, call_sid, now, concurrent)
        self._in_flight.add(context)
        return context

    def end(self, context: RequestContext) -> None:
        """End a request, whatever its outcome."""
        self._in_flight.remove(context)
        remaining = self._concurrent[context.account_sid] - 1
        if remaining:
            self._concurrent[context.account_sid] = remaining
        else:
            del self._concurrent[context.account_sid]

    def reset(self, scope: Scope) -> None:
        """Mark the requests of a scope with `was_reset`, so that they are not recorded."""
        for context in self._in_flight:
            context.was_reset |= scope.covers(context.account_sid, context.call_sid)
