"""Threads in words: what the attempts got and show of the client, and why a wait for such a thread was in vain."""

from collections.abc import Iterator, Sequence

from emulator.engine.exchanges import Exchange
from emulator.engine.threads import Thread
from emulator.engine.waiting import End, Wait

SHOWN = 5
_LONGEST = 80
_BROKEN_OFF = {
    End.RESET: "; the scope was reset while waiting",
    End.STOPPED: "; the emulator stopped while waiting",
}


def told(thread: Thread) -> list[str]:
    """A thread in lines: all of it, then each attempt."""
    attempts, messages = len(thread.attempts), thread.messages
    first = thread.attempts[0]
    content = "no content" if first.content is None else f"content {_cut(first.content)}"
    line = (
        f"{attempts} {'attempt' if attempts == 1 else 'attempts'} for {_cut(first.arrival.call_sid or 'no call')}, "
        f"{content}, {messages} {'message' if messages == 1 else 'messages'} created"
    )
    says = "; ".join(f"{finding.says} ({finding})" for finding in thread.findings)
    shown = [_attempt(*one) for one in thread.ends]
    if len(shown) < attempts:
        shown.insert(len(shown) // 2, f"{attempts - len(shown)} more")
    return [f"{line}: {says}" if says else line, *shown]


def explain(wait: Wait, end: End, wanted: str, threads: Sequence[Thread]) -> list[str]:
    """Why a wait was not satisfied, in lines.

    Args:
        wait: with the count of what was found.
        end: why it is over.
        wanted: which threads, in words that follow the noun.
        threads: those that there were instead, oldest first.
    """
    bounds = [f"at least {wait.at_least}"] if wait.at_least is not None else []
    bounds += [f"at most {wait.at_most}"] if wait.at_most is not None else []
    noun = "thread" if bounds[-1].endswith(" 1") else "threads"
    lines = [f"wanted {' and '.join(bounds)} {noun}{wanted}, {wait.count} found{_BROKEN_OFF.get(end, '')}"]
    if not threads:
        return [*lines, "there was no attempt at all: is the client pointed at this emulator, and at this call?"]
    for thread in threads[: -SHOWN - 1 : -1]:
        first, *rest = told(thread)
        lines += [first, *(f"  {line}" for line in rest)]
    return lines


def _attempt(attempt: Exchange, gap: float | None) -> str:
    later = "" if gap is None else f", {gap:.3f} s later"
    return f"number {attempt.seq}{later}: {', '.join(_facts(attempt))}"


def _facts(attempt: Exchange) -> Iterator[str]:
    answered = [str(fact) for fact in (attempt.status, attempt.code) if fact is not None]
    yield f"{attempt.outcome} {'/'.join(answered)}".rstrip()
    if attempt.fault is not None:
        yield f"{attempt.fault.name} by {attempt.fault.rule}"
    if attempt.is_lost:
        yield "the answer lost"
    yield "no key" if attempt.idempotency_key is None else f"key {_cut(attempt.idempotency_key)}"


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
