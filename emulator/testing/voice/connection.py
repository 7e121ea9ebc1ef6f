"""Runs a `VoiceClient` on a WebSocket: moves its frames, waits for its state, and reconnects."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from emulator.testing.http import MARGIN, Address, UnreachableError
from emulator.testing.voice.calls import CallState, CallStatus, SignallingError
from emulator.testing.voice.client import VoiceClient

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

_SIGNAL = "/signal"
_LOOKS_FOR_PROXIES = 15
_FAREWELL = 2.0  # seconds for each step of closing


class VoiceConnection:
    """The connection of a client to the gateway. `websockets` is imported on first use."""

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
        if self._reading is not None or self._client.gone is not None:
            raise RuntimeError(f"{self._client.identity} was connected before: make another end user")
        self._socket = await self._connect()
        self._reading = asyncio.create_task(self._live(self._socket))
        try:
            await self.ask(lambda: self._client.answered(1))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """End all calls and disconnect; return once the gateway has processed it. Idempotent."""
        reading, self._reading = self._reading, None
        if reading is None:
            return
        self._client.leave()
        try:
            if self._client.connected:
                number = self._client.register(available=False)
                await self._flush()
                await self.until(lambda: self._client.answered(number), _FAREWELL)
        finally:
            self._client.vanish("it was closed")
            reading.cancel()
            await asyncio.wait([reading])
            await self._shut()
            await self._tell()
        if not reading.cancelled():
            reading.result()

    async def drop(self) -> None:
        """Abort the connection; return once calls continue on a new connection."""
        await self.ready()
        before = self._socket
        assert before is not None
        before.transport.abort()
        await self.ask(lambda: self._socket is not before and self._client.settled)

    async def ready(self, call: CallState | None = None) -> None:
        """Wait until the gateway has accepted the connection, and the call is not reconnecting."""
        if self._reading is None:
            name = self._client.identity
            raise RuntimeError(f"{name} is not connected: use it in a with statement, or call connect()")
        await self.ask(lambda: self._client.connected and (call is None or call.status is not CallStatus.RECONNECTING))

    async def settle(self) -> None:
        """Return once the gateway has processed all frames: it works in order, and answers a `register` frame."""
        number = self._client.register()
        await self.ask(lambda: self._client.answered(number))

    async def ask(self, answered: Callable[[], object]) -> None:
        """Send queued frames, and wait for the immediate response of the gateway.

        Raises:
            SignallingError: the gateway sent an error, or the connection has ended.
            UnreachableError: timeout.
        """
        client, refused = self._client, len(self._client.errors)
        await self._flush()
        if await self.until(lambda: answered() or len(client.errors) > refused, MARGIN):
            if not answered():
                raise SignallingError(*client.errors[-1])
        elif client.gone is not None:
            raise SignallingError(None, f"{client.identity} is not connected any more: {client.gone}")
        else:
            raise self._address.unreachable(TimeoutError())

    async def until(self, true: Callable[[], object], timeout: float) -> bool:  # noqa: ASYNC109  returns a result, no error
        """Wait until a condition is true or the client has ended; return the condition."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout), self._changed:
                await self._changed.wait_for(lambda: true() or self._client.gone is not None)
        return bool(true())

    async def _live(self, socket: "ClientConnection") -> None:
        """Read frames; reconnect when the connection is lost, until the client ends."""
        client, reason = self._client, "it stopped"
        try:
            while client.returns:
                client.opened()
                await self._flush()
                reason = await self._read(socket)
                client.lost(reason)
                await self._tell()
                if client.returns:
                    self._socket = socket = await self._connect()
        except UnreachableError as error:
            reason = f"{reason}; {error}"
        finally:
            client.vanish(reason)
            await self._tell()

    async def _read(self, socket: "ClientConnection") -> str:
        """Process frames until the connection is lost; return the reason."""
        from websockets.exceptions import ConnectionClosed  # noqa: PLC0415  only needed with a client

        try:
            while True:
                self._client.receive(await socket.recv())
                await self._tell()
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

    async def _tell(self) -> None:
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
                close_timeout=_FAREWELL,
                ping_interval=None,
                ssl=self._address.tls,
            )
        except InvalidHandshake as error:
            raise self._address.unreachable(f"what answers there takes no Voice SDK: {error}") from None
        except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
            raise self._address.unreachable(error) from None

    async def _shut(self) -> None:
        if self._socket is not None:
            await self._socket.close()
