"""Exchanges in order, found by account, call or key for what the answer costs, not for what is stored.

A track is a list of exchanges with rising `seq`. Evicted ones stay at its front until they are half of it, so that
eviction costs nothing per track; reading starts behind them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from emulator.engine.exchanges import Exchange

_seq = attrgetter("seq")
_KEYS: tuple[Callable[[Exchange], str | None], ...] = (
    attrgetter("account_sid"),
    attrgetter("call_sid"),
    attrgetter("idempotency_key"),
)
Track = list[Exchange]


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which exchanges are meant; None = any."""

    account_sid: str | None = None
    call_sid: str | None = None
    idempotency_key: str | None = None
    after: int = 0

    @property
    def keys(self) -> tuple[str | None, str | None, str | None]:
        """The values in the order of the index's keys."""
        return self.account_sid, self.call_sid, self.idempotency_key

    def matches(self, exchange: Exchange) -> bool:
        """Whether an exchange is meant."""
        return exchange.seq > self.after and all(
            wanted is None or wanted == key(exchange) for wanted, key in zip(self.keys, _KEYS, strict=True)
        )


class Selection:
    """The exchanges of a filter: how many there are, and any page of them."""

    def __init__(self, track: Track, start: int) -> None:
        self._track = track
        self._start = start

    def __len__(self) -> int:
        return len(self._track) - self._start

    def __iter__(self) -> Iterator[Exchange]:
        return islice(self._track, self._start, None)

    def page(self, limit: int, *, newest_first: bool) -> list[Exchange]:
        """The first `limit` exchanges from the wanted end."""
        if newest_first:
            return self._track[max(self._start, len(self._track) - limit) :][::-1]
        return self._track[self._start : self._start + limit]


class Index:
    """Exchanges by account, call and key."""

    def __init__(self) -> None:
        self._all: Track = []
        self._by: tuple[dict[str, Track], ...] = ({}, {}, {})
        self._oldest = 0  # what has a lower seq is evicted

    def add(self, exchange: Exchange) -> None:
        """Append an exchange, the newest."""
        self._all.append(exchange)
        for key, tracks in zip(_KEYS, self._by, strict=True):
            value = key(exchange)
            if value is not None:
                track = tracks.get(value)
                if track is None:
                    tracks[value] = [exchange]
                else:
                    track.append(exchange)

    def evict(self, exchange: Exchange) -> None:
        """Forget the oldest exchange."""
        self._oldest = exchange.seq + 1
        self._trim(self._all)
        for key, tracks in zip(_KEYS, self._by, strict=True):
            value = key(exchange)
            if value is not None:
                track = tracks[value]
                if track[-1].seq < self._oldest:
                    del tracks[value]
                else:
                    self._trim(track)

    def remove(self, gone: set[Exchange]) -> None:
        """Forget these exchanges."""
        self._all = [exchange for exchange in self._all if exchange not in gone]
        for key, tracks in zip(_KEYS, self._by, strict=True):
            for value in {key(exchange) for exchange in gone} - {None}:
                assert value is not None
                rest = [exchange for exchange in tracks.get(value, ()) if exchange not in gone]
                if rest and rest[-1].seq >= self._oldest:
                    tracks[value] = rest
                else:
                    tracks.pop(value, None)

    def select(self, wanted: Filter) -> Selection:
        """The exchanges that a filter means, oldest first."""
        tracks = [by.get(value, []) for value, by in zip(wanted.keys, self._by, strict=True) if value is not None]
        track = min(tracks, key=len, default=self._all)
        start = bisect_right(track, max(wanted.after, self._oldest - 1), key=_seq)
        if len(tracks) > 1:
            return Selection([exchange for exchange in islice(track, start, None) if wanted.matches(exchange)], 0)
        return Selection(track, start)

    def _trim(self, track: Track) -> None:
        if track[len(track) // 2].seq < self._oldest:
            del track[: bisect_left(track, self._oldest, key=_seq)]
