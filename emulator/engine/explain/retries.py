"""Descriptions of retry sequences (attempts, responses, findings), and explanations of failed waits for them."""

from collections.abc import Iterator, Sequence

from emulator.engine.explain.wording import ending
from emulator.engine.journal.exchange import Exchange
from emulator.engine.journal.retries import RetryFilter, RetryGroup
from emulator.engine.journal.waits import WaitEnd, Waiter
from emulator.engine.truncate import truncate

SHOWN = 5


def describe(sequence: RetryGroup) -> list[str]:
    """Describe a retry sequence in lines: a summary, then each attempt."""
    attempts, messages = len(sequence.attempts), sequence.messages
    first = sequence.attempts[0]
    content = "no content" if first.content is None else f"content {truncate(first.content)}"
    line = (
        f"{attempts} {'attempt' if attempts == 1 else 'attempts'} for {truncate(first.context.call_sid or 'no call')}, "
        f"{content}, {messages} {'message' if messages == 1 else 'messages'} created"
    )
    says = "; ".join(f"{finding.says} ({finding})" for finding in sequence.findings)
    shown = [_attempt(attempt, gap) for attempt, gap in sequence.ends]
    if len(shown) < attempts:
        shown.insert(len(shown) // 2, f"{attempts - len(shown)} more")
    return [f"{line}: {says}" if says else line, *shown]


def explain(wait: Waiter[RetryFilter], end: WaitEnd, retries: Sequence[RetryGroup]) -> list[str]:
    """Explain in lines why a wait was not satisfied.

    Args:
        wait: the wait, with the count of matching sequences.
        end: reason for its end.
        retries: the existing retry sequences, oldest first.
    """
    lines = [ending(wait, end, ("retry sequence", "retry sequences"), "found", wait.wanted.described)]
    if not retries:
        return [*lines, "there was no attempt at all: is the client pointed at this emulator, and at this call?"]
    for sequence in retries[: -SHOWN - 1 : -1]:
        first, *rest = describe(sequence)
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
        yield "response lost"
    yield "no key" if attempt.idempotency_key is None else f"key {truncate(attempt.idempotency_key)}"
