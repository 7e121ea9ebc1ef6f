"""Long polling: wait until the condition holds, the timeout expires, or the client disconnects."""

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
    """The members of a page that describe a wait."""

    satisfied: bool = Field(default=True, description="after a wait: whether it got what it waited for")
    ended: WaitEnd = Field(default=WaitEnd.DECIDED, description="after a wait: why it is over")
    explanation: list[str] = Field(default=[], description="after an unsatisfied wait: why, in lines")


def responses(page: type[Waited]) -> Responses:
    """The responses of a route that lists or waits."""
    return {
        **FULL,
        200: {"model": page},
        408: {"model": page, "description": "Unsatisfied, with `strict=true`"},
    }


async def until_over(over: asyncio.Future[Any], seconds: float, request: Request) -> None:
    """Return when the wait ends, the timeout expires, or the client disconnects."""
    leaving = asyncio.ensure_future(until_gone(request.scope, request.receive))
    try:
        await asyncio.wait({over, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            leaving.result()  # or an error in the body that it still sent
    finally:
        leaving.cancel()


def waited(wait: Waiter[Any]) -> dict[str, Any]:
    """Return the result of a wait as members of the response; the caller adds the explanation."""
    return {"satisfied": wait.fulfilled, "ended": wait.ended, "explanation": []}


def page_response(text: bytes, more: dict[str, Any], *, strict: bool) -> Response:
    """Return a response from a rendered page and the members of a wait."""
    return json_response(text, 408 if strict and not more.get("satisfied", True) else 200)
