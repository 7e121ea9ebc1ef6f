"""How an exchange looks in the inspection API. JSON is joined from texts: what came is shown, not encoded again."""

import json
from collections.abc import Iterable

from emulator.engine.exchanges import Exchange
from emulator.engine.journal import Journal
from emulator.wire import content
from emulator.wire.dates import iso8601, rfc2822
from emulator.wire.messages import Message


def parsed(message: Message) -> str:
    """The content as a JSON value: its own text, so that no number loses a digit; `null` when readers would choke."""
    return message.content if content.is_portable(message.content) else "null"


def message_json(exchange: Exchange) -> str:
    """A message as a JSON object."""
    message = exchange.message
    assert message is not None
    before = json.dumps(
        {
            "seq": exchange.seq,
            "sid": message.sid,
            "account_sid": message.account_sid,
            "call_sid": message.call_sid,
            "content": message.content,
        }
    )
    after = json.dumps(
        {
            "idempotency_key": message.idempotency_key,
            "replays": message.replays,
            "notes": message.notes,
            "date_created": rfc2822(message.date_created),
            "received_at": iso8601(exchange.arrival.received_at),
            "request_id": exchange.request_id,
        }
    )
    return f'{before[:-1]}, "json": {parsed(message)}, {after[1:]}'


def listing(name: str, items: Iterable[str], count: int, journal: Journal) -> str:
    """A page of items that are JSON already, and what a reader needs to know whether it saw everything."""
    totals = json.dumps(
        {
            "count": count,
            "last_seq": journal.last_seq,
            "oldest_seq": journal.oldest_seq,
            "evicted": journal.evicted,
        }
    )
    return f'{{"{name}": [{", ".join(items)}], {totals[1:]}'
