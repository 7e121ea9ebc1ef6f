"""The way back: what end users say, and the subscriptions that are told of it."""

from collections.abc import Callable

from emulator.engine.callbacks.deliveries import Deliveries, Delivery
from emulator.engine.callbacks.end_user_messages import EndUserMessageLog, LoggedMessage
from emulator.engine.callbacks.sequence_numbers import SequenceNumbers
from emulator.engine.capacity import MemoryAccount
from emulator.engine.ids import IdGenerator
from emulator.engine.scope import Scope
from emulator.engine.slices import Wakeups
from emulator.engine.state.subscriptions import Subscriptions
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.wire.callbacks import CallbackPayload


def _nobody(_delivery: Delivery, /) -> None:
    """Makes no callback: the composition root brings who does."""


def _nothing(_scope: Scope, /) -> None:
    """There is none to give up."""


class CallbackDispatcher:
    """All that end users say.

    Args:
        account: of memory.
        ids: where identifiers come from.
        wakeups: sets the results of waits.
        first_number: the first `SequenceNumber` of a call.
    """

    def __init__(self, account: MemoryAccount, ids: IdGenerator, wakeups: Wakeups, *, first_number: int) -> None:
        self._ids = ids
        self._sequences = SequenceNumbers(account, first_number)
        self.subscriptions = Subscriptions(account)
        self.deliveries = Deliveries(account, wakeups)
        self.sayings = EndUserMessageLog(account)
        self._make, self._drop = _nobody, _nothing

    def let_callbacks_be_made_by(self, make: Callable[[Delivery], None], drop: Callable[[Scope], None]) -> None:
        """Who makes callbacks from now on, or gives up those of a scope; both return at once."""
        self._make, self._drop = make, drop

    def dispatch(self, said: EndUserMessage, now: float) -> LoggedMessage:
        """An end user said something: tell every subscription of the call."""
        told = [
            subscription
            for subscription in self.subscriptions.of_call(said.call_sid)
            if said.account_sid in (None, subscription.account_sid)
        ]
        saying = LoggedMessage(said, now, self._sequences.take(said.account_sid, said.call_sid), len(told))
        self.sayings.add(saying)
        for subscription in told:
            notice = CallbackPayload(
                account_sid=subscription.account_sid,
                call_sid=said.call_sid,
                content=said.content,
                content_type=said.content_type,
                sequence_number=saying.sequence_number,
                sid=said.sid,
                sent_at=now,
            )
            self._make(self.deliveries.open(subscription, notice, ids=self._ids, now=now))
        return saying

    def reset(self, scope: Scope) -> dict[str, int]:
        """Remove everything of a scope; returns how many subscriptions and deliveries, by name."""
        self._drop(scope)
        self._sequences.reset(scope)
        self.sayings.reset(scope)
        return {
            "subscriptions": self.subscriptions.reset(scope),
            "deliveries": self.deliveries.reset(scope),
        }
