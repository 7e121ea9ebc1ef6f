"""The JSON of records in the control API. Content is inserted as received, without encoding it again."""

import json
import logging
from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from typing import Any, TypeVar

from fastapi import Response
from pydantic import Field

from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.engine.callbacks.deliveries import Delivery
from emulator.engine.callbacks.end_user_messages import LoggedMessage
from emulator.engine.engine import Engine
from emulator.engine.explain.messages import NearMiss
from emulator.engine.faults.fault import Fault
from emulator.engine.journal.exchange import Exchange, unpack
from emulator.engine.journal.journal import Journal
from emulator.engine.slices import Steps
from emulator.engine.state.schemas import SchemaResult
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire import content, replies
from emulator.wire.dates import iso8601, rfc2822
from emulator.wire.masking import Masking

_log = logging.getLogger("emulator.inspection")

T = TypeVar("T")


class RecordError(DeferredModel):
    """Replaces a record that cannot be rendered, so that a list still contains the others."""

    error: str = Field(examples=["this record cannot be rendered: TypeError(…)"])
    seq: int | None = Field(None, description="its place, if it has one", examples=[1])
    sid: str | None = Field(None, description="its SID, id, name or identity")


PAGE_BYTES = 2 * 1024**2
"""A page of a listing ends with the record that makes it larger than this."""


def rendered(render: Callable[[T], str], record: T) -> bytes:
    """Render a record as JSON, or an error entry if that fails."""
    try:
        return render(record).encode()
    except Exception as error:  # noqa: BLE001  whatever it is, other records are not to blame
        _log.exception("a record cannot be rendered")
        return _record_error(record, error).model_dump_json().encode()


async def rendered_all(engine: Engine, render: Callable[[T], str], records: Sequence[T]) -> list[bytes]:
    """Render records as JSON in slices, up to the size of a page."""
    return await engine.slices.run(_rendered_page(render, records), len(records))


def _rendered_page(render: Callable[[T], str], records: Iterable[T]) -> Steps[list[bytes]]:
    texts, size = list[bytes](), 0
    for record in records:
        texts.append(rendered(render, record))
        size += len(texts[-1])
        yield
        if size > PAGE_BYTES:
            break
    return texts


# The identifiers of records, the most specific first.
_IDENTIFIERS = ("sid", "id", "name", "identity")


def _record_error(record: object, error: Exception) -> RecordError:
    seq = getattr(record, "seq", None)
    sid = next((getattr(record, name) for name in _IDENTIFIERS if hasattr(record, name)), None)
    return RecordError(
        error=ascii(f"this record cannot be rendered: {error!r}")[1:-1],
        seq=seq if isinstance(seq, int) else None,
        sid=None if sid is None else ascii(sid).strip("'"),
    )


def _value(text: str) -> str:
    """Return content as a JSON value: its own text, so that numbers keep their digits; `null` if readers fail."""
    return text if content.is_portable(text) else "null"


def message_json(exchange: Exchange) -> str:
    """Render a message as a JSON object."""
    message = exchange.message
    assert message is not None
    text = exchange.content or ""
    before = json.dumps(
        {
            "seq": exchange.seq,
            "sid": message.sid,
            "account_sid": message.account_sid,
            "call_sid": message.call_sid,
            "content": text,
        }
    )
    after = json.dumps(
        {
            "idempotency_key": message.idempotency_key,
            "replays": message.replays,
            "notes": message.notes,
            "schemas": [schema_view(result) for result in exchange.schemas],
            "date_created": rfc2822(message.date_created),
            "received_at": iso8601(exchange.context.received_at),
            "request_id": exchange.request_id,
            "delivered": handover_view(exchange.handover),
        }
    )
    return f'{before[:-1]}, "json": {_value(text)}, {after[1:]}'


def schema_view(result: SchemaResult) -> dict[str, Any]:
    """Convert a schema's validation result."""
    errors = [{"pointer": pointer, "message": text} for pointer, text in result.errors]
    return {"name": result.name, "valid": result.valid, "errors": errors}


def request_view(exchange: Exchange) -> dict[str, Any]:
    """Convert an exchange to a summary."""
    problem = exchange.problem
    return {
        "seq": exchange.seq,
        "request_id": exchange.request_id,
        "received_at": iso8601(exchange.context.received_at),
        "method": exchange.request.method,
        "path": exchange.request.path,
        "account_sid": exchange.context.account_sid,
        "call_sid": exchange.context.call_sid,
        "outcome": exchange.outcome,
        "status": exchange.status,
        "code": exchange.code,
        "idempotency_key": exchange.idempotency_key,
        "content": exchange.content,
        "message_sid": exchange.message.sid if exchange.message else None,
        "duration": exchange.duration,
        "delivered": handover_view(exchange.handover),
        "fault": fault_view(exchange.fault),
        "lost": exchange.is_lost,
        "rule": problem
        and {
            "name": problem.name,
            "says": problem.rule.summary.replace("{path}", exchange.request.path),
            "certainty": problem.certainty,
            "source": problem.source,
            "advice": problem.advice,
            "reason": exchange.reason,
        },
    }


