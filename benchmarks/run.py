"""Measure the emulator and compare the results with their bars."""

import argparse
import sys
from collections.abc import Sequence

import attached
import browser
import callbacks
import calls
import cores
import create
import faults
import memory
import page
import report
import reset
import start
import stop
import streams
import users
import voice
import wakeup
import wrk
from rows import Effort, Row

ROWS = (
    Row(name="create", title="CPU of a create", unit="x bare", bar=2.2, aim=1.8, measure=create.plain),
    Row(name="create-keyed", title="… with a key each", unit="x bare", bar=2.2, aim=1.8, measure=create.keyed),
    Row(name="create-scattered", title="… on its own call", unit="x bare", bar=2.2, aim=1.8, measure=create.scattered),
    Row(name="https", title="… over https", unit="x http", bar=2, aim=1.5, measure=attached.https),
    Row(name="proxy", title="… through the proxy", unit="x http", bar=2, aim=1.5, measure=attached.proxy),
    Row(name="rules", title="create: 1,000 rules elsewhere", unit="µs", bar=10, aim=2, measure=faults.rules_elsewhere),
    Row(
        name="delayed",
        title="p99 while 500 are delayed",
        unit="x free",
        bar=2,
        aim=1.2,
        measure=faults.delayed_elsewhere,
    ),
    Row(name="start", title="start to first answer", unit="x hello", bar=1.5, aim=1.2, measure=start.start),
    Row(name="idle", title="idle memory", unit="MB", bar=70, aim=55, measure=memory.idle),
    Row(name="exchange", title="memory per exchange", unit="KiB", bar=1.5, aim=1, measure=memory.on_one_call),
    Row(name="exchange-scattered", title="… on its own call", unit="KiB", bar=1.5, aim=1, measure=memory.on_own_calls),
    Row(name="page", title="page of 50 by CallSid", unit="ms", bar=5, aim=1, measure=page.by_call),
    Row(name="page-newest", title="… newest first", unit="ms", bar=5, aim=1, measure=page.newest),
    Row(name="page-content", title="… by a part of the content", unit="ms", bar=1000, aim=500, measure=page.by_content),
    Row(name="wake", title="POST to wake-up, p99", unit="ms", bar=20, aim=5, measure=wakeup.alone),
    Row(name="wake-many", title="… of one of 1,000", unit="ms", bar=20, aim=5, measure=wakeup.among_many),
    Row(name="waiters", title="POSTs lost to 1,000 waiters", unit="%", bar=10, aim=5, measure=wakeup.idle_waiters),
    Row(name="streams", title="events lost or misplaced", unit="events", bar=0, aim=0, measure=streams.all_in_order),
    Row(name="reset", title="reset of one call", unit="ms", bar=50, aim=20, measure=reset.scoped),
    Row(name="voice", title="POST to messageReceived, p50", unit="ms", bar=3, aim=1, measure=voice.usual),
    Row(name="voice-p99", title="… p99", unit="ms", bar=15, aim=5, measure=voice.slowest_percent),
    Row(name="users", title="memory of an idle user", unit="kB", bar=60, aim=30, measure=users.memory),
    Row(name="users-cpu", title="… CPU of 1,000 of them", unit="% of a core", bar=5, aim=2, measure=users.processor),
    Row(name="calls", title="500 calls set up", unit="s", bar=5, aim=1, measure=calls.set_up),
    Row(name="callbacks", title="callback, in order per call", unit="ms", bar=2, aim=1, measure=callbacks.in_order),
    Row(name="paint", title="web page: first paint", unit="ms", bar=200, aim=100, measure=browser.first_paint),
    Row(name="weight", title="… all its bytes", unit="kB", bar=60, aim=40, measure=browser.weight),
    Row(name="frames", title="… longest frame at 200/s", unit="ms", bar=100, aim=50, measure=browser.frames),
    Row(name="stop", title="SIGTERM to the end", unit="s", bar=2, aim=0.5, measure=stop.stop),
)
FULL = Effort(rounds=5, seconds=3, starts=9, exchanges=100_000)
QUICK = Effort(rounds=2, seconds=1, starts=3, exchanges=10_000)


def main(argv: Sequence[str]) -> int:
    """Measure and print; return the exit code: 0 all bars met, 1 a bar missed, 2 wrk is not installed."""
    options = _options(argv)
    if wrk.missing():
        print(
            "wrk, which drives the servers, is not installed: apt-get install wrk (Debian package wrk)", file=sys.stderr
        )
        return 2
    measured = []
    with cores.pinned(cores.DRIVER):
        for row in (row for row in ROWS if row.name in (options.only or [row.name])):
            print(f"{row.name} …", file=sys.stderr, flush=True)
            measured.append((row, row.measure(QUICK if options.quick else FULL)))
    tables = report.render(measured)
    print(tables)
    if options.write:
        print(f"written to {report.write(tables)}", file=sys.stderr)
    return 0 if all(report.met(row, reading) for row, reading in measured) else 1


def _options(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=[row.name for row in ROWS], help="this one (may be repeated)"
    )
    parser.add_argument("--quick", action="store_true", help="short runs and a small journal: a first impression")
    parser.add_argument("--write", action="store_true", help="put the tables into docs/benchmarks.md")
    options = parser.parse_args(argv)
    if options.write and (options.only or options.quick):
        parser.error("--write is for the whole run: leave --only and --quick out")
    return options


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
