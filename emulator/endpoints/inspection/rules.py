"""`/_emulator/rules`: the rules of the emulator, with certainty and source."""

from fastapi import APIRouter
from pydantic import Field

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.engine.faults.magic_sids import MAGIC_CALLS
from emulator.wire import fidelity
from emulator.wire.rules import Certainty

router = APIRouter(route_class=ControlRoute, tags=["rules"])


class RuleView(DeferredModel):
    """A rule."""

    name: str = Field(examples=["content-not-json"])
    says: str = Field(examples=["400/32702 Invalid Content"])
    certainty: Certainty = Field(examples=["assumed"])
    source: str


class MagicCallView(DeferredModel):
    """A magic CallSid, which selects a fault."""

    ending: str = Field(description="the last eight hex digits of the CallSid", examples=["fa110429"])
    does: str


class DocumentView(DeferredModel):
    """The OpenAPI document that patterns, parameters and members come from."""

    name: str
    version: str
    date: str
    commit: str


class Rules(DeferredModel):
    """All rules, the deliberate deviations, the magic CallSids, and the OpenAPI document."""

    rules: list[RuleView]
    deviations: list[str]
    magic: list[MagicCallView] = Field(description="empty if the option magic is off")
    openapi: DocumentView


@router.get("/_emulator/rules", summary="List rules and their certainty")
async def rules() -> Rules:
    """List every rule with its certainty and source."""
    shown = [RuleView(name=r.name, says=r.says, certainty=r.certainty, source=r.source) for r in fidelity.RULES]
    document = fidelity.DOCUMENT
    return Rules(
        rules=shown,
        deviations=list(fidelity.DEVIATIONS),
        magic=[MagicCallView(ending=call.ending, does=call.does) for call in MAGIC_CALLS],
        openapi=DocumentView(name=document.name, version=document.version, date=document.date, commit=document.commit),
    )
