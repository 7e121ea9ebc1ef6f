"""The engine: takes requests in, decides what the emulator's own state says about them, and remembers.

`admit` is one synchronous step (schemas, key, call state, append, wake), so that no other request can come between.
"""

from collections.abc import Callable

from emulator.engine.callbacks.deliveries import Delivery, DeliveryFilter
from emulator.engine.callbacks.dispatcher import CallbackDispatcher
from emulator.engine.callbacks.end_user_messages import LoggedMessage
from emulator.engine.capacity import MemoryAccount
from emulator.engine.clock import Clock
from emulator.engine.config import EngineConfig
from emulator.engine.events import EventBus
from emulator.engine.faults.delays import DelayedResponses
from emulator.engine.faults.kinds import ReplyFault
from emulator.engine.faults.rules import FaultRules
from emulator.engine.ids import IdGenerator
from emulator.engine.journal.exchange import Exchange, Outcome, ReceivedRequest, RequestContext
from emulator.engine.journal.filters import Filter
from emulator.engine.journal.in_flight import InFlightRequests
from emulator.engine.journal.index import Selection
from emulator.engine.journal.journal import Journal
from emulator.engine.journal.retries import RetrySequence, group_retries
from emulator.engine.journal.waits import MessageWaiter, MessageWaiters, WaitEnd, Waiter
from emulator.engine.scope import Scope
from emulator.engine.slices import Slices, Steps, Wakeups, Window, finish
from emulator.engine.state.calls import CallRegistry
from emulator.engine.state.preconditions import Preconditions
from emulator.engine.state.schemas import SchemaResult, Schemas
from emulator.engine.voice.call_control import CallController
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire import sids
from emulator.wire.errors import (
    INTERNAL_ERROR,
    ErrorSpec,
)
from emulator.wire.idempotency import MAX_KEY
from emulator.wire.messages import NewMessage
from emulator.wire.paths import Target
from emulator.wire.resources import CreateRequest, Resource

_REMOVED_AT_ONCE = 500
_NO_ID = "0" * sids.HEX_DIGITS


