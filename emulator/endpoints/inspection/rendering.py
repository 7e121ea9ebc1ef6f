"""Rendering of records: one that fails becomes an error entry, and a page is rendered in slices."""

import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from fastapi import Response

from emulator.endpoints.api.json import RawJson, render
from emulator.endpoints.api.pagination import RecordError
from emulator.engine.engine import Engine
from emulator.engine.journal.journal import Journal
from emulator.engine.time_slices import Steps

_log = logging.getLogger("emulator.inspection")

T = TypeVar("T")

PAGE_BYTES = 2 * 1024**2
"""A page of a listing ends with the record that makes it larger than this."""
# The identifiers of records, the most specific first.
_IDENTIFIERS = ("sid", "id", "name", "identity")


def rendered(convert: Callable[[T], object], record: T) -> bytes:
    """Render a record as JSON, or an error entry if that fails."""
    try:
        return render(convert(record))
    except Exception as error:  # noqa: BLE001  whatever it is, other records are not to blame
        _log.exception("a record cannot be rendered")
        return render(_record_error(record, error))


async def rendered_all(engine: Engine, convert: Callable[[T], object], records: Sequence[T]) -> Any:  # noqa: ANN401
    """Render records in slices, up to the size of a page; the result is a value of a page's field."""
    return await engine.slices.run(_rendered_page(convert, records), len(records))


def _rendered_page(convert: Callable[[T], object], records: Iterable[T]) -> Steps[tuple[RawJson, ...]]:
    texts, size = list[RawJson](), 0
    for record in records:
        text = rendered(convert, record)
        texts.append(RawJson(text))
        size += len(text)
        yield
        if size > PAGE_BYTES:
            break
    return tuple(texts)


def _record_error(record: object, error: Exception) -> RecordError:
    seq = getattr(record, "seq", None)
    sid = next((getattr(record, name) for name in _IDENTIFIERS if hasattr(record, name)), None)
    return RecordError(
        error=ascii(f"this record cannot be rendered: {error!r}")[1:-1],
        seq=seq if isinstance(seq, int) else None,
        sid=None if sid is None else ascii(sid).strip("'"),
    )


def json_response(value: object, status: int = 200) -> Response:
    """Return a response with a rendered model."""
    return Response(render(value), status, media_type="application/json")


def totals(journal: Journal, count: int) -> dict[str, int]:
    """Return the members of a page that show whether it is complete."""
    return {
        "count": count,
        "last_seq": journal.last_seq,
        "oldest_seq": journal.oldest_seq,
        "evicted": journal.evicted,
    }
