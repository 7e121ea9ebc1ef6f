"""Answers that are held back on purpose: one future each, so that a reset or the end lets them go at once."""

import asyncio

from emulator.engine.scope import Owners, Scope
from emulator.engine.store import ENTRY, Store

Held = asyncio.Future[None]

_OVERHEAD = ENTRY + 500  # a future, and the request that waits for it


class DelayedResponses(Store[Held, Scope]):
    """All answers that are held back, with the account and call of their request."""

    kind = "delayed_responses"

    def size_of(self, key: Held, value: Scope) -> int:  # noqa: ARG002
        """The memory of a held answer."""
        return _OVERHEAD

    def owners_of(self, key: Held, value: Scope) -> Owners:  # noqa: ARG002
        """The account and call of the request."""
        return value.account_sid, value.call_sid

    def begin(self, owner: Scope) -> Held:
        """Hold an answer back until the future is done; the caller must `leave`.

        Raises:
            CapacityError: there are too many.
        """
        held: Held = asyncio.get_running_loop().create_future()
        self.put(held, owner)
        return held

    def leave(self, held: Held) -> None:
        """It is held back no longer."""
        self.remove(held)

    def end(self, scope: Scope) -> int:
        """Let the answers of a scope go; returns how many."""
        ended = [held for held, owner in self.items() if not held.done() and scope.covers(*self.owners_of(held, owner))]
        for held in ended:
            held.set_result(None)
        return len(ended)