def delivery_json(delivery: Delivery, mask: Masking) -> str:
    """Render a delivery as a JSON object."""
    notice = delivery.notice
    members = json.dumps(
        {
            "seq": delivery.seq,
            "id": delivery.id,
            "subscription_sid": delivery.subscription_sid,
            "message_sid": notice.sid,
            "account_sid": notice.account_sid,
            "call_sid": notice.call_sid,
            "method": delivery.method,
            "callback": mask.text(delivery.callback),
            "content": notice.content,
            "content_type": notice.content_type,
            "sequence_number": notice.sequence_number,
            "idempotency_token": delivery.idempotency_token,
            "created_at": iso8601(delivery.created_at),
            "outcome": delivery.outcome,
            "code": delivery.code,
            "attempts": [
                {"at": iso8601(one.at), "duration": one.duration, "status": one.status, "error": one.error}
                for one in delivery.attempts
            ],
        }
    )
    return f'{members[:-1]}, "json": {_value(notice.content)}}}'


def saying_json(saying: LoggedMessage) -> str:
    """Render a message of an end user as a JSON object."""
    said = saying.said
    members = json.dumps(
        {
            "sid": said.sid,
            "account_sid": said.account_sid,
            "call_sid": said.call_sid,
            "identity": said.identity,
            "content": said.content,
            "content_type": said.content_type,
            "sequence_number": saying.sequence_number,
            "at": iso8601(saying.at),
            "notified": saying.notified,
        }
    )
    return f'{members[:-1]}, "json": {_value(said.content)}}}'


def handover_view(handover: DeliveryStatus | None) -> dict[str, Any] | None:
    """Convert the delivery status of a message."""
    if handover is None:
        return None
    after = None if handover.after is None else round(handover.after * 1000, 3)
    return {"to": handover.to, "after_ms": after, "reason": handover.reason}


def fault_view(fault: Fault | None) -> dict[str, Any] | None:
    """Convert an applied fault."""
    if fault is None:
        return None
    return {"rule": fault.rule, "name": fault.name, "delay": fault.delay, "effect": fault.effect}


def request_json(exchange: Exchange) -> str:
    """Render a summary of an exchange as a JSON object."""
    return json.dumps(request_view(exchange))


def exchange_json(exchange: Exchange, mask: Masking) -> str:
    """Render an exchange with request and response as a JSON object."""
    request, reply = exchange.request, exchange.reply()
    whole = {
        "request": {
            "method": request.method,
            "target": mask.text(request.target),
            "headers": [{"name": name, "value": mask.header(name, value)} for name, value in unpack(request.head)],
            "form": mask.form(request.parameters()),
            "body": mask.body(request.body.decode(errors="replace")),
            "body_size": request.body_size,
            "body_cut": request.body_size > len(request.body),
            "peer": request.peer,
            "scheme": "https" if request.secure else "http",
        },
        "reply": reply
        and {
            "status": reply.status,
            "headers": [
                {"name": name.decode(), "value": mask.header(name.decode(), value.decode("latin-1"))}
                for name, value in replies.headers(exchange.reply_head(reply))
            ],
            "body": reply.body.decode(),
        },
    }
    return json.dumps(request_view(exchange) | whole)


def near_miss_json(miss: NearMiss) -> str:
    """Render a near miss as a JSON object: the exchange, the filters that it did not match, and a description."""
    view = {
        "text": miss.text,
        "lacks": [
            {
                "what": one.what,
                "wanted": jsonable(one.wanted),
                "found": jsonable(one.found),
                "differences": [
                    {
                        "pointer": d.pointer,
                        "wanted": jsonable(d.wanted),
                        "found": jsonable(d.found),
                        "missing": d.missing,
                    }
                    for d in one.where
                ],
            }
            for one in miss.mismatches
        ],
        "request": request_view(miss.exchange),
    }
    return json.dumps(view)


def jsonable(value: object) -> object:
    """Convert a value for common JSON readers: an integer of over 4300 digits becomes a string."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: jsonable(inner) for name, inner in value.items()}
    return [jsonable(inner) for inner in value] if isinstance(value, list) else value


def json_response(text: str | bytes, status: int = 200) -> Response:
    """Return a response from JSON text."""
    return Response(text, status, media_type="application/json")


def listing(name: str, texts: Iterable[bytes], **more: object) -> bytes:
    """Join rendered records and further members to a JSON object."""
    rest = ", " + json.dumps(more)[1:] if more else "}"
    return b'{"%b": [%b]%b' % (name.encode(), b", ".join(texts), rest.encode())


def totals(count: int, journal: Journal) -> dict[str, int]:
    """Return the members of a page that show whether it is complete."""
    return {
        "count": count,
        "last_seq": journal.last_seq,
        "oldest_seq": journal.oldest_seq,
        "evicted": journal.evicted,
    }
