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
    advice: str | None = Field(description="what the client can do about an error; null = the rule is not an error")


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
    magic: list[MagicCallView] = Field(description="unless the option magic is off")
    openapi: DocumentView


@router.get("/_emulator/rules", summary="How sure is that?")
async def rules() -> Rules:
    """Every rule with its certainty and source; an error also with advice."""
    shown = [
        RuleView(name=rule.name, says=rule.summary, certainty=rule.certainty, source=rule.source, advice=rule.advice)
        for rule in fidelity.RULES
    ]
    document = fidelity.DOCUMENT
    return Rules(
        rules=shown,
        deviations=list(fidelity.DEVIATIONS),
        magic=[MagicCallView(ending=call.ending, does=call.does) for call in MAGIC_CALLS],
        openapi=DocumentView(name=document.name, version=document.version, date=document.date, commit=document.commit),
    )
