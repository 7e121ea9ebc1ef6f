"""How a handler gets the engine: the application carries it."""

from typing import Annotated, cast

from fastapi import Depends, Request

from emulator.engine.emulation import Emulation


def _engine(request: Request) -> Emulation:
    return cast("Emulation", request.app.state.emulation)


Engine = Annotated[Emulation, Depends(_engine)]
