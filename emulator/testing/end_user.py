"""A simulated end user with the Voice SDK, blocking: `async_end_user.py` in a thread."""

import asyncio
import secrets
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from emulator.testing.async_end_user import AsyncEndUser, AsyncVoiceCall
from emulator.testing.http import EmulatorError
from emulator.testing.voice.calls import ANY, CallView, ReceivedMessage
from emulator.wire.signalling import CONTENT_TYPE, MESSAGE_TYPE

if TYPE_CHECKING:
    import os

T = TypeVar("T")


class _Background:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._serve, name="end user", daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        __tracebackhide__ = True
        if self.stopped:
            work.close()
            raise RuntimeError("this end user is closed")
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except (AssertionError, EmulatorError) as error:
            raise error.with_traceback(None) from None  # hide frames of the event loop
        finally:
            future.cancel()  # after Ctrl-C, nothing awaits it

    @property
    def stopped(self) -> bool:
        return self._loop.is_closed()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        with self._runner:  # cancels remaining tasks
            self._loop.run_forever()


class VoiceCall(CallView):
    """One end of a call."""

    def __init__(self, call: AsyncVoiceCall, background: _Background) -> None:
        super().__init__(call._state)  # noqa: SLF001  the same call
        self._call = call
        self._background = background

    def accept(self) -> None:
        """Answer the call if it is pending; return once the gateway has processed it.

        Raises:
            CallFailedError: the call has ended.
        """
        self._background.run(self._call.accept())

    def reject(self) -> None:
        """Reject the call if it is pending; return once the gateway has processed it."""
        self._background.run(self._call.reject())

    def hangup(self) -> None:
        """End the call unless it has ended; return once the gateway has processed it."""
        self._background.run(self._call.hangup())

    def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send any JSON value except None; return the message SID `KX…` once the gateway has acknowledged it.

        Raises:
            MessageRefusedError: the gateway rejected the message.
            SignallingError: the connection was lost before the acknowledgement.
        """
        sending = self._call.send_message(content, content_type=content_type, message_type=message_type)
        return self._background.run(sending)

    def wait_for(self, at_least: int = 1, *, timeout: float = 5.0, content: object = ANY) -> list[ReceivedMessage]:
        """Wait until `at_least` matching messages have been received; return all of them.

        Args:
            at_least: number of messages.
            timeout: seconds.
            content: value that the content must contain: objects match by subset, arrays must be equal.

        Raises:
            AssertionError: timeout, or the call ended first; lists the received messages.
        """
        __tracebackhide__ = True
        return self._background.run(self._call.wait_for(at_least, timeout=timeout, content=content))

    def wait_for_answer(self, *, timeout: float = 10.0) -> None:
        """Wait until the call is answered.

        Raises:
            CallFailedError: the call ended instead; `code` is the error code, if the gateway sent one.
            AssertionError: timeout, in seconds; the call still rings.
        """
        __tracebackhide__ = True
        self._background.run(self._call.wait_for_answer(timeout=timeout))

    def wait_for_hangup(self, *, timeout: float = 5.0) -> None:
        """Wait until the call has ended; `ended` is then the reason.

        Raises:
            AssertionError: timeout, in seconds; the call has not ended.
        """
        __tracebackhide__ = True
        self._background.run(self._call.wait_for_hangup(timeout=timeout))


class EndUser:
    """A simulated end user with the Voice SDK; a context manager. Thread-safe.

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
        self._user = AsyncEndUser(url, identity, token=token, account_sid=account_sid, api_key=api_key, ca=ca)
        self.url = self._user.url
        self._thread: _Background | None = None
        self._current: VoiceCall | None = None

    @property
    def identity(self) -> str:
        """The identity; once connected, the one that the gateway read from the token."""
        return self._user.identity

    @property
    def current(self) -> VoiceCall:
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

    def connect(self) -> Self:
        """Connect, and return once the end user can be called.

        Raises:
            SignallingError: the gateway rejected the token.
            UnreachableError: no emulator responds.
        """
        if self._thread is not None:
            raise RuntimeError(f"{self.identity} was connected before: make another end user")
        self._thread = _Background()
        try:
            self._thread.run(self._user.connect())
        except BaseException:
            self._thread.stop()
            raise
        return self

    def close(self) -> None:
        """End all calls and disconnect; return once the gateway has processed it. Idempotent."""
        thread = self._thread
        if thread is None or thread.stopped:
            return
        try:
            thread.run(self._user.close())
        finally:
            thread.stop()

    def reconnect(self) -> None:
        """Abort the connection, as on network loss; return once calls continue on a new connection."""
        self._background.run(self._user.reconnect())

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def dial(self, to: str = "", **parameters: str) -> VoiceCall:
        """Start a call and return once it rings; from then on it can receive messages.

        Args:
            to: an identity; if it is not connected, its configured behaviour applies (default: answer at once).
            parameters: custom parameters.

        Raises:
            CallFailedError: the call ended before it rang.
        """
        return self._remember(self._background.run(self._user.dial(to, **parameters)))

    def call(self, to: str = "", **parameters: str) -> VoiceCall:
        """Start a call and return once it is answered: `dial`, then `wait_for_answer`."""
        __tracebackhide__ = True
        call = self.dial(to, **parameters)
        call.wait_for_answer()
        return call

    def wait_for_call(self, *, timeout: float = 10.0) -> VoiceCall:
        """Wait for the next incoming call, which you accept or reject.

        Raises:
            AssertionError: timeout, in seconds; there was no call.
        """
        __tracebackhide__ = True
        return self._remember(self._background.run(self._user.wait_for_call(timeout=timeout)))

    def hangup(self) -> None:
        """End the newest call."""
        self.current.hangup()

    def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send any JSON value except None in the newest call; return the message SID `KX…` once acknowledged.

        Raises:
            MessageRefusedError: the gateway rejected the message.
        """
        return self.current.send_message(content, content_type=content_type, message_type=message_type)

    def wait_for(self, at_least: int = 1, *, timeout: float = 5.0, content: object = ANY) -> list[ReceivedMessage]:
        """Wait until `at_least` matching messages have been received in the newest call; return all of them.

        Raises:
            AssertionError: timeout, or the call ended first; lists the received messages.
        """
        __tracebackhide__ = True
        return self.current.wait_for(at_least, timeout=timeout, content=content)

    @property
    def _background(self) -> _Background:
        if self._thread is None:
            raise RuntimeError(f"{self.identity} is not connected: use it in a with statement, or call connect()")
        return self._thread

    def _remember(self, call: AsyncVoiceCall) -> VoiceCall:
        self._current = VoiceCall(call, self._background)
        return self._current


class EndUsers:
    """Factory of connected end users of one account; a context manager that closes them.

    Args:
        url: URL of the emulator.
        account_sid: account of their calls.
        api_key: SID and secret that sign their tokens; None = unsigned tokens.
    """

    def __init__(self, url: str, *, account_sid: str, api_key: tuple[str, str] | None = None) -> None:
        self._url = url
        self._options: dict[str, Any] = {"account_sid": account_sid, "api_key": api_key}
        self._stack = ExitStack()

    def __call__(self, identity: str | None = None) -> EndUser:
        """Create a connected end user; without an identity, with a random one."""
        return self._stack.enter_context(EndUser(self._url, identity or _any_name(), **self._options))

    def aio(self, identity: str | None = None) -> AsyncEndUser:
        """Create an end user for `async with`; without an identity, with a random one."""
        return AsyncEndUser(self._url, identity or _any_name(), **self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _any_name() -> str:
    return f"user-{secrets.token_hex(8)}"