class Engine:
    """All state of one emulator.

    Args:
        policy: its choices and bounds.
        clock: the time that it shows.
        ids: where identifiers come from.
        monotonic: seconds that only go forward, whatever the clock does.
    """

    def __init__(self, policy: EngineConfig, *, clock: Clock, ids: IdGenerator, monotonic: Callable[[], float]) -> None:
        self._retry_window = policy.retry_window
        self._arrivals = InFlightRequests()
        self.clock = clock
        self.ids = ids
        self.slices = Slices(monotonic)
        self.memory = account = MemoryAccount(policy.memory_limit, policy.capacities())
        wakeups = Wakeups(monotonic)
        self.calls = CallRegistry(account, policy.calls)
        self.journal = Journal(account)
        self.waits = MessageWaiters(account, wakeups)
        self.schemas = Schemas(account)
        self.callback_dispatcher = CallbackDispatcher(account, ids, wakeups, first_number=policy.first_sequence_number)
        self.events = EventBus(account, self.journal, self.callback_dispatcher.deliveries.get)
        self.preconditions = Preconditions(
            account, policy, self.calls, self.schemas, self.callback_dispatcher.subscriptions
        )
        self.faults = FaultRules(account, monotonic, magic=policy.magic)
        self.delays = DelayedResponses(account)
        self.callback_dispatcher.deliveries.listeners.append(self.events.publish_delivery)
        self.call_controller = CallController(account, self.calls, ids, monotonic)
        self.call_controller.on_message = self.receive_end_user_message

    # --- requests on the Twilio surface

    def begin_request(self, account_sid: str | None, call_sid: str | None) -> RequestContext:
        """A request has begun; every arrival must `leave`."""
        return self._arrivals.begin(account_sid, call_sid, self.clock.now())

    def end_request(self, arrival: RequestContext) -> None:
        """A request has ended, whatever became of it."""
        self._arrivals.end(arrival)

    def client_left(self, arrival: RequestContext) -> None:
        """The client went away before its answer was out: what its attempts show has changed."""
        arrival.was_left = True
        self.events.wake(arrival.account_sid, arrival.call_sid)

    def create(self, arrival: RequestContext, request: ReceivedRequest, new: CreateRequest) -> Exchange:
        """Create what is asked for, or replay what its key created before, unless a fault prevents it.

        Raises:
            TwilioError: content-not-json (a schema), idempotency-conflict, call-unknown, call-not-active, call-is-pstn,
                too-many-requests (as many subscriptions as can be kept).
        """
        now = self.clock.now()
        account_sid, call_sid = arrival.account_sid, arrival.call_sid
        assert account_sid is not None
        assert call_sid is not None
        if self.faults.may_apply(account_sid, call_sid):
            arrival.fault = self.faults.choose(self.preconditions.facts_of_create(account_sid, call_sid, new, now), now)
            if arrival.fault is not None and arrival.fault.prevents:
                return self._prevent(arrival, request, new, now)
        schemas, original = self.preconditions.evaluate(account_sid, call_sid, new, now)
        if original is not None:
            if not arrival.was_reset:
                original.replays += 1
            outcome = Outcome.REPLAYED if new.fingerprint == original.fingerprint else Outcome.MISMATCH
            return self._record(arrival, request, outcome, now, made=original, new=new)
        hex_id = self.ids.random_bytes(sids.ENTROPY_BYTES).hex()
        made = new.made(hex_id, account_sid, call_sid, now)
        if not arrival.was_reset:
            self.preconditions.commit(made, now)
        handover = None
        if isinstance(new, NewMessage):
            handover = self.call_controller.deliver(call_sid, made.sid, new.content)
        return self._record(
            arrival,
            request,
            Outcome.CREATED,
            now,
            made=made,
            new=new,
            hex_id=hex_id,
            schemas=schemas,
            handover=handover,
        )

    def delete(self, arrival: RequestContext, request: ReceivedRequest, target: Target) -> Exchange:
        """Delete a subscription, unless a fault prevents it; the call's state does not matter.

        Raises:
            TwilioError: subscription-unknown.
        """
        now = self.clock.now()
        account_sid, call_sid = target.account_sid, target.call_sid
        if self.faults.may_apply(account_sid, call_sid):
            arrival.fault = self.faults.choose(self.preconditions.facts_of_delete(target), now)
            if arrival.fault is not None and arrival.fault.prevents:
                return self._prevent(arrival, request, None, now)
        subscription = self.preconditions.subscription(target)
        self.preconditions.discard(subscription)
        return self._record(arrival, request, Outcome.DELETED, now, made=subscription)

    def refuse(
        self, arrival: RequestContext, request: ReceivedRequest, problem: ErrorSpec, reason: str | None = None
    ) -> Exchange:
        """Remember a request that was refused."""
        form = {} if problem is INTERNAL_ERROR else request.parameters()
        # As far as it can be told. A key that is too long is cut: the request's form has all of it.
        new = NewMessage(form.get("Content", ""), form.get("IdempotencyKey", "")[:MAX_KEY] or None)
        return self._record(
            arrival, request, Outcome.REFUSED, self.clock.now(), problem=problem, reason=reason, new=new
        )

    def preflight(self, arrival: RequestContext, request: ReceivedRequest) -> Exchange:
        """Remember an OPTIONS request."""
        return self._record(arrival, request, Outcome.PREFLIGHT, self.clock.now())

    def dry_run(self, account_sid: str, call_sid: str, new: CreateRequest) -> Resource:
        """What a request would create (its id all zeros) or replay; nothing is remembered, no fault happens.

        Raises:
            TwilioError: as `admit`.
        """
        now = self.clock.now()
        _, original = self.preconditions.evaluate(account_sid, call_sid, new, now)
        return original or new.made(_NO_ID, account_sid, call_sid, now)

    def new_request_id(self) -> str:
        """An id for a reply that belongs to no exchange: what came was no request."""
        return sids.make(sids.REQUEST, self.ids.random_bytes(sids.ENTROPY_BYTES))

    def receive_end_user_message(self, said: EndUserMessage) -> LoggedMessage:
        """An end user said something."""
        return self.callback_dispatcher.dispatch(said, self.clock.now())

    # --- what the author of a test does

    async def page(self, selection: Selection, window: Window) -> tuple[int, list[Exchange]]:
        """How many exchanges a selection has, and a part of them; looked at in slices where that is needed."""
        if selection.matches is None:
            return len(selection), selection.page(window.limit, newest_first=window.newest_first, skip=window.skip)
        return await self.slices.page(selection.matches, selection.candidates, selection.size, window)

    async def wait(self, wanted: Filter, *, at_least: int | None, at_most: int | None) -> MessageWaiter:
        """Start to wait for messages; the owner must leave `waits`."""
        wait = self.waits.begin(wanted, at_least=at_least, at_most=at_most)
        found = self.journal.messages(wanted)
        if found.matches is None:
            self.waits.add(wait, len(found))
            return wait
        return await self.waits.add_earlier(
            wait, lambda: self.journal.messages(wanted).candidates(), found.size, self.slices
        )

    async def page_of_deliveries(self, wanted: DeliveryFilter, window: Window) -> tuple[int, list[Delivery]]:
        """How many deliveries a filter means, and a part of them; looked at in slices."""
        deliveries = self.callback_dispatcher.deliveries
        many = len(deliveries.candidates(wanted))
        return await self.slices.page(wanted.matches, lambda: deliveries.candidates(wanted), many, window)

    async def wait_for_deliveries(
        self, wanted: DeliveryFilter, *, at_least: int | None, at_most: int | None
    ) -> Waiter[DeliveryFilter]:
        """Start to wait for deliveries; the owner must leave their `waits`."""
        deliveries, waits = self.callback_dispatcher.deliveries, self.callback_dispatcher.deliveries.waits
        wait = waits.begin(wanted, at_least=at_least, at_most=at_most)
        many = len(deliveries.candidates(wanted))
        return await waits.add_earlier(wait, lambda: deliveries.candidates(wanted), many, self.slices)

    async def retries(self, scope: Scope) -> list[RetrySequence]:
        """The attempts of a scope that belong together, in the order of the last ones."""
        found = self.journal.requests(Filter(account_sid=scope.account_sid, call_sid=scope.call_sid))
        return await self.slices.run(self._retries(scope), found.size)

    async def delete_messages(self, wanted: Filter) -> int:
        """Remove messages and the keys that created them; returns how many."""
        return await self.slices.run(self._deletion(wanted), self.journal.messages(wanted).size)

    def reset(self, scope: Scope) -> dict[str, int]:
        """Forget everything of a scope and end its waits; returns what was forgotten, by name.

        Requests in flight that belong to the scope will not be remembered. Without a scope, clock and ids are as at
        the start.
        """
        return self._reset(scope)

    def reset_in_steps(self, scope: Scope) -> Steps[dict[str, int]]:
        """Reset a scope that may have a large history: remove that first, in steps, and then the rest at once."""
        removal = self._removal_of_all() if scope == Scope() else self._removal(scope)
        requests, messages = yield from removal
        keys = yield from self.preconditions.reset_keys(scope)
        forgotten = self._reset(scope, keys)
        forgotten["requests"] += requests
        forgotten["messages"] += messages
        return forgotten

    def stop(self) -> None:
        """End waits and streams, and let delayed answers go: the server is going away."""
        self.delays.end(Scope())
        self.waits.end(Scope(), WaitEnd.STOPPED)
        self.callback_dispatcher.deliveries.waits.end(Scope(), WaitEnd.STOPPED)
        self.events.end()
        self.call_controller.stop()

    # --- inside

    def _reset(self, scope: Scope, keys_after: int = 0) -> dict[str, int]:
        gone = self._remove_history(scope)
        finish(self.preconditions.reset_keys(scope, keys_after))
        self._arrivals.reset(scope)
        self.call_controller.reset(scope)
        if scope == Scope():
            self.clock.reset()
            self.ids.reset()
        forgotten = {
            "requests": len(gone),
            "messages": sum(exchange.created is not None for exchange in gone),
            "calls": self.calls.reset(scope),
            "schemas": self.schemas.reset(scope),
            "faults": self.faults.reset(scope),
            **self.callback_dispatcher.reset(scope),
            "waits": self.waits.end(scope, WaitEnd.RESET)
            + self.callback_dispatcher.deliveries.waits.end(scope, WaitEnd.RESET),
        }
        self.delays.end(scope)
        self.events.publish_reset(scope)
        return forgotten

    def _remove_history(self, scope: Scope) -> list[Exchange]:
        if scope == Scope():
            return self.journal.clear()
        gone = list(self.journal.requests(Filter(account_sid=scope.account_sid, call_sid=scope.call_sid)))
        self.journal.remove(gone)
        return gone

    def _removal_of_all(self) -> Steps[tuple[int, int]]:
        gone = self.journal.clear()
        requests, messages = len(gone), 0
        while gone:  # only their memory is freed in steps
            messages += gone.pop().created is not None
            yield
        return requests, messages

    def _removal(self, scope: Scope) -> Steps[tuple[int, int]]:
        gone = self.journal.requests(Filter(account_sid=scope.account_sid, call_sid=scope.call_sid)).candidates()[::-1]
        requests = messages = 0
        while gone:
            part = [gone.pop() for _ in range(min(_REMOVED_AT_ONCE, len(gone)))]
            part = [one for one in part if scope.covers(*one.owners) and self.journal.holds(one)]
            self.journal.remove(part)
            requests += len(part)
            messages += sum(exchange.created is not None for exchange in part)
            for _ in part:
                yield
        return requests, messages

    def _retries(self, scope: Scope) -> Steps[list[RetrySequence]]:
        wanted = Filter(account_sid=scope.account_sid, call_sid=scope.call_sid)
        exchanges = yield from self.journal.requests(wanted).found()
        return (yield from group_retries(exchanges, now=self.clock.now(), window=self._retry_window))

    def _deletion(self, wanted: Filter) -> Steps[int]:
        found = (yield from self.journal.messages(wanted).found())[::-1]
        deleted = 0
        while found:
            part = [found.pop() for _ in range(min(_REMOVED_AT_ONCE, len(found)))]
            part = [exchange for exchange in part if self.journal.holds(exchange)]
            self.journal.remove(part)
            yield
            for exchange in part:
                self.waits.forgot(exchange)
                assert exchange.made is not None
                self.preconditions.discard(exchange.made)
                yield
            deleted += len(part)
        return deleted

    def _prevent(
        self, arrival: RequestContext, request: ReceivedRequest, new: CreateRequest | None, now: float
    ) -> Exchange:
        action = arrival.fault.action if arrival.fault is not None else None
        problem = action.problem if isinstance(action, ReplyFault) else None
        return self._record(arrival, request, Outcome.FAULTED, now, problem=problem, new=new)

    def _record(
        self,
        arrival: RequestContext,
        request: ReceivedRequest,
        outcome: Outcome,
        now: float,
        *,
        problem: ErrorSpec | None = None,
        reason: str | None = None,
        made: Resource | None = None,
        new: CreateRequest | None = None,
        hex_id: str | None = None,
        schemas: tuple[SchemaResult, ...] = (),
        handover: DeliveryStatus | None = None,
    ) -> Exchange:
        exchange = Exchange(
            seq=self.journal.last_seq + 1,
            id=hex_id or self.ids.random_bytes(sids.ENTROPY_BYTES).hex(),
            arrival=arrival,
            request=request,
            outcome=outcome,
            replied_at=now,
            problem=problem,
            reason=reason,
            made=made,
            content_utf8=(new.content.encode() or None) if isinstance(new, NewMessage) else None,
            idempotency_key=new.idempotency_key if new else None,
            schemas=schemas,
            handover=handover,
        )
        if not arrival.was_reset:
            self.journal.append(exchange)
            if exchange.created is not None:
                self.waits.saw(exchange)
            self.events.publish(exchange)
        return exchange
