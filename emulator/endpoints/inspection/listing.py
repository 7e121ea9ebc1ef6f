"""Listings that can wait: one component for messages, deliveries and retry sequences."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from fastapi import Request, Response

from emulator.endpoints.api.pagination import WaitResult
from emulator.endpoints.asgi import until_gone
from emulator.endpoints.inspection.error_handlers import FULL, Responses
from emulator.endpoints.inspection.query_params import WaitQuery
from emulator.endpoints.inspection.rendering import json_response, rendered_all
from emulator.engine.engine import Engine
from emulator.engine.filters import Filter
from emulator.engine.journal.waits import Waiter
from emulator.engine.time_slices import Window

Record = TypeVar("Record")
FilterT = TypeVar("FilterT", bound=Filter[Any])


def responses(page: type[WaitResult]) -> Responses:
    """The responses of a route that lists or waits."""
    return {**FULL, 408: {"model": page, "description": "Unsatisfied, with `strict=true`"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Generic[Record, FilterT]):
    """How one kind of record is found, waited for, and rendered.

    Attributes:
        name: member of the page with the records.
        find: counts the matching records and returns a part of them.
        convert: converts a record to its model.
        totals: the members of the page that show whether it is complete, from the count.
        wait: begins a wait with `at_least` and `at_most`, which ends with the context.
        explain: the members of the page that explain an unsatisfied wait.
        nothing_to_explain: the same members after a satisfied wait.
    """

    name: str
    find: Callable[[FilterT, Window], Awaitable[tuple[int, list[Record]]]]
    convert: Callable[[Record], object]
    totals: Callable[[int], dict[str, int]]
    wait: Callable[[FilterT, int | None, int | None], AbstractAsyncContextManager[Waiter[FilterT]]]
    explain: Callable[[Waiter[FilterT]], Awaitable[dict[str, Any]]]
    nothing_to_explain: dict[str, Any]

    async def respond(self, engine: Engine, query: WaitQuery, request: Request) -> Response:
        """Wait if the query asks for it, then list."""
        wanted, more = query.filter(), dict[str, Any]()
        if query.waits:
            async with self.wait(wanted, query.at_least, query.at_most) as wait:
                await until_over(wait.over, query.seconds, request)
            explained = self.nothing_to_explain if wait.fulfilled else await self.explain(wait)
            more = {"satisfied": wait.fulfilled, "ended": wait.ended, **explained}
        count, found = await self.find(wanted, query.window)
        records = await rendered_all(engine, self.convert, found)
        page = {self.name: records, **self.totals(count), **more}
        return json_response(page, 408 if query.strict and not more.get("satisfied", True) else 200)


async def until_over(over: asyncio.Future[Any], seconds: float, request: Request) -> None:
    """Return when the wait ends, the timeout expires, or the client disconnects."""
    leaving = asyncio.ensure_future(until_gone(request.scope, request.receive))
    try:
        await asyncio.wait({over, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if over.done():
            over.result()  # or the reason why the wait failed
        elif leaving.done():
            leaving.result()  # or an error in the body that it still sent
    finally:
        leaving.cancel()
