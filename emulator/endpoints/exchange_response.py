"""The response of an exchange, rendered from the stored facts: the journal always shows what was sent to the client."""

from emulator.engine.faults.kinds.reply import ReplyFault
from emulator.engine.journal.exchange import Exchange, Outcome, host_of, wants_charset
from emulator.wire import replies, resources
from emulator.wire.hosts import is_twilio
from emulator.wire.replies import Reply


def reply_of(exchange: Exchange) -> Reply | None:
    """Return the reply; None when a fault leaves none at all. A fault may still suppress all or part of it."""
    path = exchange.request.path
    representation = replies.representation_of(path)
    page = _page_of(exchange) if exchange.context.fault is not None else None  # saves a call without a fault
    if page is not None:
        assert page.page is not None
        media_type = page.content_type.encode("latin-1")
        return Reply(int(page.problem.status), page.page.encode(), media_type, page.problem.headers)
    if exchange.problem is not None:
        return replies.refusal(exchange.problem, path, representation)
    if exchange.outcome is Outcome.DELETED:
        return replies.deleted(representation)
    if exchange.made is not None:
        return replies.created(exchange.made.element, exchange.made.members(), representation)
    return None if exchange.outcome is Outcome.FAULTED else replies.preflight(representation, resources.allow(path))


def head_of(exchange: Exchange, reply: Reply) -> bytes:
    """Return all header lines of the reply."""
    if exchange.context.fault is not None and _page_of(exchange) is not None:
        return replies.foreign_head(reply, now=exchange.replied_at)
    request = exchange.request
    head = replies.head(
        reply,
        now=exchange.replied_at,
        request_id=exchange.request_id,
        duration=exchange.duration or 0.0,
        concurrent=exchange.context.concurrent,
        charset=wants_charset(request.head),
    )
    # With HSTS from https://localhost, a browser would use https for every port of localhost.
    return replies.without_hsts(head) if request.secure and not is_twilio(host_of(request.head)) else head


def _page_of(exchange: Exchange) -> ReplyFault | None:
    """Return the fault that replies with a custom page, as a gateway would."""
    action = exchange.context.fault.action if exchange.context.fault is not None else None
    return action if isinstance(action, ReplyFault) and action.page is not None else None
