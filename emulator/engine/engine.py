"""The engine: evaluates requests against the emulator's state and records them in the journal.

`Engine.create` is one synchronous step (schemas, key, call state, append, wake), so requests cannot interleave.
"""

from collections.abc import Callable

from emulator.engine.callbacks.deliveries import CallbackDelivery, DeliveryFilter
from emulator.engine.callbacks.dispatcher import CallbackDispatcher
from emulator.engine.callbacks.end_user_messages import LoggedMessage
from emulator.engine.capacity import MemoryAccount
from emulator.engine.clock import Clock
from emulator.engine.config import EngineConfig
from emulator.engine.events import EventBus
from emulator.engine.faults.delays import DelayedResponses
from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.faults.rules import FaultRules
from emulator.engine.ids import IdGenerator
from emulator.engine.journal.exchange import Exchange, Outcome, ReceivedRequest, RequestContext
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.journal.in_flight import InFlightRequests
from emulator.engine.journal.index import Selection
from emulator.engine.journal.journal import Journal
from emulator.engine.journal.retries import RetryGroup, group_retries
from emulator.engine.journal.waits import MessageWaiter, MessageWaiters, WaitEnd, Waiter
from emulator.engine.scope import Scope
from emulator.engine.state.calls import CallRegistry
from emulator.engine.state.preconditions import Preconditions
from emulator.engine.state.schemas import Schemas, ValidationResult
from emulator.engine.time_slices import Slices, Steps, Wakeups, Window, finish
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
        config: choices and bounds.
        clock: the emulator's clock.
        ids: generator of identifiers.
        monotonic: returns monotonic seconds, independent of the clock.
    """

    def __init__(self, config: EngineConfig, *, clock: Clock, ids: IdGenerator, monotonic: Callable[[], float]) -> None:
        self._retry_window = config.retry_window
        self._in_flight = InFlightRequests()
        self.clock = clock
        self.ids = ids
        self.slices = Slices(monotonic)
        self.memory = account = MemoryAccount(config.memory_limit, config.capacities())
        wakeups = Wakeups(monotonic)
        self.calls = CallRegistry(account, config.calls)
        self.journal = Journal(account)
        self.waits = MessageWaiters(account, wakeups)
        self.schemas = Schemas(account)
        self.callback_dispatcher = CallbackDispatcher(account, ids, wakeups, first_number=config.first_sequence_number)
        self.events = EventBus(account, self.journal, self.callback_dispatcher.deliveries.get)
        self.preconditions = Preconditions(
            account, config, self.calls, self.schemas, self.callback_dispatcher.subscriptions
        )
        self.faults = FaultRules(account, monotonic, magic=config.magic)
        self.delays = DelayedResponses(account)
        self.callback_dispatcher.deliveries.listeners.append(self.events.publish_delivery)
        self.call_controller = CallController(account, self.calls, ids, monotonic)
        self.call_controller.on_message = self.receive_end_user_message

    # --- requests on the Twilio surface

    def begin_request(self, account_sid: str | None, call_sid: str | None) -> RequestContext:
        """Begin a request; the caller must call `end_request`."""
        return self._in_flight.begin(account_sid, call_sid, self.clock.now())

    def end_request(self, context: RequestContext) -> None:
        """End a request, whatever its outcome."""
        self._in_flight.end(context)

    def client_left(self, context: RequestContext) -> None:
        """Mark a request whose client disconnected before the response was sent, and wake event streams.

        The findings on its retry sequence change.
        """
        context.was_left = True
        self.events.wake(context.account_sid, context.call_sid)

    def create(self, context: RequestContext, request: ReceivedRequest, new: CreateRequest) -> Exchange:
        """Create the requested resource, or replay what its key created before, unless a fault prevents it.

        Raises:
            TwilioError: content-not-json (a schema), idempotency-conflict, call-unknown, call-not-active, call-is-pstn,
                too-many-requests (the store of subscriptions is full).
        """
        now = self.clock.now()
        account_sid, call_sid = context.account_sid, context.call_sid
        assert account_sid is not None
        assert call_sid is not None
        if not context.no_fault and self.faults.may_apply(account_sid, call_sid):
            context.fault = self.faults.choose(self.preconditions.facts_of_create(account_sid, call_sid, new, now), now)
            if context.fault is not None and context.fault.prevents:
                return self._prevent(context, request, new, now)
        schemas, original = self.preconditions.evaluate(account_sid, call_sid, new, now)
        if original is not None:
            if not context.was_reset:
                original.replays += 1
            outcome = Outcome.REPLAYED if new.fingerprint == original.fingerprint else Outcome.MISMATCH
            return self._record(context, request, outcome, now, made=original, new=new)
        hex_id = self.ids.random_bytes(sids.ENTROPY_BYTES).hex()
        made = new.create(hex_id, account_sid, call_sid, now)
        if not context.was_reset:
            self.preconditions.commit(made, now)
        delivery_status = None
        if isinstance(new, NewMessage):
            delivery_status = self.call_controller.deliver(call_sid, made.sid, new.content)
        return self._record(
            context,
            request,
            Outcome.CREATED,
            now,
            made=made,
            new=new,
            hex_id=hex_id,
            schemas=schemas,
            delivery_status=delivery_status,
        )

    def delete(self, context: RequestContext, request: ReceivedRequest, target: Target) -> Exchange:
        """Delete a subscription, unless a fault prevents it; the call's state does not matter.

        Raises:
            TwilioError: subscription-unknown.
        """
        now = self.clock.now()
        account_sid, call_sid = target.account_sid, target.call_sid
        if not context.no_fault and self.faults.may_apply(account_sid, call_sid):
            context.fault = self.faults.choose(self.preconditions.facts_of_delete(target), now)
            if context.fault is not None and context.fault.prevents:
                return self._prevent(context, request, None, now)
        subscription = self.preconditions.subscription(target)
        self.preconditions.discard(subscription)
        return self._record(context, request, Outcome.DELETED, now, made=subscription)

    def refuse(
        self, context: RequestContext, request: ReceivedRequest, problem: ErrorSpec, reason: str | None = None
    ) -> Exchange:
        """Record a rejected request."""
        form = {} if problem is INTERNAL_ERROR else request.parameters()
        # Best effort. A key that is too long is truncated: the request's form has all of it.
        new = NewMessage(form.get("Content", ""), form.get("IdempotencyKey", "")[:MAX_KEY] or None)
        return self._record(
            context, request, Outcome.REFUSED, self.clock.now(), problem=problem, reason=reason, new=new
        )

    def preflight(self, context: RequestContext, request: ReceivedRequest) -> Exchange:
        """Record an OPTIONS request."""
        return self._record(context, request, Outcome.PREFLIGHT, self.clock.now())

    def dry_run(self, account_sid: str, call_sid: str, new: CreateRequest) -> Resource:
        """Return what a request would create (with an all-zero id) or replay. Record nothing, apply no fault.

        Raises:
            TwilioError: as `create`, but never too-many-requests.
        """
        now = self.clock.now()
        _, original = self.preconditions.evaluate(account_sid, call_sid, new, now)
        return original or new.create(_NO_ID, account_sid, call_sid, now)

    def new_request_id(self) -> str:
        """Return an id for a reply without an exchange: the bytes received were not a valid request."""
        return sids.make(sids.REQUEST, self.ids.random_bytes(sids.ENTROPY_BYTES))

    def receive_end_user_message(self, message: EndUserMessage) -> LoggedMessage:
        """Log an end user's message and dispatch it to the subscriptions of its call."""
        return self.callback_dispatcher.dispatch(message, self.clock.now())

    # --- test control and inspection

    async def page(self, selection: Selection, window: Window) -> tuple[int, list[Exchange]]:
        """Count the exchanges of a selection and return a part of them; examine them in slices if necessary."""
        if selection.matches is None:
            return len(selection), selection.page(window.limit, newest_first=window.newest_first, skip=window.skip)
        return await self.slices.page(selection.matches, selection.candidates, selection.size, window)

    async def wait(self, wanted: MessageFilter, *, at_least: int | None, at_most: int | None) -> MessageWaiter:
        """Begin a wait for messages; the caller must call `waits.end_wait`."""
        wait = self.waits.begin(wanted, at_least=at_least, at_most=at_most)
        found = self.journal.messages(wanted)
        if found.matches is None:
            self.waits.add(wait, len(found))
            return wait
        return await self.waits.add_earlier(
            wait, lambda: self.journal.messages(wanted).candidates(), found.size, self.slices
        )

    async def page_of_deliveries(self, wanted: DeliveryFilter, window: Window) -> tuple[int, list[CallbackDelivery]]:
        """Count the deliveries that match a filter and return a part of them; examine them in slices."""
        deliveries = self.callback_dispatcher.deliveries
        many = len(deliveries.candidates(wanted))
        return await self.slices.page(wanted.matches, lambda: deliveries.candidates(wanted), many, window)

    async def wait_for_deliveries(
        self, wanted: DeliveryFilter, *, at_least: int | None, at_most: int | None
    ) -> Waiter[DeliveryFilter]:
        """Begin a wait for deliveries; the caller must call `end_wait` of their `waits`."""
        deliveries, waits = self.callback_dispatcher.deliveries, self.callback_dispatcher.deliveries.waits
        wait = waits.begin(wanted, at_least=at_least, at_most=at_most)
        many = len(deliveries.candidates(wanted))
        return await waits.add_earlier(wait, lambda: deliveries.candidates(wanted), many, self.slices)

    async def retries(self, scope: Scope) -> list[RetryGroup]:
        """Group the attempts of a scope into retry sequences, in the order of their last attempts."""
        found = self.journal.requests(MessageFilter(account_sid=scope.account_sid, call_sid=scope.call_sid))
        return await self.slices.run(self._retries(scope), found.size)

    async def delete_messages(self, wanted: MessageFilter) -> int:
        """Remove messages and the keys that created them; return their number."""
        return await self.slices.run(self._deletion(wanted), self.journal.messages(wanted).size)

    def reset(self, scope: Scope) -> dict[str, int]:
        """Remove the state of a scope and end its waits; return the number of removed entries by name.

        Requests of the scope that are in flight will not be recorded. Resetting everything also restores the initial
        clock and ids.
        """
        return self._reset(scope)

    def reset_in_steps(self, scope: Scope) -> Steps[dict[str, int]]:
        """Reset a scope that may have a large history: remove the history in steps, then the rest in one step."""
        removal = self._removal_of_all() if scope == Scope() else self._removal(scope)
        requests, messages = yield from removal
        keys = yield from self.preconditions.reset_keys(scope)
        forgotten = self._reset(scope, keys)
        forgotten["requests"] += requests
        forgotten["messages"] += messages
        return forgotten

    def stop(self) -> None:
        """End waits and event streams and release delayed responses: the server is stopping."""
        self.delays.end(Scope())
        self.waits.end(Scope(), WaitEnd.STOPPED)
        self.callback_dispatcher.deliveries.waits.end(Scope(), WaitEnd.STOPPED)
        self.events.end()
        self.call_controller.stop()

    # --- internals

    def _reset(self, scope: Scope, keys_after: int = 0) -> dict[str, int]:
        gone = self._remove_history(scope)
        finish(self.preconditions.reset_keys(scope, keys_after))
        self._in_flight.reset(scope)
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
        gone = list(self.journal.requests(MessageFilter(account_sid=scope.account_sid, call_sid=scope.call_sid)))
        self.journal.remove(gone)
        return gone

    def _removal_of_all(self) -> Steps[tuple[int, int]]:
        gone = self.journal.clear()
        requests, messages = len(gone), 0
        while gone:  # the journal is already empty; free the memory in steps
            messages += gone.pop().created is not None
            yield
        return requests, messages

    def _removal(self, scope: Scope) -> Steps[tuple[int, int]]:
        gone = self.journal.requests(
            MessageFilter(account_sid=scope.account_sid, call_sid=scope.call_sid)
        ).candidates()[::-1]
        requests = messages = 0
        while gone:
            part = [gone.pop() for _ in range(min(_REMOVED_AT_ONCE, len(gone)))]
            part = [each for each in part if scope.covers(*each.owners) and self.journal.holds(each)]
            self.journal.remove(part)
            requests += len(part)
            messages += sum(exchange.created is not None for exchange in part)
            for _ in part:
                yield
        return requests, messages

    def _retries(self, scope: Scope) -> Steps[list[RetryGroup]]:
        wanted = MessageFilter(account_sid=scope.account_sid, call_sid=scope.call_sid)
        exchanges = yield from self.journal.requests(wanted).found()
        return (yield from group_retries(exchanges, now=self.clock.now(), window=self._retry_window))

    def _deletion(self, wanted: MessageFilter) -> Steps[int]:
        found = (yield from self.journal.messages(wanted).found())[::-1]
        deleted = 0
        while found:
            part = [found.pop() for _ in range(min(_REMOVED_AT_ONCE, len(found)))]
            part = [exchange for exchange in part if self.journal.holds(exchange)]
            self.journal.remove(part)
            yield
            for exchange in part:
                self.waits.item_removed(exchange)
                assert exchange.made is not None
                self.preconditions.discard(exchange.made)
                yield
            deleted += len(part)
        return deleted

    def _prevent(
        self, context: RequestContext, request: ReceivedRequest, new: CreateRequest | None, now: float
    ) -> Exchange:
        action = context.fault.action if context.fault is not None else None
        problem = action.problem if isinstance(action, ReplyFault) else None
        return self._record(context, request, Outcome.FAULTED, now, problem=problem, new=new)

    def _record(
        self,
        context: RequestContext,
        request: ReceivedRequest,
        outcome: Outcome,
        now: float,
        *,
        problem: ErrorSpec | None = None,
        reason: str | None = None,
        made: Resource | None = None,
        new: CreateRequest | None = None,
        hex_id: str | None = None,
        schemas: tuple[ValidationResult, ...] = (),
        delivery_status: DeliveryStatus | None = None,
    ) -> Exchange:
        exchange = Exchange(
            seq=self.journal.last_seq + 1,
            id=hex_id or self.ids.random_bytes(sids.ENTROPY_BYTES).hex(),
            context=context,
            request=request,
            outcome=outcome,
            replied_at=now,
            problem=problem,
            reason=reason,
            made=made,
            content_utf8=(new.content.encode() or None) if isinstance(new, NewMessage) else None,
            idempotency_key=new.idempotency_key if new else None,
            schemas=schemas,
            delivery_status=delivery_status,
        )
        if not context.was_reset:
            self.journal.append(exchange)
            if exchange.created is not None:
                self.waits.item_added(exchange)
            self.events.publish(exchange)
        return exchange
