"""asyncio client of the inspection API of any emulator, local or remote; same API as `client.py`, awaited."""

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
    """Runs a conversation to its end."""

    async def __call__(self, conversation: Conversation[T], /) -> T:
        """Send the requests of the conversation; return its result."""


class AsyncEmulatorClient:
    """Client of an emulator's inspection API, for asyncio. Tasks may share it.

    A client bound to an account, a call or both reads and resets only their data; filters can select others.

    Every method raises `UnreachableError` when no emulator responds, and `EmulatorError` when it returns an error.

    Attributes:
        url: URL of the emulator.
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
        """Configure the client; it connects once per request.

        Args:
            url: URL of the emulator.
            account_sid: bind the client to this account.
            call_sid: bind the client to this call.
            control_token: token of the inspection API, if it requires one.
            ca: file with the CA certificate to trust for https; None = the CAs that this machine trusts.
            environ: environment variables of the application under test; the error of a failed wait then names a proxy
                variable that keeps requests from the emulator.

        Raises:
            ValueError: invalid URL or CA file.
        """
        self._address = Address(url, control_token, ca)
        self._environ = environ or {}
        self._questions = Questions(Scope(account_sid, call_sid), self._proxy_hint)
        self.url = self._address.url

    async def messages(self, **filters: Unpack[Filters]) -> list[Message]:
        """Return all messages, oldest first."""
        return await self._hold(self._questions.messages(filters))

    async def requests(self, *, newest: int | None = None, **filters: Unpack[RequestFilters]) -> list[Request]:
        """Return all requests, including rejected ones, or the `newest` ones; oldest first."""
        return await self._hold(self._questions.requests(newest, filters))

    async def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  runs in the emulator, whose response explains the failure
        **filters: Unpack[Filters],
    ) -> list[Message]:
        """Wait until there are `at_least` matching messages; return all of them.

        Raises:
            AssertionError: timeout, in seconds; lists what arrived instead.
        """
        __tracebackhide__ = True
        return await self._hold(self._questions.wait_for(at_least, timeout, filters))

    async def expect_none(self, *, within: float = 1.0, **filters: Unpack[Filters]) -> None:
        """Check for `within` seconds that no matching message exists; `after=message.seq` ignores earlier ones.

        Raises:
            AssertionError: a message exists or arrives; describes it.
        """
        __tracebackhide__ = True
        await self._hold(self._questions.expect_none(within, filters))

    async def last(self, **filters: Unpack[Filters]) -> Message:
        """Return the newest message.

        Raises:
            AssertionError: no message matches; lists what arrived instead.
        """
        __tracebackhide__ = True
        return await self._hold(self._questions.last(filters))

    async def retries(self, **filters: Unpack[RetryFilters]) -> list[RetrySequence]:
        """Return retry sequences with findings about the client, in the order of their last attempts."""
        return await self._hold(self._questions.retries(filters))

    async def expect_recovered(
        self,
        *,
        timeout: float = 10.0,  # noqa: ASYNC109  as above
        **filters: Unpack[Filters],
    ) -> list[RetrySequence]:
        """Wait until a retry of a failed attempt has succeeded; return all retry sequences that recovered.

        Raises:
            AssertionError: timeout, in seconds; lists the attempts.
        """
        __tracebackhide__ = True
        return await self._hold(self._questions.expect_recovered(timeout, filters))

    async def assert_no_duplicates(self, **filters: Unpack[Filters]) -> None:
        """Check that no retry created a second message. A retry has the same key, or the same content soon after.

        Raises:
            AssertionError: a duplicate exists; lists all its attempts.
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
        """Make requests fail: with `then` as in `POST /_emulator/faults`, or with a named `profile`."""
        return await self._hold(self._questions.add_fault(then, profile, options))

    async def fault(self, fault_id: str) -> Fault:
        """Return the current state of a fault."""
        return await self._hold(self._questions.fault(fault_id))

    async def faults(self, **scoping: Unpack[Scoping]) -> list[Fault]:
        """Return the faults that can apply to requests of the scope, in the order of their evaluation."""
        return await self._hold(self._questions.faults(scoping))

    async def delete_fault(self, fault_id: str) -> None:
        """Delete a fault."""
        await self._hold(self._questions.delete_fault(fault_id))

    async def delete_faults(self, **scoping: Unpack[Scoping]) -> int:
        """Delete the faults of the scope; return their number. Faults for other calls or accounts stay."""
        return await self._hold(self._questions.delete_faults(scoping))

    async def reset(self) -> Removed:
        """Delete requests, messages and registrations of the scope; unbound, everything, and reset clock and seed."""
        return await self._hold(self._questions.reset())

    @property
    def calls(self) -> "AsyncCalls":
        """Registrations of calls."""
        return AsyncCalls(self._hold, self._questions)

    @property
    def clock(self) -> "AsyncClock":
        """The emulator's clock, which all tests share."""
        return AsyncClock(self._hold)

    def _proxy_hint(self) -> str | None:
        return proxy_hint(self.url, self._environ)

    async def _hold(self, conversation: Conversation[T]) -> T:
        """Send each request of the conversation and pass the response back; return the result."""
        __tracebackhide__ = True
        reply = None
        while True:
            try:
                question = conversation.send(reply)
            except StopIteration as end:
                result: T = end.value
                return result
            reply = self._address.answer(question, await self._fetch(question))

    async def _fetch(self, question: Question) -> bytes:
        try:
            async with asyncio.timeout(question.patience + MARGIN):
                return await self._exchange(self._address.request(question))
        except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
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
    """Registrations of calls. `call_sid` defaults to the call that the client is bound to."""

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
        """Register a call, or replace its registration."""
        return await self._hold(self._questions.register(call_sid, status, client))

    async def get(self, call_sid: str | None = None) -> Call:
        """Return the registration of a call.

        Raises:
            EmulatorError: the call is not registered.
        """
        return await self._hold(self._questions.call(call_sid))

    async def forget(self, call_sid: str | None = None) -> None:
        """End a call and delete its registration; the option `calls` then applies to it again.

        Raises:
            EmulatorError: the call is not registered.
        """
        await self._hold(self._questions.forget(call_sid))

    async def all(self) -> list[Call]:
        """Return the registered calls of the scope."""
        return await self._hold(self._questions.calls())


class AsyncClock:
    """The emulator's clock, shared by all tests. Each method returns the resulting time."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    async def now(self) -> datetime:
        """Return the current time."""
        return await self._hold(now())

    async def freeze(self, at: datetime) -> datetime:
        """Freeze the clock at this time, which must have a time zone."""
        return await self._hold(set_clock(freeze=at.isoformat()))

    async def advance(self, seconds: float) -> datetime:
        """Move the clock forward by this number of seconds."""
        return await self._hold(set_clock(advance=seconds))

    async def reset(self) -> datetime:
        """Restore the initial state of the clock."""
        return await self._hold(set_clock(reset=True))
