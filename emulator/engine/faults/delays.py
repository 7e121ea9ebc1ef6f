"""Delayed responses: one future each, so that a reset or a stop releases them at once."""

import asyncio

from emulator.engine.scope import Owners, Scope
from emulator.engine.store import ENTRY, Store

DelayedResponse = asyncio.Future[None]

_OVERHEAD = ENTRY + 500  # bytes: a future, and the request that waits for it


class DelayedResponses(Store[DelayedResponse, Scope]):
    """All delayed responses, with the account and call of their requests."""

    kind = "delayed_responses"

    def size_of(self, key: DelayedResponse, value: Scope) -> int:  # noqa: ARG002
        """Memory of a delayed response in bytes."""
        return _OVERHEAD

    def owners_of(self, key: DelayedResponse, value: Scope) -> Owners:  # noqa: ARG002
        """Account and call of the request."""
        return value.account_sid, value.call_sid

    def begin(self, owner: Scope) -> DelayedResponse:
        """Return a future that is done when the response must be sent; the caller must call `remove`.

        Raises:
            CapacityError: too many responses are delayed.
        """
        response: DelayedResponse = asyncio.get_running_loop().create_future()
        self.put(response, owner)
        return response

    def end(self, scope: Scope) -> int:
        """Release the responses of a scope; return their number."""
        ended = [
            response
            for response, owner in self.items()
            if not response.done() and scope.covers(*self.owners_of(response, owner))
        ]
        for response in ended:
            response.set_result(None)
        return len(ended)
