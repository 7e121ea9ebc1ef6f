"""`/_emulator/requests`: all exchanges of the Twilio surface, accepted or rejected."""

from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Response
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep, Mask
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.models import (
    RecordError,
    exchange_json,
    json_response,
    listing,
    rendered_all,
    request_json,
    totals,
)
from emulator.endpoints.inspection.query_params import RequestPageQuery
from emulator.engine.journal.exchange import Outcome
from emulator.wire import sids
from emulator.wire.errors import CONTENT_NOT_JSON

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/requests", tags=["requests"], responses=UNPROCESSABLE)

_EXAMPLE = "RQ8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"


class RefusingRule(DeferredModel):
    """The rule that rejected a request."""

    name: str = Field(examples=["content-not-json"])
    says: str = Field(examples=["400/32702 Invalid Content"])
    certainty: Literal["documented", "observed", "assumed"] = Field(examples=["assumed"])
    source: str
    advice: str = Field(description="what the client can do", examples=[CONTENT_NOT_JSON.advice])
    reason: str | None = Field(description="what exactly was wrong", examples=["Expecting value in 'hello'"])


class HandoverView(DeferredModel):
    """The delivery of a message to the end user."""

    to: str | None = Field(description="the identity of the connected Voice SDK; null = nobody", examples=["alice"])
    after_ms: float | None = Field(description="until it was written to the socket", examples=[0.4])
    reason: str | None = Field(description="why to nobody", examples=[None])


class AppliedFault(DeferredModel):
    """The fault that was applied."""

    rule: str = Field(description="the rule that fired, or magic-… of a CallSid", examples=["fault-1"])
    name: str = Field(examples=["drop-after"])
    delay: float = Field(description="seconds that the answer was held back", examples=[0.0])
    effect: str = Field(description="what happened", examples=["The connection was reset before anything was done."])


class RequestView(DeferredModel):
    """A summary of an exchange."""

    seq: int = Field(examples=[1])
    request_id: str = Field(examples=[_EXAMPLE])
    received_at: str = Field(examples=["2019-12-18T20:02:01.123Z"])
    method: str = Field(examples=["POST"])
    path: str = Field(description="raw, without the query")
    account_sid: str | None = Field(description="from the path, raw text when malformed; else the username")
    call_sid: str | None = Field(description="from the path, raw text when malformed")
    outcome: Outcome = Field(examples=["created"])
    status: int | None = Field(description="of the reply; null when a fault left none", examples=[201])
    code: int | None = Field(description="Twilio's error code", examples=[None])
    idempotency_key: str | None = Field(examples=["1"])
    content: str | None = Field(description="the parameter Content, as far as it could be read")
    message_sid: str | None = Field(description="the message that was created or replayed")
    duration: float | None = Field(description="seconds; null while the reply is not out", examples=[0.001])
    delivered: HandoverView | None = Field(description="of a message that was created: who got it")
    fault: AppliedFault | None = Field(description="what went wrong with it on purpose")
    lost: bool = Field(description="whether the client got no whole answer", examples=[False])
    rule: RefusingRule | None = Field(description="the rule that refused it")


class RequestList(DeferredModel):
    """A page of exchanges."""

    requests: list[RequestView | RecordError]
    count: int = Field(examples=[1])
    last_seq: int = Field(examples=[1])
    oldest_seq: int = Field(examples=[1])
    evicted: int = Field(examples=[0])


class HeaderView(DeferredModel):
    """A header."""

    name: str
    value: str


class ReceivedRequestView(DeferredModel):
    """A request as received; secrets are masked."""

    method: str
    target: str = Field(description="raw path and query")
    headers: list[HeaderView]
    form: dict[str, str]
    body: str = Field(description="at most 64 KiB of it; bytes that are not UTF-8 are replaced")
    body_size: int
    body_cut: bool
    peer: str
    scheme: Literal["http", "https"]


class SentResponseView(DeferredModel):
    """The response."""

    status: int
    headers: list[HeaderView]
    body: str


class ExchangeView(RequestView):
    """An exchange with request and response."""

    request: ReceivedRequestView
    reply: SentResponseView | None = Field(
        description="what was made; a fault may have kept it, or a part, from going out"
    )


@router.get("", response_class=Response, responses={200: {"model": RequestList}}, summary="List every request")
async def list_requests(engine: EngineDep, page: RequestPageQuery) -> Response:
    """All exchanges of the Twilio surface: created, replayed, rejected; without control and health requests."""
    count, found = await engine.page(engine.journal.requests(page.filter()), page.window)
    listed = await rendered_all(engine, request_json, found)
    return json_response(listing("requests", listed, **totals(count, engine.journal)))


@router.get(
    "/{request_id}",
    response_class=Response,
    responses={**NOT_FOUND, 200: {"model": ExchangeView}},
    summary="One request, whole",
)
async def get_request(engine: EngineDep, mask: Mask, request_id: Annotated[str, Path(examples=[_EXAMPLE])]) -> Response:
    """Request and response of one exchange, by its Twilio-Request-Id."""
    known = sids.is_sid(sids.REQUEST, request_id)
    exchange = engine.journal.get(request_id.removeprefix(sids.REQUEST)) if known else None
    if exchange is None:
        raise HTTPException(404, f"no request {request_id[:40]}; it never came, or was reset, or evicted")
    return json_response(exchange_json(exchange, mask))
