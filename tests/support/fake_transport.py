"""A transport without a network: it keeps what is written, and the test decides when the client reads."""

import asyncio
import socket
from typing import Any


class FakeSocket:
    """The socket options that the server sets and reads."""

    def __init__(self) -> None:
        self.error = 0
        self.is_closed = False
        self.lingers = True

    def getsockopt(self, _level: int, _option: int) -> int:
        if self.is_closed:
            raise OSError
        return self.error

    def setsockopt(self, _level: int, option: int, _value: bytes) -> None:
        if self.is_closed:
            raise OSError
        assert option == socket.SO_LINGER
        self.lingers = False


class FakeTransport(asyncio.Transport):
    """One connection as its protocol sees it.

    Args:
        is_secure: whether it looks like TLS, which cannot be closed by half.
    """

    def __init__(self, *, is_secure: bool = False) -> None:
        super().__init__()
        self.socket = FakeSocket()
        self.written = b""
        self.buffered = 0
        self.reads = True
        """Whether the client reads what is written."""
        self.is_reading_paused = False
        self.is_closed = False
        self.is_aborted = False
        self.has_eof = False
        self.protocol: asyncio.BaseProtocol | None = None
        self._is_secure = is_secure
        self._is_paused = False

    def get_extra_info(self, name: str, default: Any = None) -> Any:  # noqa: ANN401
        infos = {
            "socket": self.socket,
            "sslcontext": object() if self._is_secure else None,
            "peername": ("127.0.0.1", 4000),
            "sockname": ("127.0.0.1", 2010),
        }
        return infos.get(name, default)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self.protocol is not None
        return self.protocol

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        assert (high, low) == (int(self._is_secure), 0)

    def get_write_buffer_size(self) -> int:
        return self.buffered

    def write(self, data: bytes | bytearray | memoryview) -> None:
        assert not self.has_eof, "written after EOF"
        assert not self.is_closed, "written to a closed transport"
        self.written += bytes(data)
        if not self.reads:
            self.buffered += len(data)
            if not self._is_paused:
                self._is_paused = True
                self.get_protocol().pause_writing()

    def drain(self) -> None:
        """The client reads all that was written."""
        self.reads = True
        self.buffered = 0
        if self._is_paused:
            self._is_paused = False
            self.get_protocol().resume_writing()

    def can_write_eof(self) -> bool:
        return not self._is_secure

    def write_eof(self) -> None:
        self.has_eof = True

    def close(self) -> None:
        self.is_closed = True

    def abort(self) -> None:
        self.is_closed = self.is_aborted = True
        self.buffered = 0

    def is_closing(self) -> bool:
        return self.is_closed

    def pause_reading(self) -> None:
        assert not self.is_reading_paused
        self.is_reading_paused = True

    def resume_reading(self) -> None:
        assert self.is_reading_paused
        self.is_reading_paused = False

    @property
    def is_reset(self) -> bool:
        """Whether the client gets RST."""
        return self.is_aborted and not self.socket.lingers
