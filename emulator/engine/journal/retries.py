"""Retry sequences: attempts that belong together, and findings on the retries. Computed when read, never by a timer.

An attempt joins the previous attempt with the same call and key; or, soon after a failed attempt, the one with the same
call and content. A success ends a sequence: the same content with another key or none is another message.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from itertools import pairwise
from typing import Annotated

from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.filters import Condition, conditions
from emulator.engine.journal.exchange import Exchange, Outcome, unpack
from emulator.engine.journal.filters import MessageFilter
from emulator.engine.time_slices import Steps

# A tuple: an enumeration's hash is slow.
_PROCESSED = (Outcome.CREATED, Outcome.REPLAYED, Outcome.MISMATCH, Outcome.DELETED)
_WORTH_A_RETRY = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS})
SHOWN = 50
"""Maximum number of attempts shown from each end of a retry sequence."""
_SLACK = 0.05  # seconds: a client that sleeps for the Retry-After may wake slightly early

Name = tuple[str | None, str | None, str | None, str]
"""Account, call, resource, and an idempotency key or a content."""


class RetryFinding(StrEnum):
    """An observation about the client's behaviour in a retry sequence."""

    RETRIED_SAME_KEY = "retried_same_key"
    RETRIED_NEW_KEY = "retried_new_key"
    RETRIED_WITHOUT_KEY = "retried_without_key"
    RETRIED_OTHER_CONTENT = "retried_other_content"
    RETRIED_TOO_EARLY = "retried_too_early"
    RETRIED_A_REFUSAL = "retried_a_refusal"
    GAVE_UP = "gave_up"
    RECOVERED = "recovered"

    @property
    def says(self) -> str:
        """Description of the finding for a human."""
        return _SAYS[self]


_SAYS = {
    RetryFinding.RETRIED_SAME_KEY: "retried with the same key",
    RetryFinding.RETRIED_NEW_KEY: "retried with another key: a duplicate if the previous attempt was processed",
    RetryFinding.RETRIED_WITHOUT_KEY: "retried without a key: a duplicate if the previous attempt was processed",
    RetryFinding.RETRIED_OTHER_CONTENT: "used a key again with different content",
    RetryFinding.RETRIED_TOO_EARLY: "retried before Retry-After had elapsed",
    RetryFinding.RETRIED_A_REFUSAL: "retried a request that cannot succeed",
    RetryFinding.GAVE_UP: "gave up after a failed attempt",
    RetryFinding.RECOVERED: "recovered from a failed attempt",
}


@dataclass(frozen=True, slots=True)
class RetryGroup:
    """Attempts at the same operation, oldest first and at least one, with their findings."""

    attempts: tuple[Exchange, ...]
    findings: tuple[RetryFinding, ...]

    @property
    def id(self) -> str:
        """Request id of the first attempt."""
        return self.attempts[0].request_id

    @property
    def seq(self) -> int:
        """Journal position of the last attempt."""
        return self.attempts[-1].seq

    @property
    def gaps(self) -> tuple[float, ...]:
        """Seconds between consecutive attempts, by the emulator's clock."""
        return tuple(
            after.context.received_at - before.context.received_at for before, after in pairwise(self.attempts)
        )

    @property
    def ends(self) -> tuple[tuple[Exchange, float | None], ...]:
        """First and last attempts with their gaps; limited, because a client may retry endlessly."""
        count = len(self.attempts)
        places = range(count) if count <= 2 * SHOWN else (*range(SHOWN), *range(count - SHOWN, count))
        return tuple((self.attempts[place], self._gap(place)) for place in places)

    def _gap(self, place: int) -> float | None:
        before = self.attempts[place - 1].context.received_at
        return self.attempts[place].context.received_at - before if place else None

    @property
    def messages(self) -> int:
        """Number of messages that the attempts created; more than 1 means duplicates."""
        return sum(attempt.created is not None for attempt in self.attempts)


