"""Accepts connections on all listening sockets, up to a common limit.

At the limit, new connections wait in the kernel's queue until another one ends. A connection counts from its
acceptance until its socket is closed, whatever protocol uses it and however it ends.
"""

import asyncio
import errno
import functools
import logging
import socket
from collections.abc import Callable

from emulator.engine.capacity import Bound, CapacityError

CONNECTION_SIZE = 5 * 1024
"""Bytes of memory per idle connection, measured."""
TLS_SIZE = 59 * 1024
"""Bytes that TLS adds to a connection: 45 KiB when idle, measured; more for data in its buffers."""
_AT_ONCE = 64  # connections accepted before other callbacks of the event loop run
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})
_log = logging.getLogger("emulator.server")

ProtocolFactory = Callable[[], asyncio.Protocol]


class Acceptor:
    """The listening sockets of a server, and the number of their connections.

    Attributes:
        limit: maximum number of open connections.
        open: number of open connections.
    """

    def __init__(self, limit: int, memory: Bound | None = None, retry: float = 0.5) -> None:
        """Create an acceptor without listening sockets.

        Args:
            limit: maximum number of open connections.
            memory: bound of their memory; it may lower the limit.
            retry: seconds to wait when the system has no descriptor or memory for a connection.
        """
        self.limit = limit if memory is None else min(limit, memory.max_bytes // CONNECTION_SIZE)
        self._memory = memory
        self._retry_after = retry
        self.open = 0
        self._listeners: dict[socket.socket, ProtocolFactory] = {}
        self._tls: set[int] = set()  # file descriptors of connections that count as TLS
        self._is_accepting = False
        self._opening: set[asyncio.Task[None]] = set()
        self._retry: asyncio.TimerHandle | None = None

    def add(self, listener: socket.socket, protocol: ProtocolFactory) -> None:
        """Accept connections on a listening socket.

        Args:
            listener: a non-blocking socket.
            protocol: protocol factory of the connections.
        """
        self._listeners[listener] = protocol
        if self._is_accepting:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)
        else:
            self._resume()

    def begin_tls(self, transport: asyncio.Transport) -> None:
        """Count the memory of TLS until the connection ends.

        Raises:
            CapacityError: the memory bound is reached.
        """
        if self._memory is not None:
            self._memory.charge(TLS_SIZE, 0)
            self._tls.add(transport.get_extra_info("socket").fileno())

    def close(self) -> None:
        """Close the listening sockets; connections stay open."""
        self._pause()
        if self._retry is not None:
            self._retry.cancel()
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def _resume(self) -> None:
        if self._is_accepting or self._is_full or self._retry is not None:
            return
        self._is_accepting = True
        for listener in self._listeners:
            asyncio.get_running_loop().add_reader(listener, self._accept, listener)

    @property
    def _is_full(self) -> bool:
        memory = self._memory
        has_memory = memory is None or memory.bytes + CONNECTION_SIZE <= memory.max_bytes
        return self.open >= self.limit or not has_memory

    def _pause(self) -> None:
        self._is_accepting = False
        for listener in self._listeners:
            asyncio.get_running_loop().remove_reader(listener)

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            if self._is_full:
                self._pause()
                return
            try:
                accepted, _address = listener.accept()
            except (BlockingIOError, InterruptedError):
                return
            except OSError as error:
                if error.errno in _EXHAUSTED:
                    self._wait(error)
                    return
                continue  # the client has disconnected already
            self._open(listener, accepted)

    def _open(self, listener: socket.socket, accepted: socket.socket) -> None:
        try:
            if self._memory is not None:
                self._memory.charge(CONNECTION_SIZE)
        except CapacityError as error:
            _log.warning("rejected a connection: %s", error)
            accepted.close()
            return
        self.open += 1
        connection = _CountedSocket(accepted, functools.partial(self._ended, accepted.fileno()))
        task = asyncio.get_running_loop().create_task(_connect(self._listeners[listener], connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    def _ended(self, descriptor: int) -> None:
        self.open -= 1
        if self._memory is not None:
            self._memory.release(CONNECTION_SIZE)
            if descriptor in self._tls:
                self._tls.discard(descriptor)
                self._memory.release(TLS_SIZE, 0)
        if self._listeners:
            self._resume()

    def _wait(self, error: OSError) -> None:
        _log.warning("cannot accept a connection: %s", error.strerror)
        self._pause()
        self._retry = asyncio.get_running_loop().call_later(self._retry_after, self._try_again)

    def _try_again(self) -> None:
        self._retry = None
        self._resume()


async def _connect(protocol: ProtocolFactory, connection: socket.socket) -> None:
    try:
        await asyncio.get_running_loop().connect_accepted_socket(protocol, connection)
    except OSError:  # the client has disconnected already
        connection.close()


class _CountedSocket(socket.socket):
    """A socket that reports its end once: asyncio closes it; uvloop detaches it and closes the descriptor."""

    def __init__(self, accepted: socket.socket, ended: Callable[[], None]) -> None:
        super().__init__(accepted.family, accepted.type, accepted.proto, accepted.detach())
        self._ended: Callable[[], None] | None = ended

    def close(self) -> None:
        super().close()
        self._report()

    def detach(self) -> int:
        descriptor = super().detach()
        self._report()
        return descriptor

    def _report(self) -> None:
        ended, self._ended = self._ended, None
        if ended is not None:
            ended()
