"""The inspection API of any emulator, here or elsewhere, for tests on asyncio. The same as `client.py`, awaited."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Protocol, TypeVar, Unpack

from emulator.engine.scope import Scope
from emulator.engine.state.calls import Leg, Status
from emulator.testing.http import MARGIN, Address, Question
from emulator.testing.models import Call, Fault, Message, Removed, Request, RetrySequence
from emulator.testing.questions import (
    Conversation,
    FaultOptions,
    Filters,
    Questions,
    RequestFilters,
    RetryFilters,
    Scoping,
    now,
    proxy_hint,
    set_clock,
)

if TYPE_CHECKING:
    import os

T = TypeVar("T")


class Hold(Protocol):
    """Holds a conversation to its end."""

    async def __call__(self, conversation: Conversation[T], /) -> T:
        """Return its result."""


class AsyncEmulatorClient:
    """Asks an emulator what arrived. Tasks may share it.

    Bound to an account, a call or both, it sees and resets only what is theirs; filters can name others.

    Every method raises `UnreachableError` when no emulator answers, and `EmulatorError` when it says no.

    Attributes:
        url: where the emulator listens.
    """

    def __init__(
        self,
        url: str,
        *,
        account_sid: str | None = None,
        call_sid: str | None = None,
        control_token: str | None = None,
        ca: "str | os.PathLike[str] | None" = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Make one.

        Args:
            url: where the emulator listens.
            account_sid: the account that it is bound to.
            call_sid: the call that it is bound to.
            control_token: what the inspection API asks for, if anything.
            ca: a file with the certificate to trust for https; None = those that this machine trusts.
            environ: the environment variables of the application under test; a failed wait then names a proxy variable
                that keeps requests from the emulator.

        Raises:
            ValueError: the url is none, or the file is.
        """
        self._address = Address(url, control_token, ca)
        self._environ = environ or {}
        self._questions = Questions(Scope(account_sid, call_sid), self._proxy_hint)
        self.url = self._address.url

    async def messages(self, **filters: Unpack[Filters]) -> list[Message]:
        """All messages, the oldest first."""
        return await self._hold(self._questions.messages(filters))

    async def requests(self, *, newest: int | None = None, **filters: Unpack[RequestFilters]) -> list[Request]:
        """All requests, refused ones too, or so many of the newest; the oldest first."""
        return await self._hold(self._questions.requests(newest, filters))

    async def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  the emulator's: its answer explains, a cancelled wait says nothing
        **filters: Unpack[Filters],
    ) -> list[Message]:
        """Wait until so many messages are there, and return all of them.

        Raises:
            AssertionError: they were not there in time; says what arrived instead.
        """
        __tracebackhide__ = True
        return await self._hold(self._questions.wait_for(at_least, timeout, filters))

    async def expect_none(self, *, within: float = 1.0, **filters: Unpack[Filters]) -> None:
        """Watch for so many seconds that there is no message; `after=message.seq` for no further one.

        Raises:
            AssertionError: there is; says which.
        """
        __tracebackhide__ = True
        await self._hold(self._questions.expect_none(within, filters))

    async def last(self, **filters: Unpack[Filters]) -> Message:
        """The newest message.

        Raises:
            AssertionError: there is none; says what arrived instead.
        """
        __tracebackhide__ = True
        return await self._hold(self._questions.last(filters))

    async def retries(self, **filters: Unpack[RetryFilters]) -> list[RetrySequence]:
        """Attempts that belong together, and what they show of the client; in the order of the last attempts."""
        return await self._hold(self._questions.retries(filters))

    async def expect_recovered(
        self,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  as above
        **filters: Unpack[Filters],
    ) -> list[RetrySequence]:
        """Wait until an attempt has failed and a retry of it has succeeded; return all retry sequences where it is so.

        Raises:
            AssertionError: there was none in time; says what attempts there were.
        """
        __tracebackhide__ = True
        return await self._hold(self._questions.expect_recovered(timeout, filters))

    async def assert_no_duplicates(self, **filters: Unpack[Filters]) -> None:
        """See that no retry created a second message, as far as it shows: same key, or same content soon after.

        Raises:
            AssertionError: one was; says which, with all attempts.
        """
        __tracebackhide__ = True
        await self._hold(self._questions.assert_no_duplicates(filters))

    async def add_fault(
        self,
        then: Mapping[str, object] | None = None,
        *,
        profile: str | None = None,
        **options: Unpack[FaultOptions],
    ) -> Fault:
        """Make requests fail: `then` as `POST /_emulator/faults` takes it, or a profile of that name."""
        return await self._hold(self._questions.add_fault(then, profile, options))

    async def fault(self, fault_id: str) -> Fault:
        """A fault as it is now."""
        return await self._hold(self._questions.fault(fault_id))

    async def faults(self, **scoping: Unpack[Scoping]) -> list[Fault]:
        """The faults that requests can meet, in their order."""
        return await self._hold(self._questions.faults(scoping))

    async def delete_fault(self, fault_id: str) -> None:
        """Let a fault happen no more."""
        await self._hold(self._questions.delete_fault(fault_id))

    async def delete_faults(self, **scoping: Unpack[Scoping]) -> int:
        """Let no fault happen any more; returns how many were removed, those for other calls or accounts not."""
        return await self._hold(self._questions.delete_faults(scoping))

    async def reset(self) -> Removed:
        """Forget what arrived and what was registered; unbound, everything, clock and seed too."""
        return await self._hold(self._questions.reset())

    @property
    def calls(self) -> "AsyncCalls":
        """What the emulator is told of calls."""
        return AsyncCalls(self._hold, self._questions)

    @property
    def clock(self) -> "AsyncClock":
        """The time of the whole emulator."""
        return AsyncClock(self._hold)

    def _proxy_hint(self) -> str | None:
        return proxy_hint(self.url, self._environ)

    async def _hold(self, conversation: Conversation[T]) -> T:
        """Ask and answer to the end."""
        __tracebackhide__ = True
        said = None
        while True:
            try:
                question = conversation.send(said)
            except StopIteration as end:
                result: T = end.value
                return result
            said = self._address.answer(question, await self._fetch(question))

    async def _fetch(self, question: Question) -> bytes:
        try:
            async with asyncio.timeout(question.patience + MARGIN):
                return await self._exchange(self._address.request(question))
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that is no host name
            raise self._address.unreachable(error) from None

    async def _exchange(self, data: bytes) -> bytes:
        address = self._address
        reader, writer = await asyncio.open_connection(address.host, address.port, ssl=address.tls)
        try:
            writer.write(data)
            return await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


