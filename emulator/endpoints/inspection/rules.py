"""`/_emulator/rules`: the rules of the emulator, with certainty and source."""

from fastapi import APIRouter

from emulator.endpoints.api.rules import MagicCallSid, RuleDescription, Rules, SourceDocument
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.engine.faults.magic_sids import MAGIC_CALLS
from emulator.wire import fidelity

router = APIRouter(route_class=ControlRoute, tags=["rules"])


@router.get("/_emulator/rules", summary="List rules and their certainty")
async def rules() -> Rules:
    """List every rule with its certainty and source; an error also with advice."""
    shown = (
        RuleDescription(
            name=rule.name, says=rule.summary, certainty=rule.certainty, source=rule.source, advice=rule.advice
        )
        for rule in fidelity.RULES
    )
    document = fidelity.DOCUMENT
    return Rules(
        rules=tuple(shown),
        deviations=tuple(fidelity.DEVIATIONS),
        magic=tuple(MagicCallSid(ending=call.ending, does=call.does) for call in MAGIC_CALLS),
        openapi=SourceDocument(
            name=document.name, version=document.version, date=document.date, commit=document.commit
        ),
    )
