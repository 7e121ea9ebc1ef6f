"""`/livez` and `/readyz`: for health checks; never in the journal."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from emulator import __version__

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The server answers."""

    status: str = Field(default="ok", examples=["ok"])
    version: str = Field(default=__version__, examples=[__version__])


@router.get("/livez", summary="Is it alive?")
async def livez() -> Health:
    """Answers while the process does."""
    return Health()


@router.get("/readyz", summary="Is it ready?")
async def readyz() -> Health:
    """Answers once requests are served."""
    return Health()
