"""A `VoiceConnection` for blocking code: it runs on an event loop in a thread."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeVar

from emulator.testing.http import Address, EmulatorError
from emulator.testing.voice.calls import CallState
from emulator.testing.voice.client import VoiceClient
from emulator.testing.voice.connection import VoiceConnection

T = TypeVar("T")


class EventLoopThread:
    """An event loop in a thread."""

    def __init__(self) -> None:
        self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)
        self._loop = self._runner.get_loop()
        self._thread = threading.Thread(target=self._run_forever, name="end user", daemon=True)
        self._thread.start()

    @property
    def is_stopped(self) -> bool:
        """Whether it was stopped."""
        return self._loop.is_closed()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Run a coroutine and return its result."""
        __tracebackhide__ = True
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        try:
            return future.result()
        except (AssertionError, EmulatorError) as error:
            raise error.with_traceback(None) from None  # hide frames of the event loop
        finally:
            future.cancel()  # after Ctrl-C, nothing awaits it

    def stop(self) -> None:
        """Stop the loop, and return once the thread has ended."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()

    def _run_forever(self) -> None:
        with self._runner:  # cancels remaining tasks
            self._loop.run_forever()


class BackgroundVoiceConnection:
    """The methods of `VoiceConnection`, blocking; the thread runs from `open` to `close`."""

    def __init__(self, address: Address, client: VoiceClient) -> None:
        self._connection = VoiceConnection(address, client)
        self._client = client
        self._thread: EventLoopThread | None = None

    def open(self) -> None:
        """Connect."""
        if self._thread is not None:
            raise RuntimeError(f"{self._client.identity} was connected before: make another end user")
        self._thread = EventLoopThread()
        try:
            self._run(self._connection.open())
        except BaseException:
            self._thread.stop()
            raise

    def close(self) -> None:
        """End all calls, disconnect, and end the thread."""
        thread = self._thread
        if thread is None or thread.is_stopped:
            return
        try:
            thread.run(self._connection.close())
        finally:
            thread.stop()

    def reconnect(self) -> None:
        """Abort the connection."""
        self._run(self._connection.reconnect())

    def dial(self, to: str, parameters: Mapping[str, str]) -> CallState:
        """Start a call."""
        return self._run(self._connection.dial(to, parameters))

    def next_call(self, timeout: float) -> CallState | None:
        """Wait for the next incoming call."""
        return self._run(self._connection.next_call(timeout))

    def accept(self, call: CallState) -> None:
        """Answer a call."""
        self._run(self._connection.accept(call))

    def reject(self, call: CallState) -> None:
        """Reject a call."""
        self._run(self._connection.reject(call))

    def hang_up(self, call: CallState) -> None:
        """End a call."""
        self._run(self._connection.hang_up(call))

    def send_message(self, call: CallState, content: object, content_type: str, message_type: str) -> str:
        """Send a message."""
        return self._run(self._connection.send_message(call, content, content_type, message_type))

    def wait_until(self, condition: Callable[[], object], timeout: float) -> bool:
        """Wait until a condition is true; it is evaluated in the thread."""
        return self._run(self._connection.wait_until(condition, timeout))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        __tracebackhide__ = True
        if self._thread is None or self._thread.is_stopped:
            work.close()
            name = self._client.identity
            raise RuntimeError(
                f"{name} is not connected: use it in a with statement, or call connect()"
                if self._thread is None
                else "this end user is closed"
            )
        return self._thread.run(work)
