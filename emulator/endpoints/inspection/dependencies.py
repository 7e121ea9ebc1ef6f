"""What a handler gets from the application that carries it.

These functions are async because FastAPI calls others in a thread, which costs more than a control request itself.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from emulator.engine.engine import Engine
from emulator.wire.masking import Masking


async def _engine(request: Request) -> Engine:
    return cast("Engine", request.app.state.engine)


async def _masking(request: Request) -> Masking:
    return cast("Masking", request.app.state.masking)


EngineDep = Annotated[Engine, Depends(_engine)]
Mask = Annotated[Masking, Depends(_masking)]
