"""Log each refused request with the reason; optionally log every request."""

import logging

from emulator.engine.journal.exchange import Exchange, Outcome
from emulator.wire.masking import Masking

log = logging.getLogger("emulator.twilio")


def log_exchange(exchange: Exchange, masking: Masking, *, every: bool) -> None:
    """Log an exchange after its response is rendered."""
    level = logging.INFO if exchange.problem or every else logging.DEBUG
    if log.isEnabledFor(level):
        log.log(level, "%s", _sentence(exchange, masking), extra={"fields": _fields(exchange)})


def _sentence(exchange: Exchange, masking: Masking) -> str:
    request, problem, fault = exchange.request, exchange.problem, exchange.fault
    advice = ""
    what = f"{exchange.outcome} {request.method} {masking.text(request.target)}"
    if problem is not None:
        reason = f" ({exchange.reason})" if exchange.reason else ""
        what += f": {problem.rule.summary.replace('{path}', request.path)}{reason}"
        if exchange.outcome is Outcome.REFUSED:
            advice = f". Advice: {problem.advice}"
    injected = "" if fault is None else f"; {fault.name} by {fault.rule}"
    return what + injected + advice


def _fields(exchange: Exchange) -> dict[str, object]:
    return {
        "request_id": exchange.request_id,
        "outcome": exchange.outcome,
        "status": exchange.status,
        "code": exchange.code,
        "rule": exchange.problem.name if exchange.problem else None,
        "duration": exchange.duration,
        "fault": exchange.fault.name if exchange.fault else None,
        "account_sid": exchange.context.account_sid,
        "call_sid": exchange.context.call_sid,
    }
