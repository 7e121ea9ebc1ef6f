"""Explanations of failed waits for messages: lines for humans, and near misses as data."""

from collections.abc import Iterable
from itertools import islice
from typing import NamedTuple

from emulator.engine.explain.wording import ending
from emulator.engine.filters import Mismatch, belongs_to_others, owner
from emulator.engine.journal.exchange import Exchange, Outcome, host_of
from emulator.engine.journal.filters import MessageFilter, RequestFilter
from emulator.engine.journal.journal import Journal
from emulator.engine.journal.waits import MessageWaiter, WaitEnd
from emulator.engine.time_slices import Steps
from emulator.engine.truncate import truncate
from emulator.wire.dates import iso8601
from emulator.wire.errors import PATH_UNKNOWN
from emulator.wire.hosts import is_local, is_twilio

LOOKED_AT = 1_000
"""Maximum number of examined exchanges: the newest of the scope and the newest of all."""
SHOWN = 5
_FAR = 2
_LONGEST_PATH = 200


_Candidate = tuple[Exchange, tuple[Mismatch, ...]]


class NearbyExchange(NamedTuple):
    """An exchange that nearly matched, with its mismatches and their description."""

    exchange: Exchange
    mismatches: tuple[Mismatch, ...]
    text: str


class Explanation(NamedTuple):
    """Lines for a human, and the exchanges that nearly matched."""

    lines: list[str]
    near_misses: list[NearbyExchange]


def explain(wait: MessageWaiter, end: WaitEnd, journal: Journal) -> Steps[Explanation]:
    """Explain why a wait was not satisfied; works in steps, one per examined exchange."""
    wanted = wait.wanted
    lines = [ending(wait, end, ("message", "messages"), "arrived", wanted.described)]
    if wait.at_most is not None and wait.count > wait.at_most:
        too_many = yield from _newest(wanted, journal)
        return Explanation(lines + [_created(exchange) for exchange in too_many], [])
    near = yield from near_misses(wanted, journal)
    lines += [miss.text for miss in near]
    if journal.evicted_through > wanted.after:
        lines.append(
            f"everything up to number {journal.evicted_through} was evicted from the journal: "
            "what is missing may have been among them; raise journal_limit or journal_bytes"
        )
    if not near and not wait.count:
        lines.append(_nothing_near(wanted, journal))
    return Explanation(lines, near)


def _newest(wanted: MessageFilter, journal: Journal) -> Steps[list[Exchange]]:
    """Return the newest matching messages."""
    return (yield from journal.messages(wanted).found(SHOWN))


def near_misses(wanted: MessageFilter, journal: Journal) -> Steps[list[NearbyExchange]]:
    """Return the exchanges with the fewest mismatches, the newest first among equals, at most five."""
    created = RequestFilter(**{given.name: given.wanted for given in wanted.given}, outcome=Outcome.CREATED)
    own = journal.requests(MessageFilter(account_sid=wanted.account_sid, call_sid=wanted.call_sid))
    newest = yield from own.found(LOOKED_AT)
    examined = dict.fromkeys([*newest, *journal.newest(LOOKED_AT)])
    related, others = list[_Candidate](), list[_Candidate]()
    for exchange in examined:
        yield
        mismatches = _lacks(created, exchange)
        if mismatches:
            nearest = others if belongs_to_others(mismatches) else related
            nearest.append((exchange, mismatches))
            nearest.sort(key=lambda each: len(each[1]))  # stable: ties keep the scope's own first, then the newest
            del nearest[SHOWN:]
    return [
        NearbyExchange(exchange, lacks, _sentence(created, exchange, lacks)) for exchange, lacks in related or others
    ]


def _lacks(wanted: RequestFilter, exchange: Exchange) -> tuple[Mismatch, ...]:
    """Return the mismatches of a near miss; empty for any other exchange."""
    if exchange.outcome is Outcome.PREFLIGHT or (exchange.made is not None and exchange.message is None):
        return ()
    mismatches = tuple(islice(wanted.mismatches(exchange), _FAR + 1))
    return () if len(mismatches) > _FAR or _is_anothers_trouble(exchange, mismatches) else mismatches


def _is_anothers_trouble(exchange: Exchange, mismatches: Iterable[Mismatch]) -> bool:
    """Whether it created nothing and belongs to another account or call; False if its path was wrong."""
    elsewhere = any(miss.what in ("account_sid", "call_sid") for miss in mismatches)
    return elsewhere and exchange.created is None and exchange.problem is not PATH_UNKNOWN


def _nothing_near(wanted: MessageFilter, journal: Journal) -> str:
    newest = next(iter(journal.newest(1)), None)
    if newest is None or newest.seq <= wanted.after:
        if journal.last_seq > wanted.after:
            since = "the last reset or deletion"
        else:
            since = f"sequence number {wanted.after}" if wanted.after else "the emulator started"
        return f"nothing at all arrived since {since}: is the client pointed at this emulator?"
    when = iso8601(newest.context.received_at)
    what = _what(newest) + _advice(newest)
    return f"no similar request arrived; the newest is number {newest.seq} of {when}, {what}"


def _created(exchange: Exchange) -> str:
    return f"number {exchange.seq}: {_what(exchange)}, content {truncate(exchange.content or '')}"


def _what(exchange: Exchange) -> str:
    context = exchange.context
    owners = f"for {owner('call', context.call_sid)} of {owner('account', context.account_sid)}"
    if exchange.fault is not None and exchange.outcome is Outcome.FAULTED:
        return f"a request {owners} that was not processed because of {exchange.fault.rule} ({exchange.fault.name})"
    if exchange.problem is not None:
        problem = exchange.problem
        reason = f"; {exchange.reason}" if exchange.reason else ""
        summary = problem.rule.summary.replace("{path}", truncate(exchange.request.path, _LONGEST_PATH))
        return f"a request {owners}, refused with {summary} (rule {problem.name}, {problem.certainty}{reason})"
    if exchange.made is None:
        return f"a preflight {owners}"
    if exchange.message is None:
        return f"a request {owners} about {exchange.made.element} {exchange.made.sid}"
    sid = exchange.message.sid
    return (
        f"message {sid} {owners}" if exchange.created else f"a request {owners} that replayed {sid} and created nothing"
    )


def _advice(exchange: Exchange) -> str:
    problem = exchange.problem if exchange.outcome is Outcome.REFUSED else None
    return "" if problem is None else f". Advice: {problem.advice}"


def _foreign_host(exchange: Exchange) -> list[str]:
    host = host_of(exchange.request.head)
    if is_local(host) or is_twilio(host):
        return []
    return [
        f"it was sent to the host {truncate(host)}: are TWILIO_REGION or TWILIO_EDGE set in addition to a base URL?"
    ]


def _sentence(wanted: RequestFilter, exchange: Exchange, mismatches: tuple[Mismatch, ...]) -> str:
    # The description of the exchange already includes its outcome.
    lacks = wanted.worded(miss for miss in mismatches if miss.what != "outcome") + _foreign_host(exchange)
    return f"number {exchange.seq}: {_what(exchange)}" + (": " + "; ".join(lacks) if lacks else "") + _advice(exchange)
