"""The engine: takes requests in, decides what the emulator's own state says about them, and remembers.

`admit` is one synchronous step (schemas, key, call state, append, wake), so that no other request can come between.
"""

from collections.abc import Callable
from dataclasses import dataclass
from operator import attrgetter

from emulator.engine.asked import Asked
from emulator.engine.calls import Calls, Unregistered
from emulator.engine.chance import Chance
from emulator.engine.clock import Clock
from emulator.engine.delays import Delays
from emulator.engine.exchanges import Arrival, Exchange, Outcome, Request
from emulator.engine.fault_rules import Faults
from emulator.engine.faults import Fault, ReplyFault
from emulator.engine.feed import Feed, Reader, events_of
from emulator.engine.filters import Filter
from emulator.engine.idempotency import Key, Keys, OnMismatch
from emulator.engine.journal import Journal
from emulator.engine.schemas import SchemaResult, Schemas
from emulator.engine.scopes import Scope
from emulator.engine.threads import Thread, threads_of
from emulator.engine.waiting import End, Wait, Waits
from emulator.wire import messages, sids
from emulator.wire.errors import CONTENT_NOT_JSON, INTERNAL_ERROR, KEY_CONFLICT, Problem, TwilioError
from emulator.wire.messages import Message, NewMessage

_NO_ID = "0" * sids.HEX_DIGITS


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The choices that Twilio's documents leave open, and the engine's bounds. Durations in seconds."""

    calls: Unregistered = Unregistered.ANY
    idempotency_ttl: float = 24 * 3600
    idempotency_limit: int = 100_000
    idempotency_mismatch: OnMismatch = OnMismatch.REPLAY
    journal_limit: int = 100_000
    journal_bytes: int = 256 * 1024 * 1024
    magic: bool = True
    retry_window: float = 120


class Emulation:
    """All state of one emulator.

    Args:
        policy: its choices and bounds.
        clock: the time that it shows.
        chance: where identifiers come from.
        monotonic: seconds that only go forward, whatever the clock does.
    """

    def __init__(self, policy: Policy, *, clock: Clock, chance: Chance, monotonic: Callable[[], float]) -> None:
        self._policy = policy
        self._keys = Keys(ttl=policy.idempotency_ttl, limit=policy.idempotency_limit)
        self._in_flight: set[Arrival] = set()
        self._concurrent: dict[str | None, int] = {}  # how many of them each account has
        self.clock = clock
        self.chance = chance
        self.calls = Calls(policy.calls)
        self.journal = Journal(limit=policy.journal_limit, max_bytes=policy.journal_bytes)
        self.waits = Waits()
        self.feed = Feed()
        self.schemas = Schemas()
        self.faults = Faults(monotonic, magic=policy.magic)
        self.delays = Delays()

    # --- requests on the Twilio surface

    def arrive(self, account_sid: str | None, call_sid: str | None) -> Arrival:
        """A request has begun; every arrival must `leave`."""
        concurrent = self._concurrent.get(account_sid, 0) + 1
        self._concurrent[account_sid] = concurrent
        arrival = Arrival(account_sid, call_sid, self.clock.now(), concurrent)
        self._in_flight.add(arrival)
        return arrival

    def leave(self, arrival: Arrival) -> None:
        """A request has ended, whatever became of it."""
        self._in_flight.remove(arrival)
        rest = self._concurrent[arrival.account_sid] - 1
        if rest:
            self._concurrent[arrival.account_sid] = rest
        else:
            del self._concurrent[arrival.account_sid]

    def client_left(self, arrival: Arrival) -> None:
        """The client went away before its answer was out: what its attempts show has changed."""
        arrival.was_left = True
        self.feed.wake(arrival.account_sid, arrival.call_sid)

    def admit(self, arrival: Arrival, request: Request, new: NewMessage) -> Exchange:
        """Create a message, or replay the one that its key created before, unless a fault prevents it.

        Raises:
            TwilioError: content-not-json (a schema), idempotency-conflict, call-unknown, call-not-active, call-is-pstn.
        """
        now = self.clock.now()
        account_sid, call_sid = arrival.account_sid, arrival.call_sid
        assert account_sid is not None
        assert call_sid is not None
        if self.faults.concern(account_sid, call_sid):
            arrival.fault = self.faults.choose(self._asked(account_sid, call_sid, new, now), now)
            if arrival.fault is not None and arrival.fault.prevents:
                return self._prevent(arrival, request, new, arrival.fault, now)
        schemas, original = self._look(account_sid, call_sid, new, now)
        if original is not None:
            if not arrival.was_reset:
                original.replays += 1
            outcome = Outcome.REPLAYED if new.content == original.content else Outcome.MISMATCH
            return self._record(arrival, request, outcome, now, message=original, new=new)
        hex_id = self.chance.take(sids.ENTROPY_BYTES).hex()
        message = _message(hex_id, account_sid, call_sid, new, now)
        if new.idempotency_key is not None and not arrival.was_reset:
            self._keys.keep(_key(account_sid, call_sid, new.idempotency_key), message, now)
        return self._record(
            arrival, request, Outcome.CREATED, now, message=message, new=new, hex_id=hex_id, schemas=schemas
        )

    def refuse(self, arrival: Arrival, request: Request, problem: Problem, reason: str | None = None) -> Exchange:
        """Remember a request that was refused."""
        form = {} if problem is INTERNAL_ERROR else request.parameters()
        new = NewMessage(form.get("Content", ""), form.get("IdempotencyKey") or None)
        return self._record(
            arrival, request, Outcome.REFUSED, self.clock.now(), problem=problem, reason=reason, new=new
        )

    def preflight(self, arrival: Arrival, request: Request) -> Exchange:
        """Remember an OPTIONS request."""
        return self._record(arrival, request, Outcome.PREFLIGHT, self.clock.now())

    def consider(self, account_sid: str, call_sid: str, new: NewMessage) -> Message:
        """The message that a request would create (its id all zeros) or replay; nothing is remembered.

        Raises:
            TwilioError: as `admit`.
        """
        now = self.clock.now()
        _, original = self._look(account_sid, call_sid, new, now)
        return original or _message(_NO_ID, account_sid, call_sid, new, now)

    def new_request_id(self) -> str:
        """An id for a reply that belongs to no exchange: what came was no request."""
        return sids.make(sids.REQUEST, self.chance.take(sids.ENTROPY_BYTES))

    # --- what the author of a test does

    def wait(self, wanted: Filter, *, at_least: int | None, at_most: int | None) -> Wait:
        """Start to wait for messages; the owner must leave `waits`."""
        return self.waits.begin(wanted, at_least=at_least, at_most=at_most, count=len(self.journal.messages(wanted)))

    def follow(self, wanted: Filter, *, resumed: bool) -> Reader:
        """Start to read events, a reader that resumes from after `wanted.after`; the owner must close it."""
        reader = self.feed.open(wanted)
        if resumed:
            reader.backlog += [event for exchange in self.journal.requests(wanted) for event in events_of(exchange)]
            reader.backlog += self.feed.resets_since(wanted)
            reader.backlog.sort(key=attrgetter("seq"))  # stable
            reader.wake()
        return reader

    def threads(self, scope: Scope) -> list[Thread]:
        """The attempts of a scope that belong together, in the order of the last ones."""
        exchanges = self.journal.requests(Filter(account_sid=scope.account_sid, call_sid=scope.call_sid))
        return threads_of(exchanges, now=self.clock.now(), window=self._policy.retry_window)

    def delete_messages(self, wanted: Filter) -> int:
        """Forget messages and the keys that created them; returns how many."""
        gone = list(self.journal.messages(wanted))
        self.journal.remove(gone)
        self.waits.forgot(gone)
        for exchange in gone:
            message = exchange.message
            if message is not None and message.idempotency_key is not None:
                self._keys.forget(_key(message.account_sid, message.call_sid, message.idempotency_key), message)
        return len(gone)

    def reset(self, scope: Scope) -> dict[str, int]:
        """Forget everything of a scope and end its waits; returns what was forgotten, by name.

        Requests in flight that belong to the scope will not be remembered. Without a scope, clock and chance are as at
        the start.
        """
        wanted = Filter(account_sid=scope.account_sid, call_sid=scope.call_sid)
        gone = list(self.journal.requests(wanted))
        self.journal.remove(gone)
        self._keys.forget_scope(scope)
        for arrival in self._in_flight:
            arrival.was_reset |= scope.covers(arrival.account_sid, arrival.call_sid)
        if scope == Scope():
            self.journal.forget_evictions()
            self.clock.reset()
            self.chance.reset()
        forgotten = {
            "requests": len(gone),
            "messages": sum(exchange.created is not None for exchange in gone),
            "calls": self.calls.remove_scope(scope),
            "schemas": self.schemas.remove_scope(scope),
            "faults": self.faults.remove_scope(scope),
            "waits": self.waits.end(scope, End.RESET),
        }
        self.delays.end(scope)
        self.feed.tell_reset(scope, self.journal.last_seq)
        return forgotten

    def stop(self) -> None:
        """End waits and streams, and let delayed answers go: the server is going away."""
        self.delays.end(Scope())
        self.waits.end(Scope(), End.STOPPED)
        self.feed.end()

    # --- inside

    def _asked(self, account_sid: str, call_sid: str, new: NewMessage, now: float) -> Asked:
        """What rules look at."""
        try:
            self._look(account_sid, call_sid, new, now)
        except TwilioError:
            refused = True
        else:
            refused = False
        return Asked(account_sid, call_sid, messages.RESOURCE, new.idempotency_key, new.content, refused)

    def _prevent(self, arrival: Arrival, request: Request, new: NewMessage, fault: Fault, now: float) -> Exchange:
        problem = fault.action.problem if isinstance(fault.action, ReplyFault) else None
        return self._record(arrival, request, Outcome.FAULTED, now, problem=problem, new=new)

    def _look(
        self, account_sid: str, call_sid: str, new: NewMessage, now: float
    ) -> tuple[tuple[SchemaResult, ...], Message | None]:
        """What our state says of a request: the schemas' results, and the message that its key stands for."""
        schemas = self.schemas.check(account_sid, call_sid, new.content) if len(self.schemas) else ()
        for result in schemas:
            if result.refuses:
                pointer, text = result.errors[0]
                raise TwilioError(CONTENT_NOT_JSON, f"schema {result.name}: {pointer or 'the whole'}: {text}")
        original = None
        if new.idempotency_key is not None:
            original = self._keys.find(_key(account_sid, call_sid, new.idempotency_key), now)
        if original is None:
            problem = self.calls.refusal(account_sid, call_sid)
            if problem is not None:
                raise TwilioError(problem)
        elif new.content != original.content and self._policy.idempotency_mismatch is OnMismatch.REJECT:
            raise TwilioError(
                KEY_CONFLICT, f"the key {new.idempotency_key!r} created {original.sid} with other Content"
            )
        return schemas, original

    def _record(
        self,
        arrival: Arrival,
        request: Request,
        outcome: Outcome,
        now: float,
        *,
        problem: Problem | None = None,
        reason: str | None = None,
        message: Message | None = None,
        new: NewMessage | None = None,
        hex_id: str | None = None,
        schemas: tuple[SchemaResult, ...] = (),
    ) -> Exchange:
        exchange = Exchange(
            seq=self.journal.last_seq + 1,
            id=hex_id or self.chance.take(sids.ENTROPY_BYTES).hex(),
            arrival=arrival,
            request=request,
            outcome=outcome,
            replied_at=now,
            problem=problem,
            reason=reason,
            message=message,
            content=(new.content or None) if new else None,
            idempotency_key=new.idempotency_key if new else None,
            schemas=schemas,
        )
        if not arrival.was_reset:
            self.journal.append(exchange)
            if outcome is Outcome.CREATED:
                self.waits.saw(exchange)
            self.feed.tell(exchange)
        return exchange


def _message(hex_id: str, account_sid: str, call_sid: str, new: NewMessage, now: float) -> Message:
    return Message(
        id=hex_id,
        account_sid=account_sid,
        call_sid=call_sid,
        content=new.content,
        idempotency_key=new.idempotency_key,
        date_created=now,
        notes=new.notes,
    )


def _key(account_sid: str, call_sid: str, key: str) -> Key:
    return Key(messages.RESOURCE, account_sid, call_sid, key)
