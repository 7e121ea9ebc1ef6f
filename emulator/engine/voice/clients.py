"""Connected Voice SDK clients, each an identity on one socket. Disconnect a client that stops reading."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emulator.engine.capacity import Bound, CapacityError, MemoryAccount, size_of
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire.signalling.server_frames import ServerFrame, ServerInvite, ServerMessage

MAX_BEHIND = 1_000
MAX_BYTES_BEHIND = 1024**2
_OVERHEAD = 1_500  # bytes, measured: a connection and its index entry
_FRAME = 1_500  # bytes: a frame with SDP
GRACE = 30.0
"""Maximum and default seconds for which a call outlives its socket (pstream.ts: MAX_RECONNECT_TIMEOUT_ALLOWED)."""


def _nothing() -> None:
    pass


@dataclass(slots=True, eq=False)
class ClientConnection:
    """The connection of a client.

    Attributes:
        abort: aborts the socket; called when the client stops reading.
        identity: identity of the client; empty until it connects with one.
        account_sid: from its token; None = every account.
        grace: seconds for which its calls outlive the socket.
        registered: whether it accepts calls.
        aliases: CallSids by the client's own call ids.
        closed: reason for closing; None while open.
        undelivered: delivery statuses of the messages not yet written to the socket.
        bound: memory bound of its queued frames while it is connected.
    """

    abort: Callable[[], None] = _nothing
    identity: str = ""
    account_sid: str | None = None
    grace: float = GRACE
    registered: bool = False
    aliases: dict[str, str] = field(default_factory=dict)
    closed: str | None = None
    undelivered: list[DeliveryStatus] = field(default_factory=list)
    bound: Bound | None = None
    _bytes: int = 0
    _outbox: deque[ServerFrame] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame: ServerFrame) -> None:
        """Queue a frame; abort the connection when the client has too many unread frames."""
        if self.closed is not None:
            return
        try:
            self._charge(frame)
        except CapacityError as error:
            self.close(f"it does not read: {error}")
            self.take()
            self.abort()
            return
        self._outbox.append(frame)
        self._wake.set()

    def _charge(self, frame: ServerFrame) -> None:
        if len(self._outbox) >= MAX_BEHIND:
            raise CapacityError("frames", MAX_BEHIND, "read them")
        size = _FRAME
        if isinstance(frame, ServerMessage):
            size += size_of(frame.content)
        elif isinstance(frame, ServerInvite):
            size += size_of(dict(frame.custom))
        if self._bytes + size > MAX_BYTES_BEHIND:
            raise CapacityError("frames", MAX_BYTES_BEHIND, "read them", "bytes")
        if self.bound is not None:
            self.bound.charge(size, 0)
            self._bytes += size

    def close(self, reason: str) -> None:
        """Accept no more frames; queued frames remain to be taken."""
        self.closed = reason
        self._wake.set()

    async def wait(self) -> None:
        """Return once frames are queued or the connection is closed."""
        await self._wake.wait()

    def take(self) -> list[ServerFrame]:
        """Remove and return all queued frames."""
        taken = list(self._outbox)
        self._outbox.clear()
        self.release()
        if self.closed is None:
            self._wake.clear()
        return taken

    def release(self) -> None:
        """Release the memory charged for its frames."""
        if self.bound is not None:
            self.bound.release(self._bytes, 0)
            self._bytes = 0

    def belongs_to(self, account_sid: str | None) -> bool:
        """Whether an account may reach this client; None = any account."""
        return account_sid is None or self.account_sid in (None, account_sid)


class ClientConnections:
    """All connections, by identity."""

    def __init__(self, account: MemoryAccount) -> None:
        self._bound = account["connected_users"]
        self._by_identity: defaultdict[str, dict[ClientConnection, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return self._bound.entries

    def __iter__(self) -> Iterator[ClientConnection]:
        for connections in self._by_identity.values():
            yield from connections

    def __contains__(self, connection: ClientConnection) -> bool:
        return connection in self._by_identity.get(connection.identity, ())

    def put(self, connection: ClientConnection, identity: str) -> None:
        """Add a connection, or change its identity.

        Raises:
            CapacityError: too many clients are connected.
        """
        self.remove(connection)
        self._bound.charge(_OVERHEAD)
        connection.bound, connection.identity = self._bound, identity
        self._by_identity[identity][connection] = None

    def remove(self, connection: ClientConnection) -> None:
        """Remove a connection; no error when it is not present."""
        if connection not in self:
            return
        connections = self._by_identity[connection.identity]
        del connections[connection]
        connection.release()
        connection.bound = None
        self._bound.release(_OVERHEAD)
        if not connections:
            del self._by_identity[connection.identity]

    def callable(self, identity: str, account_sid: str | None) -> list[ClientConnection]:
        """Return the registered connections of an identity that this account may reach."""
        connections = self._by_identity.get(identity, ())
        return [
            connection for connection in connections if connection.registered and connection.belongs_to(account_sid)
        ]
