"""The Twilio surface as a plain ASGI application.

Plain ASGI because every request of the program under test passes here; a FastAPI route is several times as slow.
"""

import os
from collections.abc import Mapping
from functools import partial
from time import perf_counter

from emulator.endpoints.asgi import CONNECTION, BufferedRequest, Receive, RenderedResponse, Scope, Send
from emulator.endpoints.exchange_response import head_of, reply_of
from emulator.endpoints.twilio.bodies import MAX_BODY, ClientGoneError, read_body
from emulator.endpoints.twilio.checks import CheckState, SurfaceConfig, run_checks
from emulator.endpoints.twilio.faults import apply, hold
from emulator.endpoints.twilio.request_log import log, log_exchange
from emulator.engine.engine import Engine
from emulator.engine.journal.exchange import MAX_BODY_KEPT, Exchange, ReceivedRequest, RequestContext, pack
from emulator.wire import paths, replies, sids
from emulator.wire.credentials import read_basic
from emulator.wire.errors import INTERNAL_ERROR, TwilioError
from emulator.wire.masking import Masking
from emulator.wire.paths import Target

_OURS = paths.PREFIX + "/"


class TwilioApp:
    """All paths under `/2010-04-01/`."""

    def __init__(self, engine: Engine, config: SurfaceConfig, masking: Masking, *, log_every: bool = False) -> None:
        self._engine = engine
        self._config = config
        self._masking = masking
        self._log_every = log_every

    def answer(self, buffered: BufferedRequest) -> RenderedResponse | None:
        """Answer a request synchronously; None when it has another path, is too large, or may meet a fault."""
        if not buffered.target.startswith(_OURS) or len(buffered.body) > MAX_BODY:
            return None
        began = perf_counter()
        path = buffered.target.partition("?")[0]
        headers = buffered.fields
        target = paths.parse(path)
        if target is not None and self._engine.faults.may_apply(target.account_sid, target.call_sid):
            return None
        context = self._begin(path, target, headers)
        context.no_fault = True
        try:
            exchange = self._decide(context, buffered, CheckState(buffered.method, target, headers, buffered.body))
            return self._render(context, exchange, buffered, began)
        finally:
            self._engine.end_request(context)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request whose body arrives in parts, that may meet a fault, or that another server received."""
        began = perf_counter()
        path = scope["raw_path"].decode("latin-1")
        headers = dict(scope["headers"])
        target = paths.parse(path)
        context = self._begin(path, target, headers)
        try:
            body, oversize = await read_body(receive, headers)
            buffered = _whole(scope, path, headers, body)
            exchange = self._decide(context, buffered, CheckState(buffered.method, target, headers, body, oversize))
            fault = context.fault
            if fault is not None and fault.delay:
                await hold(context, fault.delay, self._engine, scope, receive)
            answer = self._render(context, exchange, buffered, began)
            if answer is None or (fault is not None and not fault.answers):
                assert fault is not None
                if not apply(fault, answer, scope):
                    await _send(self._failure(buffered), scope, send)
            else:
                await _send(answer, scope, send)
        except ClientGoneError:
            return
        finally:
            self._engine.end_request(context)

    def _begin(self, path: str, target: Target | None, headers: Mapping[bytes, bytes]) -> RequestContext:
        if target is None:
            return self._engine.begin_request(*_owners(path, headers))
        return self._engine.begin_request(target.account_sid, target.call_sid)

    def _decide(self, context: RequestContext, buffered: BufferedRequest, state: CheckState) -> Exchange | None:
        """Create the exchange of a request in one synchronous step; None when that failed."""
        try:
            return self._exchange(context, self._request(buffered), state)
        except Exception:  # noqa: BLE001  even the journal may fail: Twilio's form all the same, and the server goes on
            log.exception("unexpected failure at %s %s", buffered.method, self._masking.text(buffered.target))
            return None

    def _render(
        self, context: RequestContext, exchange: Exchange | None, buffered: BufferedRequest, began: float
    ) -> RenderedResponse | None:
        """Render the response; the exchange then counts as answered. None when a fault prevents a response."""
        try:
            if exchange is not None:
                exchange.duration = perf_counter() - began
                log_exchange(exchange, self._masking, every=self._log_every)
                reply = reply_of(exchange)
                if reply is None:
                    return None
                on_lost = partial(self._engine.client_left, context)
                return RenderedResponse(reply.status, head_of(exchange, reply), reply.body, on_lost)
        except Exception:  # noqa: BLE001  as above
            log.exception("unexpected failure at %s %s", buffered.method, self._masking.text(buffered.target))
        return self._failure(buffered)

    def _request(self, buffered: BufferedRequest) -> ReceivedRequest:
        return ReceivedRequest(
            buffered.method,
            buffered.target,
            self._engine.journal.share(pack(buffered.headers)),
            buffered.body[:MAX_BODY_KEPT],
            len(buffered.body),
            buffered.client,
            buffered.secure,
        )

    def _exchange(self, context: RequestContext, request: ReceivedRequest, state: CheckState) -> Exchange:
        """Create the exchange of a request; errors become refusals."""
        try:
            if request.method == "OPTIONS":
                return self._engine.preflight(context, request)
            new = run_checks(state, self._config)
            if new is not None:
                return self._engine.create(context, request, new)
            assert state.target is not None
            return self._engine.delete(context, request, state.target)
        except TwilioError as error:
            return self._engine.refuse(context, request, error.problem, error.reason)
        except Exception:  # noqa: BLE001  whatever it is, it is an exchange too
            log.exception("unexpected failure at %s %s", request.method, self._masking.text(request.target))
            return self._engine.refuse(context, request, INTERNAL_ERROR)

    def _failure(self, buffered: BufferedRequest) -> RenderedResponse:
        path = buffered.target.partition("?")[0]
        reply = replies.refusal(INTERNAL_ERROR, path, replies.representation_of(path))
        now = self._engine.clock.now()
        # Not an id of the engine, which may be what failed.
        request_id = sids.make(sids.REQUEST, os.urandom(sids.ENTROPY_BYTES))
        head = replies.head(reply, now=now, request_id=request_id, duration=0.0, concurrent=1, charset=False)
        return RenderedResponse(reply.status, replies.without_hsts(head) if buffered.secure else head, reply.body)


def _whole(scope: Scope, path: str, fields: Mapping[bytes, bytes], body: bytes) -> BufferedRequest:
    query = scope["query_string"]
    target = f"{path}?{query.decode('latin-1')}" if query else path
    secure = scope["scheme"] == "https"
    return BufferedRequest(scope["method"], target, scope["headers"], fields, body, scope["client"], secure)


def _owners(path: str, headers: Mapping[bytes, bytes]) -> tuple[str | None, str | None]:
    """Return the account and call of a request that will be refused: from its path, else from the username."""
    account_sid, call_sid = paths.owners(path)
    if account_sid is None:
        basic = read_basic(headers.get(b"authorization", b""))
        account_sid = basic.username if basic else None
    return account_sid, call_sid


async def _send(answer: RenderedResponse, scope: Scope, send: Send) -> None:
    """Send a buffered reply."""
    connection = scope.get("extensions", {}).get(CONNECTION)
    if connection is not None:
        connection.respond(answer)
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": replies.headers(answer.head)})
    await send({"type": "http.response.body", "body": answer.body})
