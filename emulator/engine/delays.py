"""Answers that are held back on purpose: one future each, so that a reset or the end lets them go at once."""

import asyncio

from emulator.engine.limits import LimitReachedError
from emulator.engine.scopes import Registry, Scope

MAX_DELAYED = 10_000

Held = asyncio.Future[None]


class Delays:
    """All answers that are held back, by the account and call of their request."""

    def __init__(self) -> None:
        self._held: Registry[Held] = Registry()

    def __len__(self) -> int:
        return len(self._held)

    def begin(self, owner: Scope) -> Held:
        """Hold an answer back until the future is done; who does must `leave`.

        Raises:
            LimitReachedError: 10,000 are held back.
        """
        if len(self._held) >= MAX_DELAYED:
            raise LimitReachedError("delayed answers", MAX_DELAYED, "let some go first")
        held: Held = asyncio.get_running_loop().create_future()
        self._held.add(owner, held)
        return held

    def leave(self, owner: Scope, held: Held) -> None:
        """It is held back no longer."""
        self._held.remove(owner, held)

    def end(self, scope: Scope) -> int:
        """Let the answers of a scope go; returns how many."""
        ended = [
            held
            for held, owner in self._held.items()
            if not held.done() and scope.covers(owner.account_sid, owner.call_sid)
        ]
        for held in ended:
            held.set_result(None)
        return len(ended)
