"""Lines: the connected Voice SDKs, each a user on one socket. Disconnect a client that stops reading."""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from emulator.engine.capacity import Bound, CapacityError, MemoryAccount, size_of
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire.signalling.server_frames import Delivered, Incoming, Sent

MAX_BEHIND = 1_000
MAX_BYTES_BEHIND = 1024**2
_OVERHEAD = 1_500  # measured: a line and its place by identity
_FRAME = 1_500  # a frame with SDP
GRACE = 30.0
"""Seconds for which a call outlives its socket, at most and by default (pstream.ts: MAX_RECONNECT_TIMEOUT_ALLOWED)."""


def _nothing() -> None:
    pass


@dataclass(slots=True, eq=False)
class ClientConnection:
    """A user on a socket.

    Attributes:
        cut: ends the connection at once; called when the user is given up.
        identity: who it is, once it said so.
        account_sid: from its token; None = every account's.
        grace: seconds for which its calls outlive it.
        registered: it can be called.
        aliases: CallSids by the names that the client gave its calls.
        closed: why no more is said, once it is so.
        handovers: of the messages that were not written to the socket yet.
        bound: what its frames are charged to while it is connected.
    """

    cut: Callable[[], None] = _nothing
    identity: str = ""
    account_sid: str | None = None
    grace: float = GRACE
    registered: bool = False
    aliases: dict[str, str] = field(default_factory=dict)
    closed: str | None = None
    handovers: list[DeliveryStatus] = field(default_factory=list)
    bound: Bound | None = None
    _bytes: int = 0
    _outbox: deque[Sent] = field(default_factory=deque)
    _wake: asyncio.Event = field(default_factory=asyncio.Event)

    def put(self, frame: Sent) -> None:
        """Say something, or give the user up when it is too far behind."""
        if self.closed is not None:
            return
        try:
            self._charge(frame)
        except CapacityError as error:
            self.close(f"it does not read: {error}")
            self.take()
            self.cut()
            return
        self._outbox.append(frame)
        self._wake.set()

    def _charge(self, frame: Sent) -> None:
        if len(self._outbox) >= MAX_BEHIND:
            raise CapacityError("frames", MAX_BEHIND, "read them")
        size = _FRAME
        if isinstance(frame, Delivered):
            size += size_of(frame.content)
        elif isinstance(frame, Incoming):
            size += size_of(dict(frame.custom))
        if self._bytes + size > MAX_BYTES_BEHIND:
            raise CapacityError("frames", MAX_BYTES_BEHIND, "read them", "bytes")
        if self.bound is not None:
            self.bound.charge(size, 0)
            self._bytes += size

    def close(self, reason: str) -> None:
        """Say no more than what is there."""
        self.closed = reason
        self._wake.set()

    async def wait(self) -> None:
        """Return once there is something to take, or the end."""
        await self._wake.wait()

    def take(self) -> list[Sent]:
        """All frames that are there."""
        taken = list(self._outbox)
        self._outbox.clear()
        self.release()
        if self.closed is None:
            self._wake.clear()
        return taken

    def release(self) -> None:
        """Charge its frames no longer."""
        if self.bound is not None:
            self.bound.release(self._bytes, 0)
            self._bytes = 0

    def belongs_to(self, account_sid: str | None) -> bool:
        """Whether an account may reach it; None = every account."""
        return account_sid is None or self.account_sid in (None, account_sid)


class ClientConnections:
    """All lines, found by identity."""

    def __init__(self, account: MemoryAccount) -> None:
        self._bound = account["connected_users"]
        self._by_identity: defaultdict[str, dict[ClientConnection, None]] = defaultdict(dict)

    def __len__(self) -> int:
        return self._bound.entries

    def __iter__(self) -> Iterator[ClientConnection]:
        for lines in self._by_identity.values():
            yield from lines

    def __contains__(self, line: ClientConnection) -> bool:
        return line in self._by_identity.get(line.identity, ())

    def put(self, line: ClientConnection, identity: str) -> None:
        """Connect a line, or give it another identity.

        Raises:
            CapacityError: too many are connected.
        """
        self.remove(line)
        self._bound.charge(_OVERHEAD)
        line.bound, line.identity = self._bound, identity
        self._by_identity[identity][line] = None

    def remove(self, line: ClientConnection) -> None:
        """Disconnect a line; no error when it is not connected."""
        if line not in self:
            return
        lines = self._by_identity[line.identity]
        del lines[line]
        line.release()
        line.bound = None
        self._bound.release(_OVERHEAD)
        if not lines:
            del self._by_identity[line.identity]

    def callable(self, identity: str, account_sid: str | None) -> list[ClientConnection]:
        """The lines that ring when somebody of this account calls."""
        lines = self._by_identity.get(identity, ())
        return [line for line in lines if line.registered and line.belongs_to(account_sid)]
