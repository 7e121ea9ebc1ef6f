"""The first line of an explanation: what was wanted, and how many matched."""

from typing import Any

from emulator.engine.journal.waits import WaitEnd, Waiter

_BROKEN_OFF = {
    WaitEnd.RESET: "; the scope was reset while waiting",
    WaitEnd.STOPPED: "; the emulator stopped while waiting",
}


def ending(wait: Waiter[Any], end: WaitEnd, nouns: tuple[str, str], verb: str, suffix: str = "") -> str:
    """Describe in one line what was wanted and how many matched.

    Args:
        wait: a wait with at least one bound.
        end: reason for its end.
        nouns: the noun for the items, singular and plural.
        verb: past participle for the matching items, for example `arrived`.
        suffix: text after the noun.
    """
    bounds = [
        f"at {what} {bound}" for what, bound in (("least", wait.at_least), ("most", wait.at_most)) if bound is not None
    ]
    singular, plural = nouns
    noun = singular if bounds[-1].endswith(" 1") else plural
    return f"wanted {' and '.join(bounds)} {noun}{suffix}, {wait.count} {verb}{_BROKEN_OFF.get(end, '')}"
