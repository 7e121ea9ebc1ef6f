"""Waiting for whoever asks: until it is over, for so long, or until the client has gone."""

import asyncio
from typing import Any

from fastapi import Request

from emulator.endpoints.asgi import until_gone


async def until_over(over: asyncio.Future[Any], seconds: float, request: Request) -> None:
    """Return when it is over, when the time is, or at once when the client goes away."""
    leaving = asyncio.ensure_future(until_gone(request.scope, request.receive))
    try:
        await asyncio.wait({over, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            leaving.result()  # or what is wrong with what it still sent
    finally:
        leaving.cancel()
