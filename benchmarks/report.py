"""The result tables as aligned Markdown: measurements with their bars, and absolute figures."""

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rows import Fact, Reading, Row

_DOCUMENT = Path(__file__).parent.parent / "docs" / "benchmarks.md"
_BEGIN, _END = "<!-- measured: begin -->", "<!-- measured: end -->"
_INTRODUCTION = """\
# Benchmarks

`make bench` prints these tables; `python benchmarks/run.py --write` puts them here. Ratios are taken within one run,
in turns with what they are compared with, on the same uvicorn settings; they carry over to other machines, absolute
figures do not.

"""


def render(measured: Sequence[tuple[Row, Reading]]) -> str:
    """Return the tables of a run."""
    facts = [fact for _, reading in measured for fact in reading.facts]
    parts = [
        _machine(),
        _table(("what", "measured", "bar", "aim", "", "from"), map(_line, *zip(*measured, strict=True))),
    ]
    if facts:
        parts.append(_pivot(facts))
    return "\n\n".join(parts) + "\n"


def met(row: Row, reading: Reading) -> bool:
    """Whether the value is within the bar."""
    return reading.value <= row.bar


def write(tables: str) -> Path:
    """Replace the tables between the document's markers; return its path."""
    text = _DOCUMENT.read_text() if _DOCUMENT.exists() else f"{_INTRODUCTION}{_BEGIN}\n{_END}\n"
    before, _, rest = text.partition(_BEGIN)
    _, _, after = rest.partition(_END)
    _DOCUMENT.parent.mkdir(exist_ok=True)
    _DOCUMENT.write_text(f"{before}{_BEGIN}\n{tables}{_END}{after or chr(10)}")
    return _DOCUMENT


def _machine() -> str:
    today = datetime.now(UTC).date()
    memory_gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    size = f"{os.cpu_count()} cores ({platform.machine()}), {memory_gib:.0f} GiB of memory"
    packages = ", ".join(f"{name} {version(name)}" for name in ("uvicorn", "fastapi"))
    return f"Measured on {today}: {size}, Python {platform.python_version()}, {packages}."


def _line(row: Row, reading: Reading) -> tuple[str, ...]:
    verdict = "aim met" if reading.value <= row.aim else "bar met" if met(row, reading) else "**missed**"
    limits = (f"≤ {row.bar:g} {row.unit}", f"≤ {row.aim:g} {row.unit}")
    return (row.title, f"{reading.value:.2f} {row.unit}", *limits, verdict, reading.details)


def _pivot(facts: Sequence[Fact]) -> str:
    servers = dict.fromkeys(fact.server for fact in facts)
    figures = dict.fromkeys(fact.figure for fact in facts)
    cells = {(fact.server, fact.figure): fact.value for fact in facts}
    lines = ((server, *(cells.get((server, figure), "") for figure in figures)) for server in servers)
    return _table(("server", *figures), lines)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    body = [head, *lines]
    widths = [max(map(len, column)) for column in zip(*body, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in body]
    padded.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)
