"""What a benchmark is: a row with a bar, an aim and the function that measures it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long to measure."""

    rounds: int
    seconds: int
    starts: int
    exchanges: int


class Fact(NamedTuple):
    """A cell of the table of servers: an absolute figure, true on this machine only."""

    server: str
    figure: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a measurement gave: the value that the bar is for, where it comes from, facts by the way."""

    value: float
    details: str
    facts: tuple[Fact, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A benchmark; smaller is better."""

    name: str
    title: str
    unit: str
    bar: float
    aim: float
    measure: Callable[[Effort], Reading]
