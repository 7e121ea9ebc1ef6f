"""The definition of a benchmark: a row with a bar, an aim and a measuring function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """The extent of a measurement: rounds, seconds per round, starts of servers, exchanges in the journal."""

    rounds: int
    seconds: int
    starts: int
    exchanges: int


class Fact(NamedTuple):
    """A cell of the server table: an absolute figure, valid on this machine only."""

    server: str
    figure: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A result: the value to compare with the bar, its details, and additional facts."""

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
