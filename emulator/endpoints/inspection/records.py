"""Conversions of the engine's records to response models."""

from datetime import UTC, datetime

from emulator.endpoints.api.deliveries import Delivery, DeliveryAttempt
from emulator.endpoints.api.end_users import MessageFromEndUser
from emulator.endpoints.api.json import parsed, portable
from emulator.endpoints.api.messages import (
    ContentDifference,
    FilterMismatch,
    Message,
    NearMiss,
    SchemaError,
    SchemaResult,
)
from emulator.endpoints.api.requests import (
    AppliedFault,
    EndUserDelivery,
    Header,
    RawRequest,
    RawResponse,
    RefusingRule,
    Request,
    RequestDetail,
)
from emulator.endpoints.api.retries import RetryAttempt, RetrySequence
from emulator.endpoints.exchange_response import head_of, reply_of
from emulator.engine.callbacks.deliveries import CallbackDelivery
from emulator.engine.callbacks.end_user_messages import LoggedMessage
from emulator.engine.explain.messages import NearbyExchange
from emulator.engine.explain.retries import describe
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.journal.exchange import Exchange, unpack
from emulator.engine.journal.retries import RetryGroup
from emulator.engine.state.schemas import ValidationResult
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire import replies
from emulator.wire.dates import rfc2822
from emulator.wire.masking import Masking


def timestamp(seconds: float) -> datetime:
    """Convert seconds since 1970."""
    return datetime.fromtimestamp(seconds, UTC)


def message(exchange: Exchange) -> Message:
    """Convert an exchange that created a message."""
    created = exchange.message
    assert created is not None
    content = exchange.content or ""
    return Message(
        seq=exchange.seq,
        sid=created.sid,
        account_sid=created.account_sid,
        call_sid=created.call_sid,
        content=content,
        json=parsed(content),
        idempotency_key=created.idempotency_key,
        replays=created.replays,
        notes=tuple(created.notes),
        schemas=tuple(map(_schema_verdict, exchange.schemas)),
        date_created=rfc2822(created.date_created),
        received_at=timestamp(exchange.context.received_at),
        request_id=exchange.request_id,
        delivered=_delivery_status(exchange.delivery_status),
    )


def _schema_verdict(result: ValidationResult) -> SchemaResult:
    errors = tuple(SchemaError(pointer=pointer, message=text) for pointer, text in result.errors)
    return SchemaResult(name=result.name, valid=result.valid, errors=errors)


def _delivery_status(status: DeliveryStatus | None) -> EndUserDelivery | None:
    if status is None:
        return None
    after = None if status.after is None else round(status.after * 1000, 3)
    return EndUserDelivery(to=status.to, after_ms=after, reason=status.reason)


def _fault(fault: InjectedFault | None) -> AppliedFault | None:
    if fault is None:
        return None
    return AppliedFault(rule=fault.rule, name=fault.name, delay=fault.delay, effect=fault.effect)


def _refusing_rule(exchange: Exchange) -> RefusingRule | None:
    problem = exchange.problem
    if problem is None:
        return None
    return RefusingRule(
        name=problem.name,
        says=problem.rule.summary.replace("{path}", exchange.request.path),
        certainty=problem.certainty,
        source=problem.source,
        advice=problem.advice,
        reason=exchange.reason,
    )


def request(exchange: Exchange) -> Request:
    """Convert an exchange to a summary."""
    return Request(
        seq=exchange.seq,
        request_id=exchange.request_id,
        received_at=timestamp(exchange.context.received_at),
        method=exchange.request.method,
        path=exchange.request.path,
        account_sid=exchange.context.account_sid,
        call_sid=exchange.context.call_sid,
        outcome=exchange.outcome,
        status=exchange.status,
        code=exchange.code,
        idempotency_key=exchange.idempotency_key,
        content=exchange.content,
        message_sid=exchange.message.sid if exchange.message else None,
        duration=exchange.duration,
        delivered=_delivery_status(exchange.delivery_status),
        fault=_fault(exchange.fault),
        lost=exchange.is_lost,
        rule=_refusing_rule(exchange),
    )


def exchange(exchange: Exchange, mask: Masking) -> RequestDetail:
    """Convert an exchange, with request and response."""
    summary = request(exchange)
    return RequestDetail(
        **{name: getattr(summary, name) for name in Request.__dataclass_fields__},
        request=_received(exchange, mask),
        reply=_sent(exchange, mask),
    )


