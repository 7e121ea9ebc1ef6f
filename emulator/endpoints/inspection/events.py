"""`/_emulator/events`: what happens, as server-sent events (html.spec.whatwg.org, 9.2)."""

import asyncio
import json
from collections.abc import Coroutine, Iterator, Sequence
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from starlette.types import Receive, Scope, Send

from emulator.endpoints.asgi import CONNECTION, until_gone
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.engine import Engine
from emulator.endpoints.inspection.problems import FULL, UNPROCESSABLE
from emulator.endpoints.inspection.queries import RequestFilterQuery
from emulator.endpoints.inspection.views import delivery_json, message_json, rendered, request_json
from emulator.engine.deliveries import Delivery
from emulator.engine.emulation import Emulation
from emulator.engine.exchanges import Exchange
from emulator.engine.feed import MAX_BEHIND, Event, Kind, Reader

router = APIRouter(route_class=ControlRoute, tags=["events"], responses=UNPROCESSABLE)

_HEARTBEAT = 10.0
_AT_ONCE = 100  # events that are rendered before others get their turn
_LAST_WORD = 1.0  # seconds a reader that was given up has to take the reason


def _text(kind: str, data: str, seq: int | None = None) -> bytes:
    place = "" if seq is None else f"id: {seq}\n"
    # A line end would end the data; in JSON it can only stand between values.
    line = data.replace("\r", " ").replace("\n", " ")
    return f"event: {kind}\n{place}data: {line}\n\n".encode()


_LAGGED = _text("lagged", json.dumps({"missed": f"more than {MAX_BEHIND} events"}))


def _render(event: Event) -> bytes:
    about = event.about
    if isinstance(about, Exchange):
        if event.kind is Kind.MESSAGE:
            return _text(event.kind, rendered(message_json, about), event.seq)
        # Without id when the message follows: a reader that is cut off between the two gets both again.
        return _text(event.kind, rendered(request_json, about), None if about.created else event.seq)
    if isinstance(about, Delivery):
        return _text(event.kind, rendered(delivery_json, about))
    data = json.dumps({"account_sid": about.account_sid, "call_sid": about.call_sid})
    return _text(event.kind, data, event.seq)


class _Stream(Response):
    """Events to one reader until it goes away, falls behind, or the emulator stops."""

    media_type = "text/event-stream"

    def __init__(self, engine: Emulation, reader: Reader, first: bytes) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._engine = engine
        self._reader = reader
        self._first = first
        self._backlog = reader.take()  # now: what is asked for at once is not what a reader falls behind

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the end."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _first_of(self._send_all(send), self._reader.lagged.wait(), until_gone(scope, receive))
            async with asyncio.timeout(_LAST_WORD):
                await send({"type": "http.response.body", "body": _LAGGED if self._reader.lagged.is_set() else b""})
        except TimeoutError:  # it does not even take the reason
            scope["extensions"][CONNECTION].reset()
        finally:
            self._engine.feed.close(self._reader)

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": self._first, "more_body": True})
        await self._send_events(send, self._backlog)
        while not self._reader.ended:
            with suppress(TimeoutError):
                async with asyncio.timeout(_HEARTBEAT):
                    await self._reader.wait()
            events = self._reader.take()
            if not events:
                await send({"type": "http.response.body", "body": b": still here\n\n", "more_body": True})
            await self._send_events(send, events)

    async def _send_events(self, send: Send, events: Sequence[Event]) -> None:
        for some in _slices(events):
            chunk = b"".join(map(_render, some))
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
            await asyncio.sleep(0)  # sending alone does not wait while the socket takes it


def _slices(events: Sequence[Event]) -> Iterator[Sequence[Event]]:
    return (events[start : start + _AT_ONCE] for start in range(0, len(events), _AT_ONCE))


async def _first_of(*awaitables: Coroutine[Any, Any, object]) -> None:
    """Return with the first that is done; the others are ended."""
    tasks = [asyncio.ensure_future(awaitable) for awaitable in awaitables]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@router.get(
    "/_emulator/events",
    response_class=Response,
    responses={**FULL, 200: {"content": {"text/event-stream": {}}, "description": "Events without end"}},
    summary="Follow live",
)
async def events(
    engine: Engine,
    wanted: RequestFilterQuery,
    last_event_id: Annotated[int | None, Header(ge=0, examples=[1])] = None,
) -> Response:
    """Follow what happens: `request`, `message`, `delivery`, `reset`. Resume with `Last-Event-ID` or `after`.

    What was evicted in between is told first, as `evicted`; a reader that falls behind is told so, as `lagged`.
    """
    after = wanted.after if last_event_id is None else last_event_id
    resumed = last_event_id is not None or "after" in wanted.model_fields_set
    if last_event_id is not None and last_event_id > engine.journal.last_seq:
        after = 0  # a place in the journal of an emulator before this one: all is new
    reader = engine.follow(wanted.filter(after=after), resumed=resumed)
    first = b": the emulator's events\n\n"
    missed = engine.journal.evicted_through - after
    if resumed and missed > 0:
        evicted = min(missed, engine.journal.evicted)
        data = {"evicted": evicted, "evicted_through": engine.journal.evicted_through}
        first += _text("evicted", json.dumps(data))
    return _Stream(engine, reader, first)
