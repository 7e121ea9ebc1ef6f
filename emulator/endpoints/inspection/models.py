"""How an exchange looks in the inspection API. JSON is joined from texts: what came is shown, not encoded again."""

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
from emulator.engine.faults.kinds import Fault
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
    """What stands in a list for a record that cannot be rendered, so that the others still can."""

    error: str = Field(examples=["this record cannot be rendered: TypeError(…)"])
    seq: int | None = Field(None, description="its place, if it has one", examples=[1])
    sid: str | None = Field(None, description="its SID, id, name or identity")


PAGE_BYTES = 2 * 1024**2
"""A page of a listing ends with the record that makes it larger than this."""


def rendered(render: Callable[[T], str], record: T) -> bytes:
    """A record as JSON, or an error entry for one that cannot be rendered."""
    try:
        return render(record).encode()
    except Exception as error:  # noqa: BLE001  whatever it is, other records are not to blame
        _log.exception("a record cannot be rendered")
        return _record_error(record, error).model_dump_json().encode()


async def rendered_all(engine: Engine, render: Callable[[T], str], records: Sequence[T]) -> list[bytes]:
    """Records as JSON, rendered in slices, each apart from the others, until they are a page."""
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


# What identifies a record, the most specific first.
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
    """A content as a JSON value: its own text, so that no number loses a digit; `null` when readers would choke."""
    return text if content.is_portable(text) else "null"


def message_json(exchange: Exchange) -> str:
    """A message as a JSON object."""
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
            "received_at": iso8601(exchange.arrival.received_at),
            "request_id": exchange.request_id,
            "delivered": handover_view(exchange.handover),
        }
    )
    return f'{before[:-1]}, "json": {_value(text)}, {after[1:]}'


def schema_view(result: SchemaResult) -> dict[str, Any]:
    """What a schema says of a message."""
    errors = [{"pointer": pointer, "message": text} for pointer, text in result.errors]
    return {"name": result.name, "valid": result.valid, "errors": errors}


def request_view(exchange: Exchange) -> dict[str, Any]:
    """An exchange in one line."""
    problem = exchange.problem
    return {
        "seq": exchange.seq,
        "request_id": exchange.request_id,
        "received_at": iso8601(exchange.arrival.received_at),
        "method": exchange.request.method,
        "path": exchange.request.path,
        "account_sid": exchange.arrival.account_sid,
        "call_sid": exchange.arrival.call_sid,
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
            "says": problem.rule.says.replace("{path}", exchange.request.path),
            "certainty": problem.certainty,
            "source": problem.source,
            "reason": exchange.reason,
        },
    }


def delivery_json(delivery: Delivery, mask: Masking) -> str:
    """A delivery as a JSON object."""
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
    """What an end user said, as a JSON object."""
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
            "told": saying.told,
        }
    )
    return f'{members[:-1]}, "json": {_value(said.content)}}}'


def handover_view(handover: DeliveryStatus | None) -> dict[str, Any] | None:
    """To whom a message was sent and after how many ms, or why to nobody."""
    if handover is None:
        return None
    after = None if handover.after is None else round(handover.after * 1000, 3)
    return {"to": handover.to, "after_ms": after, "reason": handover.reason}


def fault_view(fault: Fault | None) -> dict[str, Any] | None:
    """What went wrong on purpose, and by which rule."""
    return None if fault is None else {"rule": fault.rule, "name": fault.name, "delay": fault.delay}


def request_json(exchange: Exchange) -> str:
    """An exchange in one line, as a JSON object."""
    return json.dumps(request_view(exchange))


def exchange_json(exchange: Exchange, mask: Masking) -> str:
    """A whole exchange as a JSON object."""
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
    """An exchange that nearly matched, what it lacked, and that in words, as a JSON object."""
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
    """A value as common readers of JSON take it: a whole number of over 4300 digits becomes text."""
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, dict):
        return {name: jsonable(inner) for name, inner in value.items()}
    return [jsonable(inner) for inner in value] if isinstance(value, list) else value


def json_response(text: str | bytes, status: int = 200) -> Response:
    """A response of JSON that is a text already."""
    return Response(text, status, media_type="application/json")


def listing(name: str, texts: Iterable[bytes], **more: object) -> bytes:
    """A page of rendered records, and more members."""
    rest = ", " + json.dumps(more)[1:] if more else "}"
    return b'{"%b": [%b]%b' % (name.encode(), b", ".join(texts), rest.encode())


def totals(count: int, journal: Journal) -> dict[str, int]:
    """Members of a page that show whether it is everything."""
    return {
        "count": count,
        "last_seq": journal.last_seq,
        "oldest_seq": journal.oldest_seq,
        "evicted": journal.evicted,
    }