def _received(exchange: Exchange, mask: Masking) -> RawRequest:
    received = exchange.request
    return RawRequest(
        method=received.method,
        target=mask.text(received.target),
        headers=tuple(Header(name=name, value=mask.header(name, value)) for name, value in unpack(received.head)),
        form=mask.form(received.parameters()),
        body=mask.body(received.body.decode(errors="replace")),
        body_size=received.body_size,
        body_cut=received.body_size > len(received.body),
        peer=received.peer,
        scheme="https" if received.secure else "http",
    )


def _sent(exchange: Exchange, mask: Masking) -> RawResponse | None:
    reply = reply_of(exchange)
    if reply is None:
        return None
    headers = ((name.decode(), value.decode("latin-1")) for name, value in replies.headers(head_of(exchange, reply)))
    return RawResponse(
        status=reply.status,
        headers=tuple(Header(name=name, value=mask.header(name, value)) for name, value in headers),
        body=reply.body.decode(),
    )


def near_miss(miss: NearbyExchange) -> NearMiss:
    """Convert a near miss: the exchange, the filters that it does not match, and a description."""
    lacks = tuple(
        FilterMismatch(
            what=mismatch.what,
            wanted=portable(mismatch.wanted),
            found=portable(mismatch.found),
            differences=tuple(
                ContentDifference(
                    pointer=difference.pointer,
                    wanted=portable(difference.wanted),
                    found=portable(difference.found),
                    missing=difference.missing,
                )
                for difference in mismatch.where
            ),
        )
        for mismatch in miss.mismatches
    )
    return NearMiss(text=miss.text, lacks=lacks, request=request(miss.exchange))


def retry_sequence(sequence: RetryGroup) -> RetrySequence:
    """Convert a retry sequence; of many attempts, the first and the last."""
    first = sequence.attempts[0]
    return RetrySequence(
        id=sequence.id,
        seq=sequence.seq,
        account_sid=first.context.account_sid,
        call_sid=first.context.call_sid,
        idempotency_key=first.idempotency_key,
        content=first.content,
        messages=sequence.messages,
        findings=sequence.findings,
        explanation=tuple(describe(sequence)),
        attempts=tuple(_attempt(attempt, gap) for attempt, gap in sequence.ends),
        left_out=len(sequence.attempts) - len(sequence.ends),
    )


def _attempt(attempt: Exchange, gap: float | None) -> RetryAttempt:
    return RetryAttempt(
        request_id=attempt.request_id,
        seq=attempt.seq,
        received_at=timestamp(attempt.context.received_at),
        gap=gap,
        outcome=attempt.outcome,
        status=attempt.status,
        code=attempt.code,
        idempotency_key=attempt.idempotency_key,
        content=attempt.content,
        lost=attempt.is_lost,
        fault=_fault(attempt.fault),
    )


def delivery(delivery: CallbackDelivery, mask: Masking) -> Delivery:
    """Convert a callback to a subscription."""
    notice = delivery.notice
    return Delivery(
        seq=delivery.seq,
        id=delivery.id,
        subscription_sid=delivery.subscription_sid,
        message_sid=notice.sid,
        account_sid=notice.account_sid,
        call_sid=notice.call_sid,
        method=delivery.method,
        callback=mask.text(delivery.callback),
        content=notice.content,
        content_type=notice.content_type,
        sequence_number=notice.sequence_number,
        idempotency_token=delivery.idempotency_token,
        created_at=timestamp(delivery.created_at),
        outcome=delivery.outcome,
        code=delivery.code,
        attempts=tuple(
            DeliveryAttempt(at=timestamp(each.at), duration=each.duration, status=each.status, error=each.error)
            for each in delivery.attempts
        ),
        json=parsed(notice.content),
    )


def end_user_message(logged: LoggedMessage) -> MessageFromEndUser:
    """Convert a message from an end user."""
    said = logged.said
    return MessageFromEndUser(
        sid=said.sid,
        account_sid=said.account_sid,
        call_sid=said.call_sid,
        identity=said.identity,
        content=said.content,
        content_type=said.content_type,
        sequence_number=logged.sequence_number,
        at=timestamp(logged.at),
        notified=logged.notified,
        json=parsed(said.content),
    )
