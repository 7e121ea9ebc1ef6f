"""A simulated end user with the Voice SDK, for asyncio: a client of the signalling gateway."""

import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

from emulator.testing.http import Address
from emulator.testing.voice.calls import ANY, CallState, CallStatus, CallView, ReceivedMessage, call_failed
from emulator.testing.voice.client import VoiceClient
from emulator.testing.voice.connection import VoiceConnection
from emulator.testing.voice.tokens import voice_token
from emulator.wire.signalling import CONTENT_TYPE, MESSAGE_TYPE

if TYPE_CHECKING:
    import os


class AsyncVoiceCall(CallView):
    """One end of a call."""

    def __init__(self, state: CallState, connection: VoiceConnection) -> None:
        super().__init__(state)
        self._connection = connection

    async def accept(self) -> None:
        """Answer the call if it is pending; return once the gateway has processed it.

        Raises:
            CallFailedError: the call has ended.
        """
        await self._connection.accept(self._state)

    async def reject(self) -> None:
        """Reject the call if it is pending; return once the gateway has processed it."""
        await self._connection.reject(self._state)

    async def hangup(self) -> None:
        """End the call unless it has ended; return once the gateway has processed it."""
        await self._connection.hang_up(self._state)

    async def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send any JSON value except None; return the message SID `KX…` once the gateway has acknowledged it.

        Raises:
            MessageRefusedError: the gateway rejected the message.
            SignallingError: the connection was lost before the acknowledgement.
        """
        return await self._connection.send_message(self._state, content, content_type, message_type)

    async def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109  a timeout raises an explanation
        content: object = ANY,
    ) -> list[ReceivedMessage]:
        """Wait until `at_least` matching messages have been received; return all of them.

        Args:
            at_least: number of messages.
            timeout: seconds.
            content: value that the content must contain: objects match by subset, arrays must be equal.

        Raises:
            AssertionError: timeout, or the call ended first; lists the received messages.
        """
        __tracebackhide__ = True
        state = self._state

        def enough() -> bool:
            return len(state.matching(content)) >= at_least

        await self._connection.wait_until(lambda: enough() or state.status is CallStatus.CLOSED, timeout)
        if not enough():
            raise AssertionError(state.missed(at_least, content, timeout))
        return state.matching(content)

    async def wait_for_answer(self, *, timeout: float = 10.0) -> None:  # noqa: ASYNC109  as above
        """Wait until the call is answered.

        Raises:
            CallFailedError: the call ended instead; `code` is the error code, if the gateway sent one.
            AssertionError: timeout, in seconds; the call still rings.
        """
        __tracebackhide__ = True
        state, expected = self._state, (CallStatus.OPEN, CallStatus.CLOSED)
        if not await self._connection.wait_until(lambda: state.status in expected, timeout):
            raise AssertionError(f"{state} was not answered within {timeout:g} s")
        if state.status is CallStatus.CLOSED:
            raise call_failed(state)

    async def wait_for_hangup(self, *, timeout: float = 5.0) -> None:  # noqa: ASYNC109  as above
        """Wait until the call has ended; `ended` is then the reason.

        Raises:
            AssertionError: timeout, in seconds; the call has not ended.
        """
        __tracebackhide__ = True
        if not await self._connection.wait_until(lambda: self.status is CallStatus.CLOSED, timeout):
            raise AssertionError(f"{self._state} did not end within {timeout:g} s")


class AsyncEndUser:
    """A simulated end user with the Voice SDK; an async context manager.

    It exchanges the same frames as the real SDK, and like it reconnects after a lost connection. The methods that it
    shares with a call act on its newest call.

    Attributes:
        url: URL of the emulator.
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
        """Configure the end user; `connect` connects it.

        Args:
            url: URL of the emulator.
            identity: identity for a generated token; a given `token` contains its own.
            token: access token made by the application; None = generate one.
            account_sid: account of its calls; None = every account can access them.
            api_key: SID and secret that sign the generated token; an emulator with `voice_token=strict` requires it.
            ca: file with the CA certificate to trust for https; None = the CAs that this machine trusts.

        Raises:
            ValueError: invalid URL or CA file.
        """
        address = Address(url, ca=ca)
        self.url = address.url
        if token is None:
            token = voice_token(identity, account_sid, api_key, time.time())
        self._client = VoiceClient(identity, token)
        self._connection = VoiceConnection(address, self._client)
        self._current: AsyncVoiceCall | None = None

    @property
    def identity(self) -> str:
        """The identity; once connected, the one that the gateway read from the token."""
        return self._client.identity

    @property
    def current(self) -> AsyncVoiceCall:
        """The newest call returned by `dial`, `call` or `wait_for_call`.

        Raises:
            RuntimeError: there is no call yet.
        """
        if self._current is None:
            raise RuntimeError(f"{self.identity} has no call yet: use call() or wait_for_call()")
        return self._current

    @property
    def received(self) -> list[ReceivedMessage]:
        """The messages received in the newest call, oldest first."""
        return self.current.received

    async def connect(self) -> Self:
        """Connect, and return once the end user can be called.

        Raises:
            SignallingError: the gateway rejected the token.
            UnreachableError: no emulator responds.
        """
        await self._connection.open()
        return self

    async def close(self) -> None:
        """End all calls and disconnect; return once the gateway has processed it. Idempotent."""
        await self._connection.close()

    async def reconnect(self) -> None:
        """Abort the connection, as on network loss; return once calls continue on a new connection."""
        await self._connection.reconnect()

    async def __aenter__(self) -> Self:
        return await self.connect()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def dial(self, to: str = "", **parameters: str) -> AsyncVoiceCall:
        """Start a call and return once it rings; from then on it can receive messages.

        Args:
            to: an identity; if it is not connected, its configured behaviour applies (default: answer at once).
            parameters: custom parameters.

        Raises:
            CallFailedError: the call ended before it rang.
        """
        return self._remember(await self._connection.dial(to, parameters))

    async def call(self, to: str = "", **parameters: str) -> AsyncVoiceCall:
        """Start a call and return once it is answered: `dial`, then `wait_for_answer`."""
        __tracebackhide__ = True
        call = await self.dial(to, **parameters)
        await call.wait_for_answer()
        return call

    async def wait_for_call(self, *, timeout: float = 10.0) -> AsyncVoiceCall:  # noqa: ASYNC109  as above
        """Wait for the next incoming call, which you accept or reject.

        Raises:
            AssertionError: timeout, in seconds; there was no call.
        """
        __tracebackhide__ = True
        call = await self._connection.next_call(timeout)
        if call is None:
            why = f"; {self._client.end_reason}" if self._client.end_reason else ""
            raise AssertionError(f"no incoming call for {self.identity!r} within {timeout:g} s{why}")
        return self._remember(call)

    async def hangup(self) -> None:
        """End the newest call."""
        await self.current.hangup()

    async def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send any JSON value except None in the newest call; return the message SID `KX…` once acknowledged.

        Raises:
            MessageRefusedError: the gateway rejected the message.
        """
        return await self.current.send_message(content, content_type=content_type, message_type=message_type)

    async def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 5.0,  # noqa: ASYNC109  as above
        content: object = ANY,
    ) -> list[ReceivedMessage]:
        """Wait until `at_least` matching messages have been received in the newest call; return all of them.

        Raises:
            AssertionError: timeout, or the call ended first; lists the received messages.
        """
        __tracebackhide__ = True
        return await self.current.wait_for(at_least, timeout=timeout, content=content)

    def _remember(self, state: CallState) -> AsyncVoiceCall:
        self._current = AsyncVoiceCall(state, self._connection)
        return self._current
