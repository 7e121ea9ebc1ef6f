"""The journal: all exchanges in order, within a bound of the memory account. Evicted exchanges are counted."""

from collections.abc import Iterable
from operator import attrgetter

from emulator.engine.capacity import MemoryAccount
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.journal.index import Index, Selection

_HEADS_SHARED = 1024
_LONGEST_SHARED = 4096


class Journal:
    """Exchanges by position, by id, and by owner."""

    def __init__(self, account: MemoryAccount) -> None:
        self._bound = account["journal"]
        self._bound.evict = self._evict
        self._by_id: dict[str, Exchange] = {}  # the newest, if a repeated seed produced an id twice
        self._heads: dict[bytes, bytes] = {}
        self._messages = Index()  # exchanges that created a message
        self._others = Index()
        self.last_seq = 0
        self.evicted = 0
        self.evicted_through = 0  # the highest seq that was evicted

    @property
    def oldest_seq(self) -> int:
        """Position of the oldest stored exchange; the next position when the journal is empty."""
        oldest = self._oldest()
        return self.last_seq + 1 if oldest is None else oldest.seq

    def share(self, head: bytes) -> bytes:
        """Return one shared object for equal heads: clients repeat them, and they are most of an exchange's memory."""
        if len(head) > _LONGEST_SHARED:
            return head
        if len(self._heads) >= _HEADS_SHARED:
            self._heads.clear()
        return self._heads.setdefault(head, head)

    def append(self, exchange: Exchange) -> None:
        """Append an exchange whose seq is `last_seq` + 1; evict the oldest while the journal exceeds its bounds."""
        assert exchange.seq == self.last_seq + 1, "places are given in order"
        self.last_seq = exchange.seq
        self._by_id[exchange.id] = exchange
        self._index_of(exchange).add(exchange)
        self._bound.hold(exchange.size)

    def _index_of(self, exchange: Exchange) -> Index:
        return self._messages if exchange.created else self._others

    def _oldest(self) -> Exchange | None:
        message, other = self._messages.oldest(), self._others.oldest()
        if message is None or other is None:
            return message or other
        return min(message, other, key=attrgetter("seq"))

    def _evict(self) -> None:
        oldest = self._oldest()
        assert oldest is not None
        self._index_of(oldest).evict(oldest)
        self._let_go(oldest)
        self.evicted += 1
        self.evicted_through = oldest.seq

    def get(self, hex_id: str) -> Exchange | None:
        """Return the exchange with this id (the hex part of a request id or of a message SID)."""
        return self._by_id.get(hex_id)

    def requests(self, wanted: MessageFilter) -> Selection:
        """Select all exchanges that match a filter."""
        return self._messages.select(wanted) | self._others.select(wanted)

    def messages(self, wanted: MessageFilter) -> Selection:
        """Select the exchanges that created a message and match a filter."""
        return self._messages.select(wanted)

    def clear(self) -> list[Exchange]:
        """Remove and return all exchanges, oldest first. Numbering continues."""
        gone = self.requests(MessageFilter()).candidates()
        self._bound.release(self._bound.bytes, self._bound.entries)
        self._by_id, self._messages, self._others = {}, Index(), Index()
        self.evicted = self.evicted_through = 0
        return gone

    def newest(self, limit: int) -> list[Exchange]:
        """Return at most `limit` exchanges, newest first."""
        return self.requests(MessageFilter()).page(limit, newest_first=True)

    def holds(self, exchange: Exchange) -> bool:
        """Whether an appended exchange was neither evicted nor removed."""
        return self._index_of(exchange).holds(exchange)

    def remove(self, exchanges: Iterable[Exchange]) -> None:
        """Remove exchanges that the journal holds."""
        gone = set(exchanges)
        created = {exchange for exchange in gone if exchange.created}
        self._messages.remove(created)
        self._others.remove(gone - created)
        for exchange in gone:
            self._let_go(exchange)

    def _let_go(self, exchange: Exchange) -> None:
        if self._by_id.get(exchange.id) is exchange:
            del self._by_id[exchange.id]
        self._bound.release(exchange.size)