class AsyncCalls:
    """What the emulator is told of calls; without `call_sid` the one that the client is bound to is meant."""

    def __init__(self, hold: Hold, questions: Questions) -> None:
        self._hold = hold
        self._questions = questions

    async def register(
        self,
        call_sid: str | None = None,
        *,
        status: Status | str = Status.IN_PROGRESS,
        client: Leg | str = Leg.VOICE_SDK,
    ) -> Call:
        """Say what a call is, anew or instead of what was said before."""
        return await self._hold(self._questions.register(call_sid, status, client))

    async def get(self, call_sid: str | None = None) -> Call:
        """What was said of a call."""
        return await self._hold(self._questions.call(call_sid))

    async def forget(self, call_sid: str | None = None) -> None:
        """Let a call be again what the option `calls` says of unregistered ones."""
        await self._hold(self._questions.forget(call_sid))

    async def all(self) -> list[Call]:
        """The registered calls."""
        return await self._hold(self._questions.calls())


class AsyncClock:
    """The time of the whole emulator, not of one test; each method returns what it is then."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    async def now(self) -> datetime:
        """What time is it there?"""
        return await self._hold(now())

    async def freeze(self, at: datetime) -> datetime:
        """Stand still at this time, which must have a zone."""
        return await self._hold(set_clock(freeze=at.isoformat()))

    async def advance(self, seconds: float) -> datetime:
        """Go forward."""
        return await self._hold(set_clock(advance=seconds))

    async def reset(self) -> datetime:
        """Be as at the start."""
        return await self._hold(set_clock(reset=True))
