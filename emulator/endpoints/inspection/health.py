"""`/livez` and `/readyz`: health checks, which the journal does not contain."""

import time

from fastapi import APIRouter

from emulator import __version__
from emulator.endpoints.api.health import Alive, BoundUse, MemoryUse, Ready
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import ServicesDep
from emulator.engine.capacity import MemoryAccount

router = APIRouter(route_class=ControlRoute, tags=["health"])


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
        addresses=tuple(listening.addresses),
        proxy=listening.proxy,
        connections=None if connections is None else connections.open,
        connections_limit=None if connections is None else connections.limit,
        memory=_memory(services.engine.memory),
    )


def _memory(account: MemoryAccount) -> MemoryUse:
    bounds = tuple(
        BoundUse(
            name=bound.kind.name,
            entries=bound.entries,
            max_entries=bound.max_entries,
            bytes=bound.bytes,
            max_bytes=bound.max_bytes,
            when_full=bound.kind.when_full,
        )
        for bound in account.bounds
    )
    return MemoryUse(bytes=account.bytes, max_bytes=account.limit, bounds=bounds)
