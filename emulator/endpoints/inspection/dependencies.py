"""Dependencies of handlers.

They are async because FastAPI runs other functions in a thread, which takes longer than most requests.
"""

from typing import Annotated, cast

from fastapi import Depends, Request

from emulator.endpoints.services import Services
from emulator.engine.engine import Engine
from emulator.wire.masking import Masking


async def _services(request: Request) -> Services:
    return cast("Services", request.app.state.services)


ServicesDep = Annotated[Services, Depends(_services)]


async def _engine(services: ServicesDep) -> Engine:
    return services.engine


async def _masking(services: ServicesDep) -> Masking:
    return services.masking


EngineDep = Annotated[Engine, Depends(_engine)]
Mask = Annotated[Masking, Depends(_masking)]
