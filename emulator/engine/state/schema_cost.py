"""Cost of applying a schema to a content, computed in advance.

A cost is a table: for each level of nesting, the steps that the schema takes per value and per character. A content's
shape is the counts of both. Their product bounds the work, so a content that would block the event loop is not checked
at all.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain, repeat
from typing import Self

MESSAGE_STEPS = 8_000_000
"""Steps for all schemas of one message. A step takes at most 5 ns on a machine of 2020, so they end within 40 ms."""
VIOLATION_STEPS = 1_000
"""Steps to build a violation, about 5 us."""
COPY_STEPS = 64
"""Steps per value of a violation, which the library copies: 80 ns and 100 bytes per value, at most 12 MB in all."""

_DEEPEST = 500
"""Maximum nested calls while violations are listed: each takes 1 KB of a thread's stack, which may have only 1 MiB."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Counts of a content's values and characters per level; names count on the level of their values."""

    values: tuple[int, ...]
    characters: tuple[int, ...]

    @classmethod
    def of(cls, content: object) -> Self:
        """Count the values of a parsed content."""
        values, characters = [], []
        level, names = [content], 0
        while level:
            inner: list[object] = []
            size, names, long = names, 0, 0
            for item in level:
                if isinstance(item, str):
                    size += len(item)
                elif isinstance(item, dict):
                    names += sum(map(len, item))
                    inner += item.values()
                elif isinstance(item, list):
                    inner += item
                elif isinstance(item, int):
                    long += (item.bit_length() >> 6) ** 2  # a long integer takes quadratic time
            values.append(len(level) + long)
            characters.append(size)
            level = inner
        return cls(tuple(values), tuple(characters))


@dataclass(frozen=True, slots=True)
class Cost:
    """Steps per level; the last entry of each row applies to all deeper levels.

    Attributes:
        value: steps for one value.
        character: steps for one character of a string or name.
        violations: maximum violations of one value.
        chain: longest chain of references and combinators.
        memory: bytes of the compiled patterns.
    """

    value: tuple[int, ...]
    character: tuple[int, ...]
    violations: tuple[int, ...]
    chain: int
    memory: int

    def checking(self, shape: Shape) -> int:
        """Return the steps to decide whether a content is valid."""
        return _product(self.value, shape.values) + _product(self.character, shape.characters)

    def reporting(self, shape: Shape) -> int:
        """Return the steps to list all possible violations of a content; over budget if the stack would be too deep."""
        if self.chain * len(shape.values) > _DEEPEST:
            return MESSAGE_STEPS + 1
        # The library checks each branch of a combinator before it lists the branch's violations.
        walk = self.chain * len(shape.values) * self.checking(shape)
        build = VIOLATION_STEPS * _product(self.violations, shape.values)
        below = [sum(shape.values[level:]) + sum(shape.characters[level:]) // 16 for level in range(len(shape.values))]
        return walk + build + COPY_STEPS * _product(self.violations, below)


class CostBudget:
    """A budget of steps for all schemas of one message."""

    def __init__(self, steps: int = MESSAGE_STEPS) -> None:
        self._left = steps

    def take(self, steps: int) -> bool:
        """Spend steps; return False and spend none when fewer are left."""
        if steps > self._left:
            return False
        self._left -= steps
        return True


def _product(row: tuple[int, ...], counts: Iterable[int]) -> int:
    return sum(steps * count for steps, count in zip(chain(row, repeat(row[-1])), counts, strict=False))
