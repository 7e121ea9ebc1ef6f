"""One line per refused request, with its reason; per request when every one is asked for."""

import logging

from emulator.engine.exchanges import Exchange

log = logging.getLogger("emulator.twilio")


def tell(exchange: Exchange, *, every: bool) -> None:
    """Log an exchange whose reply is made."""
    level = logging.INFO if exchange.problem or every else logging.DEBUG
    if log.isEnabledFor(level):
        log.log(level, "%s", _sentence(exchange), extra={"fields": _fields(exchange)})


def _sentence(exchange: Exchange) -> str:
    request, problem = exchange.request, exchange.problem
    if exchange.fault is not None:
        return f"{exchange.outcome}, {exchange.fault.name} by {exchange.fault.rule}: {request.method} {request.target}"
    if problem is None:
        return f"{exchange.outcome} {request.method} {request.target}"
    reason = f" ({exchange.reason})" if exchange.reason else ""
    return f"refused {request.method} {request.target}: {problem.rule.says.replace('{path}', request.path)}{reason}"


def _fields(exchange: Exchange) -> dict[str, object]:
    return {
        "request_id": exchange.request_id,
        "outcome": exchange.outcome,
        "status": exchange.status,
        "code": exchange.code,
        "rule": exchange.problem.name if exchange.problem else None,
        "duration": exchange.duration,
        "fault": exchange.fault.name if exchange.fault else None,
        "account_sid": exchange.arrival.account_sid,
        "call_sid": exchange.arrival.call_sid,
    }