_BY_FINDING = Condition(
    path="findings",
    doc="only with this finding",
    example="recovered",
    matches=lambda wanted, findings: wanted in findings,
    wording=lambda wanted: f"with the finding {wanted}",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryFilter(MessageFilter):
    """A filter of retry sequences; without values, it matches all.

    A sequence matches when its last attempt is after `after`, it has the finding, and one attempt meets the rest.
    """

    finding: Annotated[RetryFinding | None, _BY_FINDING] = None

    @property
    def of_attempts(self) -> MessageFilter:
        """The conditions of attempts: those of messages, but for the position."""
        return MessageFilter(**{given.name: given.wanted for given in self.given if not _is_of_sequence(given.name)})

    def may_match(self, sequence: RetryGroup) -> bool:
        """Whether the conditions of the sequence itself are met."""
        own = (given for given in self.given if _is_of_sequence(given.name))
        return all(row.matches(wanted, find(sequence)) for _, row, find, wanted in own)


def _is_of_sequence(name: str) -> bool:
    return name == "after" or name not in conditions(MessageFilter)


def group_retries(exchanges: Iterable[Exchange], *, now: float, window: float) -> Steps[list[RetryGroup]]:
    """Group exchanges into retry sequences, in the order of their last attempts, in several steps per exchange.

    Args:
        exchanges: in the order of the journal; preflights are skipped.
        now: seconds since 1970.
        window: seconds within which an attempt counts as a retry of a failed attempt.
    """
    attempts = [exchange for exchange in exchanges if exchange.outcome is not Outcome.PREFLIGHT]
    groups = yield from _grouped(attempts, window)
    groups.sort(key=lambda group: group[-1].seq)
    retries = []
    for group in groups:
        findings = yield from _findings(group, now, window)
        retries.append(RetryGroup(tuple(group), tuple(findings)))
    return retries


def succeeded(attempt: Exchange) -> bool:
    """Whether the request was processed and the client received the whole response."""
    return attempt.outcome in _PROCESSED and not attempt.is_lost


def _grouped(attempts: Sequence[Exchange], window: float) -> Steps[list[list[Exchange]]]:
    groups: list[list[Exchange]] = []
    by_key: dict[Name | None, list[Exchange]] = {}
    failed: dict[Name | None, list[Exchange]] = {}  # by content
    last_use: dict[Name | None, int] = {}
    for attempt in attempts:
        last_use[_name(attempt, attempt.idempotency_key)] = attempt.seq
        yield
    for attempt in attempts:
        yield
        key, content = _name(attempt, attempt.idempotency_key), _name(attempt, attempt.content)
        group = by_key.get(key)
        if group is None:
            group = failed.get(content)
            if group is None or not _is_retry(group[-1], attempt, last_use, window):
                groups.append(group := [])
        group.append(attempt)
        if key:
            by_key[key] = group
        if content and not succeeded(attempt):
            failed[content] = group
    return groups


def _name(attempt: Exchange, value: str | None) -> Name | None:
    return None if value is None else (*attempt.owners, attempt.resource, value)


def _is_retry(before: Exchange, attempt: Exchange, last_use: dict[Name | None, int], window: float) -> bool:
    """Whether an attempt with another key or none retries a failed attempt with the same content."""
    if succeeded(before) or before.content != attempt.content:
        return False
    key = _name(before, before.idempotency_key)
    if key and last_use[key] > attempt.seq:
        return False  # `before` is retried under its own key later: `attempt` is a parallel request
    return abs(attempt.context.received_at - before.context.received_at) <= window


def _findings(attempts: Sequence[Exchange], now: float, window: float) -> Steps[list[RetryFinding]]:
    last = attempts[-1]
    yield
    if len(attempts) == 1 and succeeded(last):
        return []  # the common case, kept fast for large journals
    findings, successes = set[RetryFinding](), int(succeeded(attempts[0]))
    for before, after in pairwise(attempts):
        findings.update(_retry(before, after))
        successes += succeeded(after)
        yield
    if not succeeded(last):
        if now - last.context.received_at > window and not successes:
            findings.add(RetryFinding.GAVE_UP)
    elif successes < len(attempts):
        findings.add(RetryFinding.RECOVERED)
    return [finding for finding in RetryFinding if finding in findings]


def _retry(before: Exchange, after: Exchange) -> Iterator[RetryFinding]:
    """Yield the findings on an attempt and its successor."""
    same_key = before.idempotency_key == after.idempotency_key is not None
    if before.content != after.content:
        yield RetryFinding.RETRIED_OTHER_CONTENT  # they share a key, not a content
    elif succeeded(before):
        return
    elif _is_final(before):
        # If the retry succeeds, the refusal was not final: a call may have become active meanwhile.
        if _credentials(before) == _credentials(after) and (before.fault is not None or not succeeded(after)):
            yield RetryFinding.RETRIED_A_REFUSAL
    elif same_key:
        yield RetryFinding.RETRIED_SAME_KEY
    else:
        yield RetryFinding.RETRIED_NEW_KEY if after.idempotency_key else RetryFinding.RETRIED_WITHOUT_KEY
    earliest, is_frozen = _may_retry_at(before), after.context.received_at == before.context.received_at
    if earliest is not None and not is_frozen and after.context.received_at < earliest - _SLACK:
        yield RetryFinding.RETRIED_TOO_EARLY


def _is_final(attempt: Exchange) -> bool:
    """Whether the client received a 4xx status that a retry cannot change."""
    status = attempt.status or 0
    return not attempt.is_lost and HTTPStatus.BAD_REQUEST <= status < 500 and status not in _WORTH_A_RETRY  # noqa: PLR2004


def _credentials(attempt: Exchange) -> str | None:
    return dict(unpack(attempt.request.head)).get("authorization")


def _may_retry_at(attempt: Exchange) -> float | None:
    """Return the end of the wait requested by Retry-After, in seconds since 1970; None without Retry-After."""
    fault = attempt.fault
    if fault is None or not isinstance(fault.action, ReplyFault) or attempt.is_lost:
        return None
    wait = fault.action.retry_after
    took = fault.delay if attempt.duration is None else attempt.duration
    return None if wait is None else attempt.context.received_at + took + wait
