"""`/_emulator/faults`: rules that inject faults."""

from http import HTTPStatus
from typing import Annotated, Any

from fastapi import APIRouter, HTTPException, Path, Request, Response
from pydantic import Field

from emulator.endpoints.asgi import CONNECTION
from emulator.endpoints.inspection.bodies import IN_BODY
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import FULL, NOT_FOUND, UNPROCESSABLE, bad_value
from emulator.endpoints.inspection.fault_models import PROFILES, FaultBody, Profile, ProfileBody, RuleBody
from emulator.endpoints.inspection.models import RecordError, json_response, listing, rendered_all
from emulator.endpoints.inspection.query_params import ScopeListingQuery, ScopeQuery
from emulator.engine.capacity import size_of
from emulator.engine.faults.rules import FaultRule

FaultId = Annotated[str, Path(examples=["fault-1"])]

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/faults", tags=["faults"], responses=UNPROCESSABLE)


class FaultView(DeferredModel):
    """A rule and its counters."""

    id: str = Field(examples=["fault-1"])
    match: dict[str, Any] = Field(examples=[{"account_sid": "AC" + "a" * 32}])
    then: dict[str, Any] = Field(examples=[{"reply": {"status": 429}}])
    profile: str | None
    skip_first: int
    times: int | None
    probability: float
    seed: int | None
    ttl: float | None = Field(description="seconds, as given")
    seconds_left: float | None = Field(description="seconds until the rule expires; null: never")
    matched: int = Field(description="number of requests that matched while the rule was active", examples=[3])
    fired: int = Field(description="number of requests that it affected", examples=[1])
    active: bool = Field(description="whether the rule can still fire")


class FaultList(DeferredModel):
    """Rules in order, and the available profiles."""

    faults: list[FaultView | RecordError]
    count: int
    profiles: list[Profile]


class RemovedFaults(DeferredModel):
    """The number of removed rules."""

    deleted: int


def _view(engine: EngineDep, rule: FaultRule) -> FaultView:
    body = rule.source
    assert isinstance(body, RuleBody | ProfileBody)
    return FaultView(
        id=rule.id,
        match=body.match.model_dump(mode="json", exclude_unset=True),
        then=body.then.model_dump(mode="json", exclude_none=True),
        profile=body.profile if isinstance(body, ProfileBody) else None,
        skip_first=rule.recipe.skip_first,
        times=rule.recipe.times,
        probability=rule.recipe.probability,
        seed=rule.recipe.seed,
        ttl=rule.recipe.ttl,
        seconds_left=engine.faults.seconds_left(rule),
        matched=rule.matched,
        fired=rule.fired,
        active=not rule.is_spent,
    )


def _rule(engine: EngineDep, fault_id: str) -> FaultRule:
    rule = engine.faults.get(fault_id)
    if rule is None:
        raise HTTPException(
            HTTPStatus.NOT_FOUND, f"no fault {fault_id[:40]}; it was removed or reset, or it has expired"
        )
    return rule


@router.get("", response_class=Response, responses={200: {"model": FaultList}}, summary="List faults")
async def list_faults(engine: EngineDep, page: ScopeListingQuery) -> Response:
    """List the rules that can match requests of a scope, in order."""
    wanted = page.scope()
    rules = [rule for rule in engine.faults if wanted.overlaps(rule.recipe.match.scope)]
    profiles = [profile.model_dump(mode="json") for profile in PROFILES]
    listed = await rendered_all(engine, lambda rule: _view(engine, rule).model_dump_json(), rules[page.skip :])
    return json_response(listing("faults", listed, count=len(rules), profiles=profiles))


@router.post("", status_code=HTTPStatus.CREATED, responses=FULL, summary="Add a fault")
async def add_fault(engine: EngineDep, body: Annotated[FaultBody, IN_BODY], request: Request) -> FaultView:
    """Add a rule after all others; the first rule that applies wins."""
    if body.then.needs_connection and CONNECTION not in request.scope.get("extensions", {}):
        given = body.then.model_dump(mode="json", exclude_none=True)
        raise bad_value(
            "/then", given, "reply, delay or quota, because this server does not give access to its connections"
        )
    source_size = 2 * size_of(body.model_dump(mode="json"))  # the body, and the values of the recipe
    return _view(engine, engine.faults.add(body.recipe(), source=body, source_size=source_size))


@router.delete("", summary="Remove faults")
async def delete_faults(engine: EngineDep, scope: ScopeQuery) -> RemovedFaults:
    """Remove the rules of an account or call; without a scope, all."""
    return RemovedFaults(deleted=engine.faults.reset(scope.scope()))


@router.get("/{fault_id}", responses=NOT_FOUND, summary="Get a fault")
async def get_fault(engine: EngineDep, fault_id: FaultId) -> FaultView:
    """Return a rule and its counters."""
    return _view(engine, _rule(engine, fault_id))


@router.delete("/{fault_id}", status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND, summary="Remove a fault")
async def delete_fault(engine: EngineDep, fault_id: FaultId) -> None:
    """Remove a rule."""
    engine.faults.remove(_rule(engine, fault_id).id)
