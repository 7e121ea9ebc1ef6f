"""What a handler gets from the application that carries it."""

from typing import Annotated, cast

from fastapi import Depends, Request

from emulator.engine.emulation import Emulation


def _engine(request: Request) -> Emulation:
    return cast("Emulation", request.app.state.emulation)


def _show_secrets(request: Request) -> bool:
    return bool(request.app.state.show_secrets)


Engine = Annotated[Emulation, Depends(_engine)]
ShowSecrets = Annotated[bool, Depends(_show_secrets)]
