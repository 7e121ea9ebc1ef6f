"""Dispatch of end users' messages to subscriptions."""

from collections.abc import Callable

from emulator.engine.callbacks.deliveries import CallbackDelivery, Deliveries
from emulator.engine.callbacks.end_user_messages import EndUserMessageLog, LoggedMessage
from emulator.engine.callbacks.sequence_numbers import SequenceNumbers
from emulator.engine.capacity import MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Scope
from emulator.engine.state.subscriptions import Subscriptions
from emulator.engine.time_slices import Wakeups
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.wire.callbacks import CallbackPayload


def _nobody(_delivery: CallbackDelivery, /) -> None:
    """Send no callback: the default until the composition root sets a sender."""


def _nothing(_scope: Scope, /) -> None:
    """Drop no callback: the default until the composition root sets a sender."""


class CallbackDispatcher:
    """Log of end users' messages, their subscriptions and deliveries.

    Args:
        account: the memory account.
        ids: generator of identifiers.
        wakeups: sets the results of waits.
        first_number: the first `SequenceNumber` of a call.
    """

    def __init__(self, account: MemoryAccount, ids: IdGenerator, wakeups: Wakeups, *, first_number: int) -> None:
        self._ids = ids
        self._sequences = SequenceNumbers(account, first_number)
        self.subscriptions = Subscriptions(account)
        self.deliveries = Deliveries(account, wakeups)
        self.end_user_messages = EndUserMessageLog(account)
        self._make, self._drop = _nobody, _nothing

    def connect_sender(self, make: Callable[[CallbackDelivery], None], drop: Callable[[Scope], None]) -> None:
        """Set the functions that send a callback and drop the callbacks of a scope; neither may block."""
        self._make, self._drop = make, drop

    def dispatch(self, message: EndUserMessage, now: float) -> LoggedMessage:
        """Log an end user's message and send a callback to every subscription of its call."""
        subscriptions = [
            subscription
            for subscription in self.subscriptions.of_call(message.call_sid)
            if message.account_sid in (None, subscription.account_sid)
        ]
        logged = LoggedMessage(
            message, now, self._sequences.take(message.account_sid, message.call_sid), len(subscriptions)
        )
        self.end_user_messages.add(logged)
        for subscription in subscriptions:
            payload = CallbackPayload(
                account_sid=subscription.account_sid,
                call_sid=message.call_sid,
                content=message.content,
                content_type=message.content_type,
                sequence_number=logged.sequence_number,
                sid=message.sid,
                sent_at=now,
            )
            self._make(self.deliveries.open(subscription, payload, ids=self._ids, now=now))
        return logged

    def reset(self, scope: Scope) -> dict[str, int]:
        """Remove the state of a scope; return the numbers of removed subscriptions and deliveries by name."""
        self._drop(scope)
        self._sequences.reset(scope)
        self.end_user_messages.reset(scope)
        return {
            "subscriptions": self.subscriptions.reset(scope),
            "deliveries": self.deliveries.reset(scope),
        }
