"""Index of exchanges by account, call and key; a look-up costs time by the size of its result, not of the journal.

A track is a list of exchanges with rising `seq`. Evicted exchanges stay at its front until they are a sixteenth of it,
which keeps eviction cheap; reading starts after them.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from itertools import chain, islice
from operator import attrgetter

from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.filters import MessageFilter, keys_of
from emulator.engine.time_slices import Steps

_seq = attrgetter("seq")
_TOLERATED = 16
Track = list[Exchange]
Tracks = dict[str, Track]
Run = tuple[Track, int]
"""A track and the list index where reading starts."""


class Selection:
    """The exchanges that match a filter, merged from one or more runs, with their count and pages.

    Attributes:
        matches: predicate for the conditions that the index cannot answer; None = all candidates match.
    """

    def __init__(self, *runs: Run, matches: Callable[[Exchange], bool] | None = None) -> None:
        self._runs = runs
        self.matches = matches

    def __or__(self, other: "Selection") -> "Selection":
        return Selection(*self._runs, *other._runs, matches=self.matches or other.matches)

    @property
    def size(self) -> int:
        """Number of candidates, an upper bound of the matches."""
        return sum(len(track) - start for track, start in self._runs)

    def __len__(self) -> int:
        return self.size if self.matches is None else sum(map(self.matches, self.candidates()))

    def __iter__(self) -> Iterator[Exchange]:
        return filter(self.matches, self.candidates()) if self.matches else iter(self.candidates())

    def candidates(self, limit: int | None = None) -> list[Exchange]:
        """Return what the index finds, oldest first, at most `limit` exchanges."""
        runs = [track[start : None if limit is None else start + limit] for track, start in self._runs]
        runs = list(filter(None, runs))
        return runs[0] if len(runs) == 1 else sorted(chain.from_iterable(runs), key=_seq)[:limit]

    def found(self, limit: int | None = None) -> Steps[list[Exchange]]:
        """Return all matches, oldest first, or with a limit the newest matches, newest first; works in steps."""
        candidates, found = self.candidates(), list[Exchange]()
        for exchange in candidates if limit is None else reversed(candidates):
            if self.matches is None or self.matches(exchange):
                found.append(exchange)
            yield
            if len(found) == limit:
                break
        return found

    def page(self, limit: int, *, newest_first: bool, skip: int = 0) -> list[Exchange]:
        """Return at most `limit` matches from one end, after the first `skip`."""
        stop = skip + limit
        if self.matches is not None:
            found = self.candidates()
            return list(islice(filter(self.matches, reversed(found) if newest_first else found), skip, stop))
        if not newest_first:
            return self.candidates(stop)[skip:]
        ends = [track[max(start, len(track) - stop) :] for track, start in self._runs]
        return sorted(chain.from_iterable(ends), key=_seq, reverse=True)[skip:stop]


class Index:
    """Exchanges by account, call and idempotency key."""

    def __init__(self) -> None:
        self._all: Track = []
        self._evicted = 0  # number of evicted exchanges at the front of `_all`
        self._by: tuple[Tracks, Tracks, Tracks] = ({}, {}, {})
        self._oldest = 0  # exchanges with a lower seq are evicted
        self._shared: set[str] = set()  # calls and keys that more than one account uses

    def add(self, exchange: Exchange) -> None:
        """Append the newest exchange."""
        self._all.append(exchange)
        keys = keys_of(exchange)
        for value, tracks in zip(keys, self._by, strict=True):
            if value is None:
                continue
            track = tracks.get(value)
            if track is None:
                tracks[value] = [exchange]  # usually the only exchange of its call: a literal has no spare capacity
                continue
            if track[-1].context.account_sid != keys[0]:
                self._shared.add(value)
            track.append(exchange)

    def evict(self, exchange: Exchange) -> None:
        """Evict the oldest exchange."""
        self._oldest = exchange.seq + 1
        self._evicted += 1
        if self._evicted > len(self._all) // _TOLERATED:
            del self._all[: self._evicted]
            self._evicted = 0
        for value, tracks in zip(keys_of(exchange), self._by, strict=True):
            if value is not None:
                track = tracks[value]
                if track[len(track) // _TOLERATED].seq < self._oldest:
                    del track[: bisect_left(track, self._oldest, key=_seq)]
                    if not track:
                        del tracks[value]
                        self._shared.discard(value)

    def remove(self, gone: set[Exchange]) -> None:
        """Remove exchanges, which must be present; takes time by the range between the first and the last of them."""
        if not gone:
            return
        seqs = {exchange.seq for exchange in gone}
        first, last = min(seqs), max(seqs)
        self._remove(self._all, gone, first, last)
        self._evicted = 0
        for place, tracks in enumerate(self._by):
            for value in {keys_of(exchange)[place] for exchange in gone} - {None}:
                assert value is not None
                self._remove(tracks[value], gone, first, last)
                if not tracks[value]:
                    del tracks[value]
                    self._shared.discard(value)

    def holds(self, exchange: Exchange) -> bool:
        """Whether the index contains an exchange."""
        place = bisect_left(self._all, exchange.seq, lo=self._evicted, key=_seq)
        return place < len(self._all) and self._all[place] is exchange

    def newest(self, limit: int) -> list[Exchange]:
        """Return at most `limit` exchanges, newest first."""
        return self.select(MessageFilter()).page(limit, newest_first=True)

    def oldest(self) -> Exchange | None:
        """Return the oldest exchange; None when the index is empty."""
        return self._all[self._evicted] if self._evicted < len(self._all) else None

    def select(self, wanted: MessageFilter) -> Selection:
        """Select the exchanges that match a filter, oldest first."""
        tracks = [by.get(value, []) for value, by in zip(wanted.keys, self._by, strict=True) if value is not None]
        if self._call_tells_account(wanted):
            del tracks[0]
        track = min(tracks, key=len, default=self._all)
        start = bisect_right(track, max(wanted.after, self._oldest - 1), key=_seq)
        is_exact = len(tracks) <= 1 and not wanted.needs_look
        return Selection((track, start), matches=None if is_exact else wanted.matches)

    def _call_tells_account(self, wanted: MessageFilter) -> bool:
        """Whether all exchanges of the filter's call belong to the filter's account: the most common scope."""
        account_sid, call_sid = wanted.account_sid, wanted.call_sid
        if account_sid is None or call_sid is None or call_sid in self._shared:
            return False
        track = self._by[1].get(call_sid)
        return track is not None and track[0].context.account_sid == account_sid

    def _remove(self, track: Track, gone: set[Exchange], first: int, last: int) -> None:
        """Remove exchanges (`first` and `last` are seqs) and the evicted ones from a track."""
        del track[: bisect_left(track, self._oldest, key=_seq)]
        start, end = bisect_left(track, first, key=_seq), bisect_right(track, last, key=_seq)
        track[start:end] = [exchange for exchange in track[start:end] if exchange not in gone]
