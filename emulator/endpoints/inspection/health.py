"""`/livez` and `/readyz`: for health checks; never in the journal."""

import time

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from emulator import __version__

router = APIRouter(tags=["health"])


class Alive(BaseModel):
    """The process answers."""

    status: str = Field(default="ok", examples=["ok"])


class Ready(Alive):
    """Requests are served."""

    version: str = Field(examples=[__version__])
    uptime: float = Field(description="seconds since the start", examples=[12.3])
    addresses: list[str] = Field(description="where it listens", examples=[["http://127.0.0.1:2010"]])
    proxy: str | None = Field(description="where its proxy listens", examples=["http://127.0.0.1:2012"])
    connections: int | None = Field(description="open connections, on all ports", examples=[1])
    connections_limit: int | None = Field(description="how many may be open", examples=[20_000])


@router.get("/livez", summary="Is it alive?")
async def livez() -> Alive:
    """Answers while the process does."""
    return Alive()


@router.get("/readyz", summary="Is it ready?")
async def readyz(request: Request) -> Ready:
    """Answers once requests are served."""
    state = request.app.state
    acceptor = state.acceptor  # none under another server than ours
    return Ready(
        version=__version__,
        uptime=round(time.monotonic() - state.started, 3),
        addresses=list(state.addresses),
        proxy=state.proxy,
        connections=acceptor and acceptor.open,
        connections_limit=acceptor and acceptor.limit,
    )
