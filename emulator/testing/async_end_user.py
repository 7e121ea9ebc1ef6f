"""The end user of a Voice SDK, simulated, for tests on asyncio: a client of the signalling gateway."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from emulator.testing.http import Address
from emulator.testing.phone import Phone
from emulator.testing.phone_calls import (
    ANY,
    CallFailedError,
    CallState,
    CallStatus,
    CallView,
    MessageRefusedError,
    ReceivedMessage,
    SignallingError,
)
from emulator.testing.phone_connection import PhoneConnection
from emulator.testing.voice_tokens import voice_token
from emulator.wire.signalling import CONTENT_TYPE, MESSAGE_TYPE

if TYPE_CHECKING:
    import os


class AsyncVoiceCall(CallView):
    """One end of a call."""

    def __init__(self, state: CallState, phone: Phone, connection: PhoneConnection) -> None:
        super().__init__(state)
        self._phone = phone
        self._connection = connection

    async def accept(self) -> None:
        """Answer it, if it is pending; the gateway knows when this returns.

        Raises:
            CallFailedError: it is over.
        """
        await self._connection.ready(self._state)
        if self.status is CallStatus.PENDING:
            self._phone.accept(self._state)
            await self._connection.settle()
        if self.status is CallStatus.CLOSED:
            raise failed(self._state)

    async def reject(self) -> None:
        """Do not answer it, if it is pending; the gateway knows when this returns."""
        if self.status is CallStatus.PENDING:
            self._phone.reject(self._state)
            await self._connection.settle()

    async def hangup(self) -> None:
        """End it, unless it is over; the gateway knows when this returns."""
        if self.status is not CallStatus.CLOSED:
            await self._connection.ready(self._state)
        if self.status is not CallStatus.CLOSED:
            self._phone.hang_up(self._state)
            await self._connection.settle()

    async def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send any JSON value but None; returns the message's `KX…` once the gateway has acknowledged it.

        Raises:
            MessageRefusedError: it did not.
        """
        await self._connection.ready(self._state)
        sent = self._phone.send_message(self._state, content, content_type, message_type)
        await self._connection.ask(lambda: sent.settled)
        if sent.failure is not None:
            raise MessageRefusedError(*sent.failure)
        if sent.lost:
            raise SignallingError(None, f"the connection was lost before {sent.sid} was acknowledged")
        return sent.sid

    async def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109  its end is an explanation
        content: object = ANY,
    ) -> list[ReceivedMessage]:
        """Wait until so many messages came, and return all of them.

        Args:
            at_least: how many.
            timeout: seconds.
            content: only those whose content holds this value: objects by subset, arrays whole.

        Raises:
            AssertionError: they did not come in time, or the call ended before; says what came instead.
        """
        __tracebackhide__ = True
        state = self._state

        def enough() -> bool:
            return len(state.matching(content)) >= at_least

        await self._connection.until(lambda: enough() or state.status is CallStatus.CLOSED, timeout)
        if not enough():
            raise AssertionError(state.missed(at_least, content, timeout))
        return state.matching(content)

    async def wait_for_answer(self, *, timeout: float = 10.0) -> None:  # noqa: ASYNC109  as above
        """Wait until it is open.

        Raises:
            CallFailedError: it ended instead; `code` says why, if the gateway gave one.
            AssertionError: it still rings.
        """
        __tracebackhide__ = True
        state, expected = self._state, (CallStatus.OPEN, CallStatus.CLOSED)
        if not await self._connection.until(lambda: state.status in expected, timeout):
            raise AssertionError(f"{state} was not answered within {timeout:g} s")
        if state.status is CallStatus.CLOSED:
            raise failed(state)

    async def wait_for_hangup(self, *, timeout: float = 5.0) -> None:  # noqa: ASYNC109  as above
        """Wait until it is over; `ended` says why it is.

        Raises:
            AssertionError: it is not.
        """
        __tracebackhide__ = True
        if not await self._connection.until(lambda: self.status is CallStatus.CLOSED, timeout):
            raise AssertionError(f"{self._state} did not end within {timeout:g} s")


