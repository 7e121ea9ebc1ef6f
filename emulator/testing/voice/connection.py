"""Runs a `VoiceClient` on a WebSocket: moves its frames, waits for its state, and reconnects."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from emulator.testing.http import MARGIN, Address, UnreachableError
from emulator.testing.voice.calls import CallState, CallStatus, MessageRefusedError, SignallingError, call_failed
from emulator.testing.voice.client import VoiceClient

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_SIGNAL = "/signal"
_LOOKS_FOR_PROXIES = 15
_CLOSE_TIMEOUT = 2.0  # seconds for each step of closing


class VoiceConnection:
    """The connection of a client to the gateway. `websockets` is imported on first use.

    Actions return once the gateway has processed them. They raise SignallingError when it sent an error or when the
    connection has ended, and UnreachableError when it does not respond in time.
    """

    def __init__(self, address: Address, client: VoiceClient) -> None:
        self._address = address
        self._client = client
        self._changed = asyncio.Condition()
        self._socket: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Connect, and return once the end user can be called.

        Raises:
            SignallingError: the gateway rejected the token.
            UnreachableError: no emulator responds.
        """
        if self._reading is not None or self._client.end_reason is not None:
            raise RuntimeError(f"{self._client.identity} was connected before: make another end user")
        self._socket = await self._connect()
        self._reading = asyncio.create_task(self._run(self._socket))
        try:
            await self._send_and_wait(lambda: self._client.is_registered(1))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End all calls and disconnect. Idempotent."""
        reading, self._reading = self._reading, None
        if reading is None:
            return
        self._client.leave()
        try:
            if self._client.connected:
                number = self._client.register(available=False)
                await self._flush()
                await self.wait_until(lambda: self._client.is_registered(number), _CLOSE_TIMEOUT)
        finally:
            self._client.end("it was closed")
            reading.cancel()
            await asyncio.wait([reading])
            await self._close_socket()
            await self._notify()
        if not reading.cancelled():
            reading.result()

    async def reconnect(self) -> None:
        """Abort the connection; return once calls continue on a new connection."""
        await self._ready()
        before = self._socket
        assert before is not None
        before.transport.abort()
        await self._send_and_wait(lambda: self._socket is not before and self._client.is_settled)

    async def dial(self, to: str, parameters: Mapping[str, str]) -> CallState:
        """Start a call; return it once it rings.

        Raises:
            CallFailedError: it ended before.
        """
        await self._ready()
        call = self._client.dial(to, parameters)
        await self._send_and_wait(lambda: call.status is not CallStatus.CONNECTING)
        if call.sid is None:
            raise call_failed(call)
        return call

    async def next_call(self, timeout: float) -> CallState | None:  # noqa: ASYNC109  returns a result, no error
        """Wait for the next incoming call; None when there was none."""
        incoming = self._client.incoming
        return incoming.popleft() if await self.wait_until(lambda: incoming, timeout) else None

    async def accept(self, call: CallState) -> None:
        """Answer a call if it is pending.

        Raises:
            CallFailedError: the call has ended.
        """
        await self._ready(call)
        if call.status is CallStatus.PENDING:
            self._client.accept(call)
            await self._process()
        if call.status is CallStatus.CLOSED:
            raise call_failed(call)

    async def reject(self, call: CallState) -> None:
        """Reject a call if it is pending."""
        if call.status is CallStatus.PENDING:
            self._client.reject(call)
            await self._process()

    async def hang_up(self, call: CallState) -> None:
        """End a call unless it has ended."""
        if call.status is not CallStatus.CLOSED:
            await self._ready(call)
        if call.status is not CallStatus.CLOSED:
            self._client.hang_up(call)
            await self._process()

    async def send_message(self, call: CallState, content: object, content_type: str, message_type: str) -> str:
        """Send a message; return its SID once the gateway has acknowledged it.

        Raises:
            MessageRefusedError: the gateway rejected the message.
        """
        await self._ready(call)
        sent = self._client.send_message(call, content, content_type, message_type)
        await self._send_and_wait(lambda: sent.settled)
        if sent.error is not None:
            raise MessageRefusedError(*sent.error)
        if sent.lost:
            raise SignallingError(None, f"the connection was lost before {sent.sid} was acknowledged")
        return sent.sid

    async def wait_until(self, condition: Callable[[], object], timeout: float) -> bool:  # noqa: ASYNC109  returns a result, no error
        """Wait until a condition is true or the client has ended; return the condition."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: condition() or self._client.end_reason is not None)
        return bool(condition())

    async def _ready(self, call: CallState | None = None) -> None:
        """Wait until the gateway has accepted the connection, and the call is not reconnecting."""
        client = self._client
        if self._reading is None:
            name = client.identity
            raise RuntimeError(f"{name} is not connected: use it in a with statement, or call connect()")
        await self._send_and_wait(
            lambda: client.connected and (call is None or call.status is not CallStatus.RECONNECTING)
        )

    async def _process(self) -> None:
        """Return once the gateway has processed all frames: it works in order, and answers a `register` frame."""
        number = self._client.register()
        await self._send_and_wait(lambda: self._client.is_registered(number))

    async def _send_and_wait(self, answered: Callable[[], object]) -> None:
        """Send queued frames, and wait for the immediate response of the gateway."""
        client, errors = self._client, len(self._client.errors)
        await self._flush()
        if await self.wait_until(lambda: answered() or len(client.errors) > errors, MARGIN):
            if not answered():
                raise SignallingError(*client.errors[-1])
        elif client.end_reason is not None:
            raise SignallingError(None, f"{client.identity} is not connected any more: {client.end_reason}")
        else:
            raise self._address.unreachable(TimeoutError())

    async def _run(self, socket: "ClientConnection") -> None:
        """Read frames; reconnect when the connection is lost, until the client ends."""
        client, reason = self._client, "it stopped"
        try:
            while client.will_reconnect:
                client.opened()
                await self._flush()
                reason = await self._read(socket)
                client.lost(reason)
                await self._notify()
                if client.will_reconnect:
                    self._socket = socket = await self._connect()
        except UnreachableError as error:
            reason = f"{reason}; {error}"
        finally:
            client.end(reason)
            await self._notify()

    async def _read(self, socket: "ClientConnection") -> str:
        """Process frames until the connection is lost; return the reason."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  only needed with an end user

        try:
            while True:
                self._client.receive(await socket.recv())
                await self._notify()
                await self._flush()
        except ConnectionClosed as closed:
            return str(closed)

    async def _flush(self) -> None:
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  as above

        socket = self._socket
        assert socket is not None
        for text in self._client.take():
            with suppress(ConnectionClosed):  # the reading task handles it
                await socket.send(text)

    async def _notify(self) -> None:
        """Wake the tasks that wait for a condition."""
        async with self._changed:
            self._changed.notify_all()

    async def _connect(self) -> "ClientConnection":
        from websockets.asyncio.client import connect  # noqa: PLC0415  as above
        from websockets.exceptions import InvalidHandshake  # noqa: PLC0415
        from websockets.version import version  # noqa: PLC0415

        # A proxy from the environment is not for an emulator; websockets looks for one since version 15.
        direct: dict[str, Any] = {"proxy": None} if int(version.partition(".")[0]) >= _LOOKS_FOR_PROXIES else {}
        try:
            return await connect(
                self._address.url.replace("http", "ws", 1) + _SIGNAL,
                compression=None,
                **direct,
                open_timeout=MARGIN,
                close_timeout=_CLOSE_TIMEOUT,
                ping_interval=None,
                ssl=self._address.tls,
            )
        except InvalidHandshake as error:
            raise self._address.unreachable(f"the server rejected the WebSocket: {error}") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
            raise self._address.unreachable(error) from None

    async def _close_socket(self) -> None:
        if self._socket is not None:
            await self._socket.close()
