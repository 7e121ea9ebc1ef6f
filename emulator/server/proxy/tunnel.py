"""Two connections whose bytes go through to each other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class IdleTimeouts:
    """Seconds that a tunnel may be silent: open, and once a side has ended."""

    open: float = 600.0
    half_closed: float = 60.0


class Tunnel:
    """Both ends, and the time since one of them spoke."""

    def __init__(self, patience: IdleTimeouts, ended: Callable[["Tunnel"], None]) -> None:
        self.near, self.far = _End(self), _End(self)
        self.near.other, self.far.other = self.far, self.near
        self._patience = patience
        self._ended = ended
        self._loop = asyncio.get_running_loop()
        self._heard = self._loop.time()
        self._timer = self._loop.call_later(patience.half_closed, self._look)

    def begin(self, near: asyncio.Transport, received: bytes) -> None:
        """Let bytes through; the far end is connected.

        Args:
            near: the other connection, its reading paused.
            received: what was read from it already.
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
        """One of them spoke."""
        self._heard = self._loop.time()

    def close(self) -> None:
        """End both, after what is on its way."""
        self.heard()
        for transport in self._transports():
            transport.close()
        if not self._transports():
            self._timer.cancel()
            self._ended(self)

    def abort(self) -> None:
        """End both now."""
        for transport in self._transports():
            transport.abort()

    def _transports(self) -> list[asyncio.Transport]:
        return [end.transport for end in (self.near, self.far) if end.transport is not None]

    def _look(self) -> None:
        """Abort what was silent for too long; a half-closed tunnel, or one that cannot close, sooner."""
        half = any(end.ended or (end.transport and end.transport.is_closing()) for end in (self.near, self.far))
        left = self._heard + (self._patience.half_closed if half else self._patience.open) - self._loop.time()
        if left <= 0:
            self.abort()
        else:
            self._timer = self._loop.call_later(min(left, self._patience.half_closed), self._look)


class _End(asyncio.Protocol):
    """One of the two connections."""

    other: "_End"

    def __init__(self, tunnel: Tunnel) -> None:
        self.transport: asyncio.Transport | None = None
        self.early: list[bytes] = []
        self.ended = False
        self._tunnel = tunnel

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Wait for the other one."""
        self.transport = transport
        transport.pause_reading()

    def data_received(self, data: bytes) -> None:
        """Pass it on."""
        self._tunnel.heard()
        if self.other.transport is not None:
            self.other.transport.write(data)
        else:
            self.early.append(data)

    def eof_received(self) -> bool:
        """This side has said all; the other one may go on."""
        self.ended = True
        self._tunnel.heard()
        if self.other.ended:
            self._tunnel.close()
        elif self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.write_eof()
        return True

    def pause_writing(self) -> None:
        """This side does not keep up: the other one must wait."""
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.pause_reading()

    def resume_writing(self) -> None:
        """It does again."""
        if self.other.transport is not None and not self.other.transport.is_closing():
            self.other.transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002  the base's signature
        """This side is gone: so is the tunnel."""
        self.transport = None
        self._tunnel.close()
