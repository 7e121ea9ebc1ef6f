"""Health of the emulator."""

from typing import Annotated

from emulator import __version__
from emulator.endpoints.api.model import Model, doc
from emulator.engine.capacity import WhenFull


class Alive(Model):
    """The process is alive."""

    status: Annotated[str, doc(None, "ok")] = "ok"


class BoundUse(Model):
    """The use and the maximum of one kind of state."""

    name: Annotated[str, doc(None, "journal")]
    entries: Annotated[int, doc("number of stored entries", 12)]
    max_entries: Annotated[int, doc(None, 100_000)]
    bytes: Annotated[int, doc("memory of the entries, in bytes", 14_000)]
    max_bytes: Annotated[int, doc(None, 268_435_456)]
    when_full: Annotated[
        WhenFull,
        doc(
            "evict: drop the oldest; refuse: respond with 429 and its name; wait: delay until there is space",
            "evict",
        ),
    ]


class MemoryUse(Model):
    """The total memory limit, and the limit of each kind of state."""

    bytes: Annotated[int, doc("memory of all stored data, in bytes", 14_000)]
    max_bytes: Annotated[int, doc("value of the option memory_limit", 536_870_912)]
    bounds: tuple[BoundUse, ...]


class Ready(Alive):
    """The emulator serves requests."""

    version: Annotated[str, doc(None, __version__)]
    uptime: Annotated[float, doc("seconds since the start", 12.3)]
    addresses: Annotated[tuple[str, ...], doc("URLs of the listeners", ["http://127.0.0.1:2010"])]
    proxy: Annotated[str | None, doc("URL of the proxy", "http://127.0.0.1:2012")]
    connections: Annotated[int | None, doc("number of open connections, on all ports", 1)]
    connections_limit: Annotated[int | None, doc("maximum number of open connections", 20_000)]
    memory: MemoryUse