class AsyncEndUser:
    """A user of an application with the Voice SDK; an async context manager.

    It says and hears the frames of the real SDK, and comes back as that does when its socket is lost. What a call can
    do it can do for the newest one.

    Attributes:
        url: where the emulator listens.
    """

    def __init__(
        self,
        url: str,
        identity: str = "alice",
        *,
        token: str | None = None,
        account_sid: str | None = None,
        api_key: tuple[str, str] | None = None,
        ca: "str | os.PathLike[str] | None" = None,
    ) -> None:
        """Make one; nothing is connected yet.

        Args:
            url: where the emulator listens.
            identity: its name, unless `token` says another.
            token: an access token of the application; None = one is made.
            account_sid: whose its calls are; None = every account's.
            api_key: SID and secret to sign the token with, for an emulator with `voice_token=strict`.
            ca: a file with the certificate to trust for https; None = those that this machine trusts.

        Raises:
            ValueError: the url is none, or the file is.
        """
        address = Address(url, ca=ca)
        self.url = address.url
        if token is None:
            token = voice_token(identity, account_sid, api_key, time.time())
        self._phone = Phone(identity, token)
        self._connection = PhoneConnection(address, self._phone)
        self._current: AsyncVoiceCall | None = None

    @property
    def identity(self) -> str:
        """Its name; once it is connected the one that the gateway read in its token."""
        return self._phone.identity

    @property
    def current(self) -> AsyncVoiceCall:
        """The newest call that it made or waited for.

        Raises:
            RuntimeError: there was none.
        """
        if self._current is None:
            raise RuntimeError(f"{self.identity} has no call yet: use call() or wait_for_call()")
        return self._current

    @property
    def received(self) -> list[ReceivedMessage]:
        """The messages that came in the newest call."""
        return self.current.received

    async def connect(self) -> Self:
        """Return once it can be called.

        Raises:
            SignallingError: the gateway refuses its token.
            UnreachableError: no emulator answers.
        """
        await self._connection.open()
        return self

    async def close(self) -> None:
        """Hang up, and return once the gateway knows that it is gone; again, do nothing."""
        await self._connection.close()

    async def reconnect(self) -> None:
        """Lose the socket, as in a tunnel, and return once calls go on on another one."""
        await self._connection.drop()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def dial(self, to: str = "", **parameters: str) -> AsyncVoiceCall:
        """Call somebody and return once it rings: from then on a message reaches the call.

        Args:
            to: an identity; one that is not connected does what the emulator was told, else answers at once.
            parameters: custom parameters.

        Raises:
            CallFailedError: there will be no such call.
        """
        await self._connection.ready()
        state = self._phone.dial(to, parameters)
        await self._connection.ask(lambda: state.status is not CallStatus.CONNECTING)
        if state.sid is None:
            raise failed(state)
        return self._remember(state)

    async def call(self, to: str = "", **parameters: str) -> AsyncVoiceCall:
        """Call somebody and return once it is answered: `dial`, then `wait_for_answer`."""
        __tracebackhide__ = True
        call = await self.dial(to, **parameters)
        await call.wait_for_answer()
        return call

    async def wait_for_call(self, *, timeout: float = 10.0) -> AsyncVoiceCall:  # noqa: ASYNC109  as above
        """The next incoming call, which is to be accepted or rejected.

        Raises:
            AssertionError: nobody called.
        """
        __tracebackhide__ = True
        phone = self._phone
        if not await self._connection.until(lambda: phone.incoming, timeout):
            why = f"; {phone.gone}" if phone.gone else ""
            raise AssertionError(f"nobody called {phone.identity!r} within {timeout:g} s{why}")
        return self._remember(phone.incoming.popleft())

    async def hangup(self) -> None:
        """End the newest call."""
        await self.current.hangup()

    async def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send in the newest call any JSON value but None; returns the message's `KX…` once it is acknowledged.

        Raises:
            MessageRefusedError: it was refused.
        """
        return await self.current.send_message(content, content_type=content_type, message_type=message_type)

    async def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109  as above
        content: object = ANY,
    ) -> list[ReceivedMessage]:
        """Wait until so many messages came in the newest call, and return all of them.

        Raises:
            AssertionError: they did not come in time, or the call ended before; says what came instead.
        """
        __tracebackhide__ = True
        return await self.current.wait_for(at_least, timeout=timeout, content=content)

    def _remember(self, state: CallState) -> AsyncVoiceCall:
        self._current = AsyncVoiceCall(state, self._phone, self._connection)
        return self._current


def failed(call: CallState) -> CallFailedError:
    """Why a call is not there, to be raised."""
    code, message = call.failure or (None, str(call))
    return CallFailedError(code, message)
