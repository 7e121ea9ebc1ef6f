"""The engine: takes requests in, decides what the emulator's own state says about them, and remembers.

`admit` is one synchronous step (key, call state, append), so that no other request can come between.
"""

from dataclasses import dataclass

from emulator.engine.calls import Calls, Unregistered
from emulator.engine.chance import Chance
from emulator.engine.clock import Clock
from emulator.engine.exchanges import Arrival, Exchange, Outcome, Request
from emulator.engine.idempotency import Keys, OnMismatch, Scope
from emulator.engine.index import Filter
from emulator.engine.journal import Journal
from emulator.wire import messages, sids
from emulator.wire.errors import KEY_CONFLICT, Problem, TwilioError
from emulator.wire.messages import Message, NewMessage


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The choices that Twilio's documents leave open, and the engine's bounds. Durations in seconds."""

    calls: Unregistered = Unregistered.ANY
    idempotency_ttl: float = 24 * 3600
    idempotency_limit: int = 100_000
    idempotency_mismatch: OnMismatch = OnMismatch.REPLAY
    journal_limit: int = 100_000
    journal_bytes: int = 256 * 1024 * 1024


class Emulation:
    """All state of one emulator."""

    def __init__(self, policy: Policy, *, clock: Clock, chance: Chance) -> None:
        self._policy = policy
        self._chance = chance
        self._keys = Keys(ttl=policy.idempotency_ttl, limit=policy.idempotency_limit)
        self._in_flight: dict[str | None, int] = {}
        self.clock = clock
        self.calls = Calls(policy.calls)
        self.journal = Journal(limit=policy.journal_limit, max_bytes=policy.journal_bytes)

    def arrive(self, account_sid: str | None, call_sid: str | None) -> Arrival:
        """A request has begun; every arrival must `leave`."""
        concurrent = self._in_flight.get(account_sid, 0) + 1
        self._in_flight[account_sid] = concurrent
        return Arrival(account_sid, call_sid, self.clock.now(), concurrent)

    def leave(self, arrival: Arrival) -> None:
        """A request has ended, whatever became of it."""
        rest = self._in_flight[arrival.account_sid] - 1
        if rest:
            self._in_flight[arrival.account_sid] = rest
        else:
            del self._in_flight[arrival.account_sid]

    def admit(self, arrival: Arrival, request: Request, new: NewMessage) -> Exchange:
        """Create a message, or replay the one that its key created before.

        Raises:
            TwilioError: idempotency-conflict, call-unknown, call-not-active, call-is-pstn.
        """
        assert arrival.account_sid is not None
        assert arrival.call_sid is not None
        now = self.clock.now()
        scope = _scope(arrival.account_sid, arrival.call_sid, new.idempotency_key)
        original = None if scope is None else self._keys.find(scope, now)
        if original is not None:
            return self._replay(arrival, request, new, original)
        problem = self.calls.refusal(arrival.account_sid, arrival.call_sid)
        if problem is not None:
            raise TwilioError(problem)
        hex_id = self._chance.take(sids.ENTROPY_BYTES).hex()
        message = Message(
            id=hex_id,
            account_sid=arrival.account_sid,
            call_sid=arrival.call_sid,
            content=new.content,
            idempotency_key=new.idempotency_key,
            date_created=now,
            notes=new.notes,
        )
        if scope is not None:
            self._keys.keep(scope, message, now)
        return self._record(arrival, request, Outcome.CREATED, message=message, hex_id=hex_id)

    def refuse(self, arrival: Arrival, request: Request, problem: Problem, reason: str | None = None) -> Exchange:
        """Remember a request that was refused."""
        return self._record(arrival, request, Outcome.REFUSED, problem=problem, reason=reason)

    def preflight(self, arrival: Arrival, request: Request) -> Exchange:
        """Remember an OPTIONS request."""
        return self._record(arrival, request, Outcome.PREFLIGHT)

    def new_request_id(self) -> str:
        """An id for a reply that belongs to no exchange: what came was no request."""
        return sids.make(sids.REQUEST, self._chance.take(sids.ENTROPY_BYTES))

    def delete_messages(self, wanted: Filter) -> int:
        """Forget messages and the keys that created them; returns how many."""
        gone = self.journal.remove(list(self.journal.messages(wanted)))
        for message in gone:
            scope = _scope(message.account_sid, message.call_sid, message.idempotency_key)
            if scope is not None:
                self._keys.forget(scope, message)
        return len(gone)

    def _replay(self, arrival: Arrival, request: Request, new: NewMessage, original: Message) -> Exchange:
        outcome = Outcome.REPLAYED if new.content == original.content else Outcome.MISMATCH
        if outcome is Outcome.MISMATCH and self._policy.idempotency_mismatch is OnMismatch.REJECT:
            raise TwilioError(
                KEY_CONFLICT, f"the key {new.idempotency_key!r} created {original.sid} with other Content"
            )
        original.replays += 1
        return self._record(arrival, request, outcome, message=original)

    def _record(
        self,
        arrival: Arrival,
        request: Request,
        outcome: Outcome,
        *,
        problem: Problem | None = None,
        reason: str | None = None,
        message: Message | None = None,
        hex_id: str | None = None,
    ) -> Exchange:
        exchange = Exchange(
            seq=self.journal.last_seq + 1,
            id=hex_id or self._chance.take(sids.ENTROPY_BYTES).hex(),
            arrival=arrival,
            request=request,
            outcome=outcome,
            replied_at=self.clock.now(),
            problem=problem,
            reason=reason,
            message=message,
        )
        self.journal.append(exchange)
        return exchange


def _scope(account_sid: str, call_sid: str, key: str | None) -> Scope | None:
    return None if key is None else Scope(messages.RESOURCE, account_sid, call_sid, key)
