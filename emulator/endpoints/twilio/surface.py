"""The Twilio surface as a plain ASGI application: read, judge, let the engine decide, answer.

Plain ASGI because every request of a client under test comes through here: a FastAPI route costs several times as much.
"""

import logging
from time import perf_counter

from emulator.endpoints.twilio.asgi import Receive, Scope, Send
from emulator.endpoints.twilio.bodies import ClientGoneError, drain, read_body
from emulator.endpoints.twilio.checks import Case, House, judge
from emulator.engine.emulation import Emulation
from emulator.engine.exchanges import MAX_BODY_KEPT, Arrival, Exchange, Request, pack
from emulator.wire import paths, replies
from emulator.wire.errors import INTERNAL_ERROR, TwilioError

CONNECTION = "emulator.connection"
"""The ASGI extension through which our own server takes a whole reply at once; other servers do not have it."""

_log = logging.getLogger("emulator.twilio")


class TwilioSurface:
    """Everything under `/2010-04-01/`."""

    def __init__(self, emulation: Emulation, house: House) -> None:
        self._emulation = emulation
        self._house = house

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = perf_counter()
        path = scope["raw_path"].decode("latin-1")
        target = paths.parse(path)
        arrival = self._emulation.arrive(*(target[:2] if target else paths.owners(path)))
        try:
            headers = dict(scope["headers"])
            body, oversize = await read_body(receive, headers)
            request = self._request(scope, path, body)
            exchange = self._answer(arrival, Case(request, target, headers, body, oversize))
            exchange.duration = perf_counter() - begun
            await _send(exchange, scope, receive, send)
        except ClientGoneError:
            return
        finally:
            self._emulation.leave(arrival)

    def _request(self, scope: Scope, path: str, body: bytes) -> Request:
        query = scope["query_string"]
        client = scope["client"]
        return Request(
            scope["method"],
            f"{path}?{query.decode('latin-1')}" if query else path,
            self._emulation.journal.share(pack(scope["headers"])),
            body[:MAX_BODY_KEPT],
            len(body),
            f"{client[0]}:{client[1]}" if client else "",
            scope["scheme"] == "https",
        )

    def _answer(self, arrival: Arrival, case: Case) -> Exchange:
        """One synchronous step from the whole request to its exchange; nothing unexpected leaves it."""
        request = case.request
        try:
            if request.method == "OPTIONS":
                return self._emulation.preflight(arrival, request)
            return self._emulation.admit(arrival, request, judge(case, self._house))
        except TwilioError as error:
            exchange = self._emulation.refuse(arrival, request, error.problem, error.reason)
            _log.info(
                "refused %s %s: %s%s",
                request.method,
                request.target,
                error.problem.rule.says.replace("{path}", request.path),
                f" ({error.reason})" if error.reason else "",
            )
            return exchange
        except Exception:  # noqa: BLE001  whatever it is, the client gets Twilio's form of it and the server goes on
            _log.exception("unexpected failure at %s %s", request.method, request.target)
            return self._emulation.refuse(arrival, request, INTERNAL_ERROR)


async def _send(exchange: Exchange, scope: Scope, receive: Receive, send: Send) -> None:
    reply = exchange.reply()
    head = exchange.reply_head(reply)
    closing = (b"connection", b"close") in reply.headers
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is not None and not closing:
        connection.reply(reply.status, head, reply.body)
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": replies.headers(head)})
    if closing and not _waits_for_continue(scope):
        await send({"type": "http.response.body", "body": reply.body, "more_body": True})
        await drain(receive)
        await send({"type": "http.response.body"})
    else:
        await send({"type": "http.response.body", "body": reply.body})


def _waits_for_continue(scope: Scope) -> bool:
    return any(name == b"expect" for name, _ in scope["headers"])
