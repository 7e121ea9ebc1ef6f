"""JSON of response models."""

import json
from datetime import datetime
from typing import Any

import orjson

from emulator.wire import content
from emulator.wire.dates import iso8601

RawJson = orjson.Fragment
"""JSON text that is inserted as it is."""

_OPTIONS = orjson.OPT_PASSTHROUGH_DATETIME  # its own format has microseconds


def render(value: object) -> bytes:
    """Render a model, or plain values.

    Raises:
        TypeError: it contains something that JSON cannot.
    """
    return orjson.dumps(value, _default, _OPTIONS)


def parsed(text: str) -> Any:  # noqa: ANN401  the type of the model's field
    """Return content as a JSON value: its own text, so that numbers keep their digits; None if readers would fail."""
    return RawJson(text) if content.is_portable(text) else None


def portable(value: object) -> Any:  # noqa: ANN401  as above
    """Return parsed JSON as a value to render; an integer of over 4300 digits becomes a string."""
    return RawJson(json.dumps(value, default=str))


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return iso8601(value.timestamp())
    raise TypeError(f"{type(value).__name__} is not JSON")
