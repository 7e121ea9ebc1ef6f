"""`/livez` and `/readyz`: health checks, which the journal does not contain."""

import time

from fastapi import APIRouter
from pydantic import Field

from emulator import __version__
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import ServicesDep
from emulator.engine.capacity import MemoryAccount, WhenFull

router = APIRouter(route_class=ControlRoute, tags=["health"])


class Alive(DeferredModel):
    """The process is alive."""

    status: str = Field(default="ok", examples=["ok"])


class BoundView(DeferredModel):
    """The use and the maximum of one kind of state."""

    name: str = Field(examples=["journal"])
    entries: int = Field(description="number of stored entries", examples=[12])
    max_entries: int = Field(examples=[100_000])
    bytes: int = Field(description="memory of the entries", examples=[14_000])
    max_bytes: int = Field(examples=[268_435_456])
    when_full: WhenFull = Field(
        description="evict: drop the oldest; refuse: reject with 429 and the name of the limit; wait: wait for room",
        examples=["evict"],
    )


class Memory(DeferredModel):
    """The total memory limit, and the limit of each kind of state."""

    bytes: int = Field(description="memory of all stored data", examples=[14_000])
    max_bytes: int = Field(description="value of the option memory_limit", examples=[536_870_912])
    bounds: list[BoundView]


class Ready(Alive):
    """The emulator serves requests."""

    version: str = Field(examples=[__version__])
    uptime: float = Field(description="seconds since the start", examples=[12.3])
    addresses: list[str] = Field(description="URLs of the listeners", examples=[["http://127.0.0.1:2010"]])
    proxy: str | None = Field(description="URL of the proxy", examples=["http://127.0.0.1:2012"])
    connections: int | None = Field(description="number of open connections, on all ports", examples=[1])
    connections_limit: int | None = Field(description="maximum number of open connections", examples=[20_000])
    memory: Memory


@router.get("/livez", summary="Check liveness")
async def livez() -> Alive:
    """Return 200 while the process runs."""
    return Alive()


@router.get("/readyz", summary="Check readiness")
async def readyz(services: ServicesDep) -> Ready:
    """Return addresses, connections and memory use."""
    listening = services.listening
    connections = listening.connections  # None under a server other than ours
    return Ready(
        version=__version__,
        uptime=round(time.monotonic() - services.started_at, 3),
        addresses=list(listening.addresses),
        proxy=listening.proxy,
        connections=None if connections is None else connections.open,
        connections_limit=None if connections is None else connections.limit,
        memory=_memory(services.engine.memory),
    )


def _memory(account: MemoryAccount) -> Memory:
    bounds = [
        BoundView(
            name=bound.kind.name,
            entries=bound.entries,
            max_entries=bound.max_entries,
            bytes=bound.bytes,
            max_bytes=bound.max_bytes,
            when_full=bound.kind.when_full,
        )
        for bound in account.bounds
    ]
    return Memory(bytes=account.bytes, max_bytes=account.limit, bounds=bounds)
