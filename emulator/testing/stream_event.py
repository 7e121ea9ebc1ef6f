"""Live events of `/_emulator/events`, with the server's records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from emulator.adapters.event_stream import ServerSentEvent
from emulator.endpoints.api.deliveries import Delivery
from emulator.endpoints.api.messages import Message
from emulator.endpoints.api.requests import Request
from emulator.testing.models import read

_RECORDS: dict[str, type[Any]] = {"request": Request, "message": Message, "delivery": Delivery}


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamEvent:
    """An event.

    Attributes:
        kind: `request`, `message`, `delivery`, `reset`, `evicted` or `lagged`.
        seq: position to continue after; None for events that cannot be resumed at.
        record: the record of a request, message or delivery, else the event's data.
    """

    kind: str
    seq: int | None
    record: Request | Message | Delivery | Mapping[str, Any]


def stream_event(event: ServerSentEvent) -> StreamEvent:
    """Parse an event."""
    data, kind = json.loads(event.data), _RECORDS.get(event.kind)
    record = data if kind is None or "error" in data else read(kind, data)
    return StreamEvent(kind=event.kind, seq=None if event.id is None else int(event.id), record=record)
