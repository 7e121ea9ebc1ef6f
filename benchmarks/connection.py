"""A minimal keep-alive connection, so that the client adds little to the measured time."""

import re
import socket
from types import TracebackType
from typing import Self

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def body_length(head: bytes) -> int:
    """Return the Content-Length of a head."""
    found = _LENGTH.search(head)
    if found is None:
        raise RuntimeError(f"expected a content-length, got {head!r}")
    return int(found[1])


class Connection:
    """Sends complete requests and reads complete responses, in sequence."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return the socket's file descriptor, for `select`."""
        return self._socket.fileno()

    def send(self, request: bytes) -> None:
        """Send a request without reading its response."""
        self._socket.sendall(request)

    def reply(self, status: int) -> bytes:
        """Read the response to the oldest request and return its body; raise RuntimeError on any other status."""
        received = self._read(b"")
        while (end := received.find(b"\r\n\r\n")) < 0:
            received = self._read(received)
        if not received.startswith(b"HTTP/1.1 %d " % status):
            raise RuntimeError(f"expected {status}, got {received[:400]!r}")
        body_start = end + 4
        length = body_length(received[:body_start])
        while len(received) < body_start + length:
            received = self._read(received)
        return received[body_start:]

    def ask(self, request: bytes, *, status: int = 200) -> bytes:
        """Send a request; return the body of its response."""
        self.send(request)
        return self.reply(status)

    def _read(self, before: bytes) -> bytes:
        more = self._socket.recv(1 << 18)
        if not more:
            raise RuntimeError(f"the server closed the connection after {before[:400]!r}")
        return before + more
