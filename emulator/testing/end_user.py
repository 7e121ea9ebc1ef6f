"""The end user of a Voice SDK, simulated, for tests that block. The same as `async_end_user.py`, run in a thread."""

import asyncio
import secrets
import threading
from collections.abc import Coroutine
from contextlib import ExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from emulator.testing.async_end_user import AsyncEndUser, AsyncVoiceCall
from emulator.testing.http import EmulatorError
from emulator.testing.phone_calls import ANY, CallView, ReceivedMessage
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
            raise error.with_traceback(None) from None  # the loop's own lines explain nothing
        finally:
            future.cancel()  # after ctrl-C nobody waits for it

    @property
    def stopped(self) -> bool:
        return self._loop.is_closed()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _serve(self) -> None:
        with self._runner:  # which ends what is left
            self._loop.run_forever()


class VoiceCall(CallView):
    """One end of a call."""

    def __init__(self, call: AsyncVoiceCall, background: _Background) -> None:
        super().__init__(call._state)  # noqa: SLF001  the same call
        self._call = call
        self._background = background

    def accept(self) -> None:
        """Answer it, if it is pending; the gateway knows when this returns.

        Raises:
            CallFailedError: it is over.
        """
        self._background.run(self._call.accept())

    def reject(self) -> None:
        """Do not answer it, if it is pending; the gateway knows when this returns."""
        self._background.run(self._call.reject())

    def hangup(self) -> None:
        """End it, unless it is over; the gateway knows when this returns."""
        self._background.run(self._call.hangup())

    def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send any JSON value but None; returns the message's `KX…` once the gateway has acknowledged it.

        Raises:
            MessageRefusedError: it did not.
        """
        sending = self._call.send_message(content, content_type=content_type, message_type=message_type)
        return self._background.run(sending)

    def wait_for(self, at_least: int = 1, *, timeout: float = 5.0, content: object = ANY) -> list[ReceivedMessage]:
        """Wait until so many messages came, and return all of them.

        Args:
            at_least: how many.
            timeout: seconds.
            content: only those whose content holds this value: objects by subset, arrays whole.

        Raises:
            AssertionError: they did not come in time, or the call ended before; says what came instead.
        """
        __tracebackhide__ = True
        return self._background.run(self._call.wait_for(at_least, timeout=timeout, content=content))

    def wait_for_answer(self, *, timeout: float = 10.0) -> None:
        """Wait until it is open.

        Raises:
            CallFailedError: it ended instead; `code` says why, if the gateway gave one.
            AssertionError: it still rings.
        """
        __tracebackhide__ = True
        self._background.run(self._call.wait_for_answer(timeout=timeout))

    def wait_for_hangup(self, *, timeout: float = 5.0) -> None:
        """Wait until it is over; `ended` says why it is.

        Raises:
            AssertionError: it is not.
        """
        __tracebackhide__ = True
        self._background.run(self._call.wait_for_hangup(timeout=timeout))


class EndUser:
    """A user of an application with the Voice SDK; a context manager. Threads may share it.

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
        self._user = AsyncEndUser(url, identity, token=token, account_sid=account_sid, api_key=api_key, ca=ca)
        self.url = self._user.url
        self._thread: _Background | None = None
        self._current: VoiceCall | None = None

    @property
    def identity(self) -> str:
        """Its name; once it is connected the one that the gateway read in its token."""
        return self._user.identity

    @property
    def current(self) -> VoiceCall:
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

    def connect(self) -> Self:
        """Return once it can be called.

        Raises:
            SignallingError: the gateway refuses its token.
            UnreachableError: no emulator answers.
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
        """Hang up, and return once the gateway knows that it is gone; again, do nothing."""
        thread = self._thread
        if thread is None or thread.stopped:
            return
        try:
            thread.run(self._user.close())
        finally:
            thread.stop()

    def reconnect(self) -> None:
        """Lose the socket, as in a tunnel, and return once calls go on on another one."""
        self._background.run(self._user.reconnect())

    def __enter__(self) -> Self:
        return self.connect()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def dial(self, to: str = "", **parameters: str) -> VoiceCall:
        """Call somebody and return once it rings: from then on a message reaches the call.

        Args:
            to: an identity; one that is not connected does what the emulator was told, else answers at once.
            parameters: custom parameters.

        Raises:
            CallFailedError: there will be no such call.
        """
        return self._remember(self._background.run(self._user.dial(to, **parameters)))

    def call(self, to: str = "", **parameters: str) -> VoiceCall:
        """Call somebody and return once it is answered: `dial`, then `wait_for_answer`."""
        __tracebackhide__ = True
        call = self.dial(to, **parameters)
        call.wait_for_answer()
        return call

    def wait_for_call(self, *, timeout: float = 10.0) -> VoiceCall:
        """The next incoming call, which is to be accepted or rejected.

        Raises:
            AssertionError: nobody called.
        """
        __tracebackhide__ = True
        return self._remember(self._background.run(self._user.wait_for_call(timeout=timeout)))

    def hangup(self) -> None:
        """End the newest call."""
        self.current.hangup()

    def send_message(
        self, content: object, *, content_type: str = CONTENT_TYPE, message_type: str = MESSAGE_TYPE
    ) -> str:
        """Send in the newest call any JSON value but None; returns the message's `KX…` once it is acknowledged.

        Raises:
            MessageRefusedError: it was refused.
        """
        return self.current.send_message(content, content_type=content_type, message_type=message_type)

    def wait_for(self, at_least: int = 1, *, timeout: float = 5.0, content: object = ANY) -> list[ReceivedMessage]:
        """Wait until so many messages came in the newest call, and return all of them.

        Raises:
            AssertionError: they did not come in time, or the call ended before; says what came instead.
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
    """Makes end users of one account, each connected and with a name that no other test uses; closes them at the end.

    Args:
        url: where the emulator listens.
        account_sid: whose their calls are.
        api_key: SID and secret to sign their tokens with; None = they are not signed.
    """

    def __init__(self, url: str, *, account_sid: str, api_key: tuple[str, str] | None = None) -> None:
        self._url = url
        self._options: dict[str, Any] = {"account_sid": account_sid, "api_key": api_key}
        self._stack = ExitStack()

    def __call__(self, identity: str | None = None) -> EndUser:
        """A connected one; None = of any name."""
        return self._stack.enter_context(EndUser(self._url, identity or _any_name(), **self._options))

    def aio(self, identity: str | None = None) -> AsyncEndUser:
        """One for `async with`."""
        return AsyncEndUser(self._url, identity or _any_name(), **self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _any_name() -> str:
    return f"user-{secrets.token_hex(8)}"
