"""docs/limits.md lists what the code enforces."""

import re
from pathlib import Path

import pytest
from support.server import Running, fresh

from emulator import logging_config
from emulator.adapters import callbacks, schema_limits
from emulator.endpoints.inspection import rendering
from emulator.endpoints.twilio import bodies
from emulator.engine import events, filters, time_slices
from emulator.engine.capacity import KINDS, MEMORY_LIMIT, MemoryAccount
from emulator.engine.explain import messages as explained
from emulator.engine.journal import waits
from emulator.engine.store import ENTRY
from emulator.engine.voice import clients
from emulator.server import tls_accept, websocket
from emulator.server.http1 import connection, protocol
from emulator.server.proxy import policy
from emulator.server.proxy.server import ProxyTimeouts
from emulator.settings import Settings
from emulator.wire import content, forms, messages, subscriptions
from emulator.wire.idempotency import MAX_KEY

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "limits.md").read_text()
WORDS = " ".join(DOCUMENT.split())


def rows(heading: str) -> list[list[str]]:
    section = DOCUMENT.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[1:]]


def test_table_of_stored_data() -> None:
    listed = [(name, entries, memory, when_full) for name, _, entries, memory, when_full, _ in rows("Stored data")]

    assert listed == [
        (f"`{kind.name}`", f"{kind.entries:,}", f"{kind.percent} %", str(kind.when_full)) for kind in KINDS
    ]


def test_options_of_kinds_have_defaults() -> None:
    options = {name.strip("`"): re.findall(r"`(\w+)`", option) for name, *_, option in rows("Stored data")}
    limits = {name: option[0] for name, option in options.items() if option}

    assert {name: getattr(Settings(), limit) for name, limit in limits.items()} == {
        kind.name: kind.entries for kind in KINDS if kind.name in limits
    }
    assert f"`memory_limit` ({MEMORY_LIMIT // 1024**2} MiB)" in WORDS


MAXIMA = {
    "Requests": [
        ("`Content`", f"{messages.MAX_CONTENT:,} characters"),
        ("`IdempotencyKey`", f"{MAX_KEY} characters"),
        ("`Callback`", f"{subscriptions.MAX_CALLBACK:,} characters"),
        ("form parameters", f"{forms.MAX_PARAMETERS:,}"),
        ("body", f"{bodies.MAX_BODY // 1024**2} MiB"),
        ("nesting of JSON", f"{content.MAX_DEPTH} levels"),
    ],
    "Connections": [
        ("request line and headers", f"{connection.MAX_HEAD // 1024} KiB, {connection.MAX_HEADERS} headers"),
        ("trailers and chunk extensions of a body", f"{connection.MAX_HEAD // 1024} KiB"),
        ("pipelined requests", f"{connection.MAX_PIPELINED}, or {connection.MAX_QUEUED // 1024} KiB of them"),
        ("time for a head", f"{protocol.HEAD_TIMEOUT} s"),
        ("time for a body", f"{protocol.BODY_TIMEOUT} s"),
        ("time between requests", f"{protocol.KEEP_ALIVE} s"),
        (
            f"time for a client to read {protocol.MIN_READ // 1024} KiB, or the rest",
            f"{protocol.WRITE_TIMEOUT} s",
        ),
        ("time for a WebSocket to answer a ping", f"{websocket.PING_INTERVAL} s"),
        ("time for a TLS handshake", f"{tls_accept.HANDSHAKE:.0f} s"),
        ("connections of the proxy", f"{ProxyTimeouts().connections}"),
        ("head of a request to the proxy", f"{policy.MAX_HEAD // 1024} KiB, {ProxyTimeouts().head:.0f} s"),
        (
            "unread log lines",
            f"{logging_config.MAX_LINES:,} or {logging_config.MAX_BYTES // 1024**2} MiB",
        ),
    ],
}


@pytest.mark.parametrize(("heading", "maxima"), MAXIMA.items(), ids=MAXIMA)
def test_tables_of_limits(heading: str, maxima: list[tuple[str, str]]) -> None:
    """Every row, in the table's order."""
    table = [row for row in rows(heading) if row[0] != "what"]

    assert [(row[0], row[1]) for row in table] == maxima


@pytest.mark.parametrize(
    "sentence",
    [
        f"more than {events.MAX_BEHIND:,} events behind",
        f"at most {time_slices.SLICE} exchanges or {events.READ_BYTES // 1024} KiB at once",
        f"the newest {explained.LOOKED_AT:,} exchanges",
        f"after every {time_slices.SLICE} entries or {time_slices.SECONDS * 1000:.0f} ms",
        f"larger than {rendering.PAGE_BYTES // 1024**2} MiB",
        f"At most {time_slices.MAX_JOBS} pieces of work",
        f"{time_slices.SLICE} are answered per iteration",
        f"may have {waits.MAX_VALUES:,} JSON values in all",
        f"the first {filters.MAX_DIFFERENCES} places",
        f"when {clients.MAX_BEHIND:,} frames or {clients.MAX_BYTES_BEHIND // 1024**2} MiB wait",
        f"{callbacks.MAX_WAITING:,} callbacks may wait to be made, and {callbacks.MAX_AT_ONCE} are made",
    ],
)
def test_limits_in_the_text(sentence: str) -> None:
    assert sentence in WORDS


def test_readyz_shows_each_bound_and_its_use(running: Running) -> None:
    before = running.site.get("/readyz").json()["memory"]
    running.site.put_json(f"/_emulator/calls/{fresh('CA')}", {})
    after = running.site.get("/readyz").json()["memory"]

    assert [bound["name"] for bound in after["bounds"]] == [kind.name for kind in KINDS]
    assert after["max_bytes"] == MEMORY_LIMIT
    assert {bound["name"] for bound in before["bounds"] if bound["bytes"]} == {"connections", "requests_in_progress"}
    (calls,) = [bound for bound in after["bounds"] if bound["name"] == "calls"]
    assert (calls["entries"], calls["when_full"]) == (1, "refuse")
    assert calls["bytes"] > 0
    assert after["bytes"] == sum(bound["bytes"] for bound in after["bounds"])


def test_largest_schema_fits() -> None:
    assert ENTRY + schema_limits.COMPILE_MEMORY.maximum <= MemoryAccount()["schemas"].max_bytes


def test_connection_limit_is_the_options() -> None:
    assert (
        MemoryAccount(capacities=Settings(connections_limit=7).engine_config().capacities())["connections"].max_entries
        == 7
    )
