"""Exchanges in order, found by account, call or key for what the answer costs, not for what is stored.

A track is a list of exchanges with rising `seq`. Evicted ones stay at its front until they are a sixteenth of it, so
that eviction costs next to nothing per track; reading starts behind them.
"""

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterator
from itertools import islice
from operator import attrgetter

from emulator.engine.exchanges import Exchange
from emulator.engine.filters import Filter, keys_of

_seq = attrgetter("seq")
_TOLERATED = 16
Track = list[Exchange]
Tracks = defaultdict[str, Track]


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
        self._by: tuple[Tracks, Tracks, Tracks] = (defaultdict(list), defaultdict(list), defaultdict(list))
        self._oldest = 0  # what has a lower seq is evicted

    def add(self, exchange: Exchange) -> None:
        """Append an exchange, the newest."""
        self._all.append(exchange)
        account_sid, call_sid, key = keys_of(exchange)
        by_account, by_call, by_key = self._by  # spelt out: this is the hot path
        if account_sid is not None:
            by_account[account_sid].append(exchange)
        if call_sid is not None:
            by_call[call_sid].append(exchange)
        if key is not None:
            by_key[key].append(exchange)

    def evict(self, exchange: Exchange) -> None:
        """Forget the oldest exchange."""
        self._oldest = exchange.seq + 1
        self._trim(self._all)
        for value, tracks in zip(keys_of(exchange), self._by, strict=True):
            if value is not None:
                track = tracks[value]
                if track[-1].seq < self._oldest:
                    del tracks[value]
                else:
                    self._trim(track)

    def remove(self, gone: set[Exchange]) -> None:
        """Forget these exchanges."""
        self._all = self._rest(self._all, gone)
        for place, tracks in enumerate(self._by):
            for value in {keys_of(exchange)[place] for exchange in gone} - {None}:
                assert value is not None
                rest = self._rest(tracks.pop(value), gone)
                if rest:
                    tracks[value] = rest

    def newest(self, limit: int) -> list[Exchange]:
        """The newest exchanges, newest first."""
        return [exchange for exchange in self._all[: -limit - 1 : -1] if exchange.seq >= self._oldest]

    def oldest(self) -> Exchange | None:
        """The oldest exchange that is kept."""
        start = bisect_left(self._all, self._oldest, key=_seq)
        return self._all[start] if start < len(self._all) else None

    def select(self, wanted: Filter) -> Selection:
        """The exchanges that a filter means, oldest first."""
        tracks = [by.get(value, []) for value, by in zip(wanted.keys, self._by, strict=True) if value is not None]
        track = min(tracks, key=len, default=self._all)
        start = bisect_right(track, max(wanted.after, self._oldest - 1), key=_seq)
        if len(tracks) > 1 or wanted.needs_a_look:
            return Selection([exchange for exchange in islice(track, start, None) if wanted.matches(exchange)], 0)
        return Selection(track, start)

    def _rest(self, track: Track, gone: set[Exchange]) -> Track:
        return [exchange for exchange in track if exchange.seq >= self._oldest and exchange not in gone]

    def _trim(self, track: Track) -> None:
        if track[len(track) // _TOLERATED].seq < self._oldest:
            del track[: bisect_left(track, self._oldest, key=_seq)]
