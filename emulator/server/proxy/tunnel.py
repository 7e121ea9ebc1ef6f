"""A tunnel: forwards bytes between two connections."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTimeouts:
    """Seconds that a tunnel may be idle: while open, and once one side has sent EOF."""

    open: float = 600.0
    half_closed: float = 60.0


class Tunnel:
    """Both ends of a tunnel, and its idle timeout."""

    def __init__(self, patience: IdleTimeouts, ended: Callable[["Tunnel"], None]) -> None:
        self.near, self.far = _End(self), _End(self)
        self.near.other, self.far.other = self.far, self.near
        self._patience = patience
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(patience.half_closed, self._look)

    def begin(self, near: asyncio.Transport, received: bytes) -> None:
        """Start forwarding; the far end is connected.

        Args:
            near: the client's connection, with reading paused.
            received: data already read from it.
        """
        near.set_protocol(self.near)
        self.near.transport = near
        near.write(b"".join(self.far.early))
        if self.far.transport is None:  # lost already
            near.close()
            return
        if received:
            self.far.transport.write(received)
        for transport in (near, self.far.transport):
            transport.resume_reading()

    def heard(self) -> None:
        """Restart the idle timeout."""
        self._heard = self._loop.time()

    def close(self) -> None:
        """Close both connections after sending buffered data."""
        self.heard()
        for transport in self._transports():
            transport.close()
        if not self._transports():
            self._timer.cancel()
            self._ended(self)

    def abort(self) -> None:
        """Abort both connections."""
        for transport in self._transports():
            transport.abort()

    def _transports(self) -> list[asyncio.Transport]:
        return [end.transport for end in (self.near, self.far) if end.transport is not None]

    def _look(self) -> None:
        """Abort the tunnel if it was idle for too long; sooner if it is half-closed or closing."""
        half = any(end.ended or (end.transport and end.transport.is_closing()) for end in (self.near, self.far))
        left = self._heard + (self._patience.half_closed if half else self._patience.open) - self._loop.time()
        if left <= 0:
            self.abort()
        else:
            self._timer = self._loop.call_later(min(left, self._patience.half_closed), self._look)


class _End(asyncio.Protocol):
    """One connection of a tunnel."""

    other: "_End"

    def __init__(self, tunnel: Tunnel) -> None:
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []
        self.ended = False
        self._tunnel = tunnel

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Pause reading until the other end is connected."""
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Forward the data, or keep it until the other end is connected."""
        self._tunnel.heard()
        if self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.early.append(data)

    def eof_received(self) -> bool:
        """Forward EOF; keep the other direction open."""
        self.ended = True
        self._tunnel.heard()
        if self.other.ended:
            self._tunnel.close()
        elif self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """Pause reading from the other end."""
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """Resume reading from the other end."""
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """Close the tunnel."""
        self.transport = None
        self._tunnel.close()
