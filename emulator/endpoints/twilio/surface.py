"""The Twilio surface as a plain ASGI application: read, judge, let the engine decide, answer.

Plain ASGI because every request of a client under test comes through here: a FastAPI route costs several times as much.
"""

import os
from collections.abc import Mapping
from time import perf_counter

from emulator.endpoints.asgi import CONNECTION, Receive, Scope, Send
from emulator.endpoints.twilio.bodies import ClientGoneError, drain, read_body
from emulator.endpoints.twilio.checks import Case, House, judge
from emulator.endpoints.twilio.log import log, tell
from emulator.engine.emulation import Emulation
from emulator.engine.exchanges import MAX_BODY_KEPT, Arrival, Exchange, Request, pack
from emulator.wire import paths, replies, sids
from emulator.wire.credentials import read_basic
from emulator.wire.errors import INTERNAL_ERROR, TwilioError
from emulator.wire.replies import Reply


class TwilioSurface:
    """Everything under `/2010-04-01/`."""

    def __init__(self, emulation: Emulation, house: House, *, log_every: bool = False) -> None:
        self._emulation = emulation
        self._house = house
        self._log_every = log_every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        begun = perf_counter()
        path = scope["raw_path"].decode("latin-1")
        headers = dict(scope["headers"])
        target = paths.parse(path)
        arrival = self._emulation.arrive(*(target[:2] if target else _owners(path, headers)))
        try:
            body, oversize = await read_body(receive, headers)
            case = Case(self._request(scope, path, body), target, headers, body, oversize)
            exchange = self._answer(arrival, case)
            exchange.duration = perf_counter() - begun
            tell(exchange, every=self._log_every)
            reply = exchange.reply()
            head = exchange.reply_head(reply)
            if oversize:
                # A client that asked first and was not told to go on sends nothing more.
                waits = not body and b"expect" in headers
                await _send_and_close(reply, head, None if waits else receive, send)
            else:
                await _send(reply, head, scope, send)
        except ClientGoneError:
            return
        except Exception:  # noqa: BLE001  even the journal may fail: Twilio's form all the same, and the server goes on
            log.exception("unexpected failure at %s %s", scope["method"], path)
            await self._send_failure(path, scope, send)
        finally:
            self._emulation.leave(arrival)

    def _request(self, scope: Scope, path: str, body: bytes) -> Request:
        query = scope["query_string"]
        return Request(
            scope["method"],
            f"{path}?{query.decode('latin-1')}" if query else path,
            self._emulation.journal.share(pack(scope["headers"])),
            body[:MAX_BODY_KEPT],
            len(body),
            scope["client"],
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
            return self._emulation.refuse(arrival, request, error.problem, error.reason)
        except Exception:  # noqa: BLE001  whatever it is, it is an exchange too
            log.exception("unexpected failure at %s %s", request.method, request.target)
            return self._emulation.refuse(arrival, request, INTERNAL_ERROR)

    async def _send_failure(self, path: str, scope: Scope, send: Send) -> None:
        reply = replies.refusal(INTERNAL_ERROR, path, replies.representation_of(path))
        now = self._emulation.clock.now()
        request_id = sids.make(sids.REQUEST, os.urandom(sids.ENTROPY_BYTES))  # not from where the failure may have been
        head = replies.head(reply, now=now, request_id=request_id, duration=0.0, concurrent=1, charset=False)
        await _send(reply, head, scope, send)


def _owners(path: str, headers: Mapping[bytes, bytes]) -> tuple[str | None, str | None]:
    """Whose a request is that will be refused: what its path says, else the username."""
    account_sid, call_sid = paths.owners(path)
    if account_sid is None:
        basic = read_basic(headers.get(b"authorization", b""))
        account_sid = basic.username if basic else None
    return account_sid, call_sid


async def _send(reply: Reply, head: bytes, scope: Scope, send: Send) -> None:
    """Send a whole reply."""
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is not None:
        connection.reply(reply.status, head, reply.body)
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": replies.headers(head)})
    await send({"type": "http.response.body", "body": reply.body})


async def _send_and_close(reply: Reply, head: bytes, receive: Receive | None, send: Send) -> None:
    """Answer a request that was not read to its end, and drain what the client still sends, so that it gets to read."""
    headers = [*replies.headers(head), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body, "more_body": True})
    if receive is not None:
        await drain(receive)
    await send({"type": "http.response.body"})
