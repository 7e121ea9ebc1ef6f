"""Send callbacks: one at a time per subscription, subscriptions concurrently.

Each callback is retried within its limits. Errors are not raised to the caller but recorded as attempts of the
delivery. The HTTP library is imported for the first callback.
"""

import asyncio
import logging
import ssl
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from emulator.engine.callbacks.deliveries import CallbackAttempt, CallbackDelivery, Deliveries, DeliveryOutcome
from emulator.engine.scope import Scope
from emulator.wire.callbacks import Callback, render
from emulator.wire.connection_overrides import CallbackTimeouts, read_fragment

if TYPE_CHECKING:
    from emulator.adapters.connections import Answer, Connections
    from emulator.adapters.network import Resolve

MAX_WAITING = 10_000
MAX_AT_ONCE = 500

_log = logging.getLogger("emulator.callbacks")
_Line = tuple[str, str, str]
"""Account, call, subscription."""


class Callbacks:
    """Sender of callbacks; use it in a running event loop and close it at the end.

    Args:
        deliveries: records every attempt and outcome.
        auth_token: returns the token that signs the callbacks of an AccountSid.
        now: seconds since 1970, for the dates of attempts.
        limits: the defaults for what a URL's fragment does not override.
        backoff: seconds before each retry. Twilio documents none.
        allowed: lower-case host names and addresses that may be called in addition to loopback and private addresses.
        resolve: resolves a host and a port to addresses; None = the system's resolver.
        tls: context with the trusted CAs; None = the system's CAs.
    """

    def __init__(
        self,
        deliveries: Deliveries,
        *,
        auth_token: Callable[[str], str],
        now: Callable[[], float],
        limits: CallbackTimeouts = CallbackTimeouts(),  # noqa: B008  frozen
        backoff: float = 0.0,
        allowed: frozenset[str] = frozenset(),
        resolve: "Resolve | None" = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._deliveries = deliveries
        self._auth_token = auth_token
        self._now = now
        self._limits = limits
        self._backoff = backoff
        self._allowed = allowed
        self._resolve = resolve
        self._tls = tls
        self._made: Connections | None = None
        self._queues: dict[_Line, deque[CallbackDelivery]] = {}
        self._workers: dict[_Line, asyncio.Task[None]] = {}
        self._waiting = 0
        self._closed = False
        self._at_once = asyncio.Semaphore(MAX_AT_ONCE)

    @property
    def waiting(self) -> int:
        """Number of deliveries in the queues."""
        return self._waiting

    def send(self, delivery: CallbackDelivery) -> None:
        """Queue a delivery behind those of the same subscription; return at once."""
        if self._closed or self._waiting >= MAX_WAITING:
            why = "the emulator is stopping" if self._closed else f"{MAX_WAITING} callbacks wait already"
            self._fail(delivery, f"not tried: {why}")
            return
        line = (*delivery.owners, delivery.subscription_sid)
        queue = self._queues.get(line)
        if queue is None:
            queue = self._queues[line] = deque()
            self._workers[line] = asyncio.create_task(self._work(line, queue))
        queue.append(delivery)
        self._waiting += 1

    def drop(self, scope: Scope) -> None:
        """Cancel the running and queued deliveries of a scope that was reset."""
        for line in [line for line in self._queues if scope.covers(*line[:2])]:
            self._leave(line).cancel()

    async def idle(self) -> None:
        """Return once all deliveries have finished."""
        while self._workers:
            await asyncio.wait(self._workers.values())

    async def aclose(self) -> None:
        """Cancel all running and queued deliveries, and close all connections."""
        self._closed = True
        workers = [self._leave(line) for line in list(self._queues)]
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        if self._made is not None:
            await self._made.aclose()

    async def _work(self, line: _Line, queue: deque[CallbackDelivery]) -> None:
        while queue:
            async with self._at_once:
                self._waiting -= 1
                await self._deliver(queue.popleft())
        self._leave(line)

    def _leave(self, line: _Line) -> asyncio.Task[None]:
        """Remove the queue of a subscription and return its worker."""
        self._waiting -= len(self._queues.pop(line))
        return self._workers.pop(line)

    async def _deliver(self, delivery: CallbackDelivery) -> None:
        try:
            outcome = await self._try(delivery)
        except Exception as error:  # noqa: BLE001  a bug must not stop the other deliveries of the call
            _log.exception("unexpected failure of the callback %s", delivery.id)
            self._fail(delivery, f"not sent: {error}")
        else:
            self._deliveries.settle(delivery, outcome)

    def _fail(self, delivery: CallbackDelivery, error: str) -> None:
        self._deliveries.attempted(delivery, CallbackAttempt(self._now(), 0.0, error=error))
        self._deliveries.settle(delivery, DeliveryOutcome.FAILED)

    async def _try(self, delivery: CallbackDelivery) -> DeliveryOutcome:
        limits = read_fragment(urlsplit(delivery.callback).fragment, self._limits)
        callback = render(
            delivery.callback,
            delivery.method,
            delivery.notice,
            auth_token=self._auth_token(delivery.notice.account_sid),
            idempotency_token=delivery.idempotency_token,
        )
        loop = asyncio.get_running_loop()
        deadline = loop.time() + limits.total
        for retry in range(limits.retries + 1):
            if retry:
                await asyncio.sleep(self._backoff)
            if delivery.was_reset:
                break
            answer = await self._attempt(delivery, callback, limits, deadline)
            if answer.error is None:
                return DeliveryOutcome.DELIVERED
            if answer.failure not in limits.retry_on or loop.time() + self._backoff >= deadline:
                break
        return DeliveryOutcome.FAILED

    async def _attempt(
        self, delivery: CallbackDelivery, callback: Callback, limits: CallbackTimeouts, deadline: float
    ) -> "Answer":
        at, began = self._now(), time.perf_counter()  # uvloop's clock has a resolution of 1 ms
        answer = await self._connections().ask(callback, limits, deadline)
        attempt = CallbackAttempt(at, time.perf_counter() - began, answer.status, answer.error)
        self._deliveries.attempted(delivery, attempt)
        return answer

    def _connections(self) -> "Connections":
        if self._made is None:
            # Imported only when a callback is sent.
            from emulator.adapters.connections import Connections  # noqa: PLC0415
            from emulator.adapters.network import resolve  # noqa: PLC0415

            self._made = Connections(allowed=self._allowed, resolve=self._resolve or resolve, tls=self._tls)
        return self._made
