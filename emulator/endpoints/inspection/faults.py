"""`/_emulator/faults`: rules that inject faults."""

from functools import partial
from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, HTTPException, Path, Request

from emulator.endpoints.api.faults import Fault, FaultList, Profile
from emulator.endpoints.api.json import portable
from emulator.endpoints.api.messages import Deleted
from emulator.endpoints.asgi import CONNECTION
from emulator.endpoints.inspection.bodies import IN_BODY
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep
from emulator.endpoints.inspection.error_handlers import FULL, NOT_FOUND, UNPROCESSABLE, bad_value
from emulator.endpoints.inspection.fault_kinds import KINDS
from emulator.endpoints.inspection.fault_models import PROFILES, FaultBody, ProfileBody, RuleBody
from emulator.endpoints.inspection.query_params import ScopeListingQuery, ScopeQuery
from emulator.endpoints.inspection.rendering import rendered_all
from emulator.engine.capacity import size_of
from emulator.engine.faults.kinds import FAULT_KINDS
from emulator.engine.faults.rules import FaultRule

FaultId = Annotated[str, Path(examples=["fault-1"])]

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/faults", tags=["faults"], responses=UNPROCESSABLE)


def _view(engine: EngineDep, rule: FaultRule) -> Fault:
    body = rule.source
    assert isinstance(body, RuleBody | ProfileBody)
    return Fault(
        id=rule.id,
        match=portable(body.match.model_dump(mode="json", exclude_unset=True)),
        then=body.then.model_dump(mode="json", exclude_none=True),
        profile=body.profile if isinstance(body, ProfileBody) else None,
        skip_first=rule.spec.skip_first,
        times=rule.spec.times,
        probability=rule.spec.probability,
        seed=rule.spec.seed,
        ttl=rule.spec.ttl,
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


@router.get("", summary="List faults")
async def list_faults(engine: EngineDep, page: ScopeListingQuery) -> FaultList:
    """List the rules that can match requests of a scope, in order."""
    wanted = page.scope()
    rules = [rule for rule in engine.faults if wanted.overlaps(rule.spec.match.scope)]
    profiles = tuple(Profile(**profile._asdict()) for profile in PROFILES)
    listed = await rendered_all(engine, partial(_view, engine), rules[page.skip :])
    return FaultList(faults=listed, count=len(rules), profiles=profiles, kinds=KINDS)


@router.post("", status_code=HTTPStatus.CREATED, responses=FULL, summary="Add a fault")
async def add_fault(engine: EngineDep, body: Annotated[FaultBody, IN_BODY], request: Request) -> Fault:
    """Add a rule after all others; the first rule that applies wins."""
    if body.then.needs_connection and CONNECTION not in request.scope.get("extensions", {}):
        given = body.then.model_dump(mode="json", exclude_none=True)
        *free, last = (kind.member for kind in FAULT_KINDS if not kind.needs_connection)
        allowed = f"{', '.join(free)}, delay or {last}"
        raise bad_value("/then", given, f"{allowed}, because this server does not give access to its connections")
    source_size = 2 * size_of(body.model_dump(mode="json"))  # the body, and the values of the specification
    return _view(engine, engine.faults.add(body.spec(), source=body, source_size=source_size))


@router.delete("", summary="Remove faults")
async def delete_faults(engine: EngineDep, scope: ScopeQuery) -> Deleted:
    """Remove the rules of an account or call; without a scope, all."""
    return Deleted(deleted=engine.faults.reset(scope.scope()))


@router.get("/{fault_id}", responses=NOT_FOUND, summary="Get a fault")
async def get_fault(engine: EngineDep, fault_id: FaultId) -> Fault:
    """Return a rule and its counters."""
    return _view(engine, _rule(engine, fault_id))


@router.delete("/{fault_id}", status_code=HTTPStatus.NO_CONTENT, responses=NOT_FOUND, summary="Remove a fault")
async def delete_fault(engine: EngineDep, fault_id: FaultId) -> None:
    """Remove a rule."""
    engine.faults.remove(_rule(engine, fault_id).id)
