"""`/_emulator/rules`: what the emulator does, how sure that is, and where it was read."""

from fastapi import APIRouter
from pydantic import BaseModel, Field

from emulator.wire import ruleset
from emulator.wire.rules import Certainty

router = APIRouter(tags=["rules"])


class RuleView(BaseModel):
    """A rule."""

    name: str = Field(examples=["content-not-json"])
    says: str = Field(examples=["400/32702 Invalid Content"])
    certainty: Certainty = Field(examples=["assumed"])
    source: str


class DocumentView(BaseModel):
    """The OpenAPI document that patterns, parameters and members were read from."""

    name: str
    version: str
    date: str
    commit: str


class Rules(BaseModel):
    """All rules, the deliberate deviations, and the document."""

    rules: list[RuleView]
    deviations: list[str]
    openapi: DocumentView


@router.get("/_emulator/rules", summary="How sure is that?")
async def rules() -> Rules:
    """Every rule with its certainty and source."""
    shown = [RuleView(name=r.name, says=r.says, certainty=r.certainty, source=r.source) for r in ruleset.RULES]
    document = ruleset.DOCUMENT
    return Rules(
        rules=shown,
        deviations=list(ruleset.DEVIATIONS),
        openapi=DocumentView(name=document.name, version=document.version, date=document.date, commit=document.commit),
    )
