"""What all explanations have in common: how a wait ended, and texts that are cut."""

from typing import Any

from emulator.engine.journal.waits import WaitEnd, Waiter

LONGEST = 80

_BROKEN_OFF = {
    WaitEnd.RESET: "; the scope was reset while waiting",
    WaitEnd.STOPPED: "; the emulator stopped while waiting",
}


def ending(wait: Waiter[Any], end: WaitEnd, things: tuple[str, str], came: str, such: str = "") -> str:
    """What was wanted and what came, in a line.

    Args:
        wait: with at least one bound.
        end: why it is over.
        things: what was waited for, one and many.
        came: what those did that count.
        such: what follows the noun.
    """
    bounds = [
        f"at {what} {bound}" for what, bound in (("least", wait.at_least), ("most", wait.at_most)) if bound is not None
    ]
    one, many = things
    noun = one if bounds[-1].endswith(" 1") else many
    return f"wanted {' and '.join(bounds)} {noun}{such}, {wait.count} {came}{_BROKEN_OFF.get(end, '')}"


def cut(text: str, longest: int = LONGEST) -> str:
    """A text of at most so many characters."""
    return text if len(text) <= longest else text[: longest - 1] + "…"
