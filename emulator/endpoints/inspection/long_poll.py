"""Waiting for whoever asks: until it is over, for so long, or until the client has gone; and what to answer then."""

import asyncio
from typing import Any

from fastapi import Request, Response
from pydantic import Field

from emulator.endpoints.asgi import until_gone
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.error_handlers import FULL, Responses
from emulator.endpoints.inspection.models import json_response
from emulator.engine.journal.waits import WaitEnd, Waiter


class Waited(DeferredModel):
    """What a page says after a wait."""

    satisfied: bool = Field(default=True, description="after a wait: whether it got what it waited for")
    ended: WaitEnd = Field(default=WaitEnd.DECIDED, description="after a wait: why it is over")
    explanation: list[str] = Field(default=[], description="after an unsatisfied wait: why, in lines")


def responses(page: type[Waited]) -> Responses:
    """What a route declares that lists or waits."""
    return {
        **FULL,
        200: {"model": page},
        408: {"model": page, "description": "Unsatisfied, with `strict=true`"},
    }


async def until_over(over: asyncio.Future[Any], seconds: float, request: Request) -> None:
    """Return when it is over, when the time is, or at once when the client goes away."""
    leaving = asyncio.ensure_future(until_gone(request.scope, request.receive))
    try:
        await asyncio.wait({over, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            leaving.result()  # or what is wrong with what it still sent
    finally:
        leaving.cancel()


def waited(wait: Waiter[Any]) -> dict[str, Any]:
    """What became of a wait, as members of the answer; why it is unsatisfied is to be added."""
    return {"satisfied": wait.fulfilled, "ended": wait.ended, "explanation": []}


def page_response(text: bytes, more: dict[str, Any], *, strict: bool) -> Response:
    """A page that is JSON already, with what a wait added to it."""
    return json_response(text, 408 if strict and not more.get("satisfied", True) else 200)
