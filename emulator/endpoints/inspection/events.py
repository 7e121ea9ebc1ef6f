"""`/_emulator/events`: server-sent events (html.spec.whatwg.org, 9.2)."""

import asyncio
from collections import deque
from collections.abc import Coroutine
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Response
from starlette.types import Receive, Scope, Send

from emulator.endpoints.api.json import render
from emulator.endpoints.asgi import CONNECTION, until_gone
from emulator.endpoints.inspection import records
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import FULL, UNPROCESSABLE
from emulator.endpoints.inspection.query_params import RequestFilterQuery
from emulator.endpoints.inspection.rendering import rendered
from emulator.engine.callbacks.deliveries import CallbackDelivery
from emulator.engine.engine import Engine
from emulator.engine.events import MAX_BEHIND, Event, EventKind, Subscriber
from emulator.engine.journal.exchange import Exchange
from emulator.engine.time_slices import SLICE, Steps
from emulator.wire.masking import Masking

router = APIRouter(route_class=ControlRoute, tags=["events"], responses=UNPROCESSABLE)

_CHUNK = 64 * 1024
_HEARTBEAT = 10.0
_LAST_WORD = 1.0  # seconds for a subscriber that fell behind to receive the reason


_NO_LINE_ENDS = bytes.maketrans(b"\r\n", b"  ")


def _text(kind: str, data: bytes, seq: int | None = None) -> bytes:
    place = b"" if seq is None else b"id: %d\n" % seq
    # A line end would end the data; in JSON it occurs only between values.
    return b"event: %b\n%bdata: %b\n\n" % (kind.encode(), place, data.translate(_NO_LINE_ENDS))


_LAGGED = _text("lagged", render({"missed": f"more than {MAX_BEHIND} events"}))


def _render(event: Event, mask: Masking) -> bytes:
    about = event.about
    if isinstance(about, Exchange):
        if event.kind is EventKind.MESSAGE:
            return _text(event.kind, rendered(records.message, about), event.seq)
        # Without an id when the message follows: a client that disconnects between the two receives both again.
        return _text(event.kind, rendered(records.request, about), None if about.created else event.seq)
    if isinstance(about, CallbackDelivery):
        return _text(event.kind, rendered(partial(records.delivery, mask=mask), about))
    data = render({"account_sid": about.account_sid, "call_sid": about.call_sid})
    return _text(event.kind, data, event.seq)


def _render_some(events: deque[Event], mask: Masking) -> Steps[bytes]:
    """Remove events from the front and render them, up to the size of a chunk."""
    chunk = bytearray()
    while events and len(chunk) < _CHUNK:
        chunk += _render(events.popleft(), mask)
        yield
    return bytes(chunk)


class _Stream(Response):
    """The stream of one subscriber, until it disconnects, falls behind, or the emulator stops."""

    media_type = "text/event-stream"

    def __init__(self, engine: Engine, reader: Subscriber, mask: Masking) -> None:
        super().__init__(headers={"cache-control": "no-store"})
        del self.headers["content-length"]
        self._engine = engine
        self._reader = reader
        self._mask = mask

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send events until the stream ends."""
        try:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            await _first_of(self._send_all(send), self._reader.lagged.wait(), until_gone(scope, receive))
            async with asyncio.timeout(_LAST_WORD):
                await send({"type": "http.response.body", "body": _LAGGED if self._reader.lagged.is_set() else b""})
        except TimeoutError:  # it does not read the reason either
            scope["extensions"][CONNECTION].reset()
        finally:
            self._engine.events.close(self._reader)

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.body", "body": b": the emulator's events\n\n", "more_body": True})
        reader, slices = self._reader, self._engine.slices
        while not reader.ended or reader.is_behind:
            chunk = b""
            try:
                async with asyncio.timeout(_HEARTBEAT):
                    await reader.wait()
            except TimeoutError:
                chunk = b": still here\n\n"
            chunk += self._evicted()
            events = deque(await slices.run(self._engine.events.read(reader), SLICE))
            while chunk or events:
                chunk += await slices.run(_render_some(events, self._mask), len(events))
                await send({"type": "http.response.body", "body": chunk, "more_body": True})
                chunk = b""

    def _evicted(self) -> bytes:
        """Return an event for records that the subscriber missed, if any."""
        reader, journal = self._reader, self._engine.journal
        missed = journal.evicted_through - reader.position
        if missed <= 0 or not reader.is_behind:
            return b""
        data = {"evicted": min(missed, journal.evicted), "evicted_through": journal.evicted_through}
        reader.position = journal.evicted_through
        return _text("evicted", render(data))


async def _first_of(*awaitables: Coroutine[Any, Any, object]) -> None:
    """Return when the first is done; cancel the others."""
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
    responses={**FULL, 200: {"content": {"text/event-stream": {}}, "description": "Stream of events"}},
    summary="Stream events",
)
async def events(
    engine: EngineDep,
    mask: Mask,
    wanted: RequestFilterQuery,
    last_event_id: Annotated[int | None, Header(ge=0, examples=[1])] = None,
) -> Response:
    """Stream events: `request`, `message`, `delivery`, `reset`. Resume with `Last-Event-ID` or `after`.

    An `evicted` event reports records that were evicted before they were sent. A client more than 1,000 events behind
    receives a `lagged` event and is disconnected.
    """
    after = wanted.after if last_event_id is None else last_event_id
    resumed = last_event_id is not None or "after" in wanted.model_fields_set
    if last_event_id is not None and last_event_id > engine.journal.last_seq:
        after = 0  # a seq of an earlier emulator: all events are new
    return _Stream(engine, engine.events.open(wanted.filter(after=after), resumed=resumed), mask)
