"""The inspection API of any emulator, here or elsewhere, for tests that block."""

import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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

    from emulator.testing.async_client import AsyncEmulatorClient

T = TypeVar("T")

_CHUNK = 65536


class Hold(Protocol):
    """Holds a conversation to its end."""

    def __call__(self, conversation: Conversation[T], /) -> T:
        """Return its result."""


class EmulatorClient:
    """Asks an emulator what arrived. Threads may share it.

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

    @property
    def aio(self) -> "AsyncEmulatorClient":
        """The same, to be awaited."""
        from emulator.testing.async_client import AsyncEmulatorClient  # noqa: PLC0415  asyncio only for those who await

        scope = self._questions.scope
        return AsyncEmulatorClient(
            self.url,
            account_sid=scope.account_sid,
            call_sid=scope.call_sid,
            control_token=self._address.token,
            ca=self._address.ca,
            environ=self._environ,
        )

    def messages(self, **filters: Unpack[Filters]) -> list[Message]:
        """All messages, the oldest first."""
        return self._hold(self._questions.messages(filters))

    def requests(self, *, newest: int | None = None, **filters: Unpack[RequestFilters]) -> list[Request]:
        """All requests, refused ones too, or so many of the newest; the oldest first."""
        return self._hold(self._questions.requests(newest, filters))

    def wait_for(self, at_least: int = 1, *, timeout: float = 10.0, **filters: Unpack[Filters]) -> list[Message]:
        """Wait until so many messages are there, and return all of them.

        Raises:
            AssertionError: they were not there in time; says what arrived instead.
        """
        __tracebackhide__ = True
        return self._hold(self._questions.wait_for(at_least, timeout, filters))

    def expect_none(self, *, within: float = 1.0, **filters: Unpack[Filters]) -> None:
        """Watch for so many seconds that there is no message; `after=message.seq` for no further one.

        Raises:
            AssertionError: there is; says which.
        """
        __tracebackhide__ = True
        self._hold(self._questions.expect_none(within, filters))

    def last(self, **filters: Unpack[Filters]) -> Message:
        """The newest message.

        Raises:
            AssertionError: there is none; says what arrived instead.
        """
        __tracebackhide__ = True
        return self._hold(self._questions.last(filters))

    def retries(self, **filters: Unpack[RetryFilters]) -> list[RetrySequence]:
        """Attempts that belong together, and what they show of the client; in the order of the last attempts."""
        return self._hold(self._questions.retries(filters))

    def expect_recovered(self, *, timeout: float = 10.0, **filters: Unpack[Filters]) -> list[RetrySequence]:
        """Wait until an attempt has failed and a retry of it has succeeded; return all retry sequences where it is so.

        Raises:
            AssertionError: there was none in time; says what attempts there were.
        """
        __tracebackhide__ = True
        return self._hold(self._questions.expect_recovered(timeout, filters))

    def assert_no_duplicates(self, **filters: Unpack[Filters]) -> None:
        """See that no retry created a second message, as far as it shows: same key, or same content soon after.

        Raises:
            AssertionError: one was; says which, with all attempts.
        """
        __tracebackhide__ = True
        self._hold(self._questions.assert_no_duplicates(filters))

    def add_fault(
        self,
        then: Mapping[str, object] | None = None,
        *,
        profile: str | None = None,
        **options: Unpack[FaultOptions],
    ) -> Fault:
        """Make requests fail: `then` as `POST /_emulator/faults` takes it, or a profile of that name."""
        return self._hold(self._questions.add_fault(then, profile, options))

    def fault(self, fault_id: str) -> Fault:
        """A fault as it is now."""
        return self._hold(self._questions.fault(fault_id))

    def faults(self, **scoping: Unpack[Scoping]) -> list[Fault]:
        """The faults that requests can meet, in their order."""
        return self._hold(self._questions.faults(scoping))

    def delete_fault(self, fault_id: str) -> None:
        """Let a fault happen no more."""
        self._hold(self._questions.delete_fault(fault_id))

    def delete_faults(self, **scoping: Unpack[Scoping]) -> int:
        """Let no fault happen any more; returns how many were removed, those for other calls or accounts not."""
        return self._hold(self._questions.delete_faults(scoping))

    def reset(self) -> Removed:
        """Forget what arrived and what was registered; unbound, everything, clock and seed too."""
        return self._hold(self._questions.reset())

    @property
    def calls(self) -> "Calls":
        """What the emulator is told of calls."""
        return Calls(self._hold, self._questions)

    @property
    def clock(self) -> "Clock":
        """The time of the whole emulator."""
        return Clock(self._hold)

    def _proxy_hint(self) -> str | None:
        return proxy_hint(self.url, self._environ)

    def _hold(self, conversation: Conversation[T]) -> T:
        """Ask and answer to the end."""
        __tracebackhide__ = True
        said = None
        while True:
            try:
                question = conversation.send(said)
            except StopIteration as end:
                result: T = end.value
                return result
            said = self._address.answer(question, self._fetch(question))

    def _fetch(self, question: Question) -> bytes:
        try:
            with self._connection(question.patience + MARGIN) as connection:
                connection.sendall(self._address.request(question))
                return b"".join(iter(lambda: connection.recv(_CHUNK), b""))
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that is no host name
            raise self._address.unreachable(error) from None

    @contextmanager
    def _connection(self, timeout: float) -> Iterator[socket.socket]:
        with socket.create_connection((self._address.host, self._address.port), timeout) as plain:
            if self._address.tls is None:
                yield plain
                return
            with self._address.tls.wrap_socket(plain, server_hostname=self._address.host) as secure:
                yield secure


class Calls:
    """What the emulator is told of calls; without `call_sid` the one that the client is bound to is meant."""

    def __init__(self, hold: Hold, questions: Questions) -> None:
        self._hold = hold
        self._questions = questions

    def register(
        self,
        call_sid: str | None = None,
        *,
        status: Status | str = Status.IN_PROGRESS,
        client: Leg | str = Leg.VOICE_SDK,
    ) -> Call:
        """Say what a call is, anew or instead of what was said before."""
        return self._hold(self._questions.register(call_sid, status, client))

    def get(self, call_sid: str | None = None) -> Call:
        """What was said of a call."""
        return self._hold(self._questions.call(call_sid))

    def forget(self, call_sid: str | None = None) -> None:
        """Let a call be again what the option `calls` says of unregistered ones."""
        self._hold(self._questions.forget(call_sid))

    def all(self) -> list[Call]:
        """The registered calls."""
        return self._hold(self._questions.calls())


class Clock:
    """The time of the whole emulator, not of one test; each method returns what it is then."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold

    def now(self) -> datetime:
        """What time is it there?"""
        return self._hold(now())

    def freeze(self, at: datetime) -> datetime:
        """Stand still at this time, which must have a zone."""
        return self._hold(set_clock(freeze=at.isoformat()))

    def advance(self, seconds: float) -> datetime:
        """Go forward."""
        return self._hold(set_clock(advance=seconds))

    def reset(self) -> datetime:
        """Be as at the start."""
        return self._hold(set_clock(reset=True))
