"""`/_emulator/users`: connected Voice SDKs, and the automatic answer to calls of other identities."""

from collections import defaultdict
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path, Response
from pydantic import AfterValidator, Discriminator, Field, Tag

from emulator.endpoints.inspection.bodies import IN_BODY, Body
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.deferred_model import DeferredModel
from emulator.endpoints.inspection.dependencies import EngineDep, ServicesDep
from emulator.endpoints.inspection.error_handlers import FULL, NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.models import RecordError, json_response, listing, rendered_all
from emulator.endpoints.inspection.query_params import SkipQuery
from emulator.engine.voice.auto_answer import AutoAnswer, Reaction
from emulator.engine.voice.call_legs import CallLeg
from emulator.engine.voice.clients import ClientConnection

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/users", tags=["users"], responses=UNPROCESSABLE)

Identity = Annotated[str, Path(min_length=1, max_length=256, examples=["alice"])]


class UserCall(DeferredModel):
    """A user's leg of a call."""

    call_sid: str = Field(examples=["CA" + "b" * 32])
    account_sid: str | None = Field(description="null: the call belongs to every account", examples=["AC" + "a" * 32])
    direction: str = Field(description="outgoing or incoming, from the user's point of view", examples=["outgoing"])
    answered: bool = Field(examples=[True])


class UserView(DeferredModel):
    """A connected Voice SDK."""

    identity: str = Field(examples=["alice"])
    account_sid: str | None = Field(description="account of the token; null: every account", examples=["AC" + "a" * 32])
    registered: bool = Field(description="whether the user can be called", examples=[True])
    calls: list[UserCall]


class UserList(DeferredModel):
    """The connected users."""

    users: list[UserView | RecordError]
    count: int = Field(examples=[1])
    insights: int = Field(description="number of insights reports of SDKs that were received and dropped", examples=[0])


class AnswerBody(Body):
    """The call is answered."""

    reaction: Literal[Reaction.ANSWER] = Field(Reaction.ANSWER, examples=["answer"])
    after: float = Field(0.0, ge=0, le=600, description="seconds of ringing before the answer", examples=[1.5])


def _at_once(after: float) -> float:
    if after:
        raise ValueError("after requires the reaction answer; other reactions happen immediately")
    return after


class NoAnswerBody(Body):
    """The call rings without an answer, is busy, or is rejected."""

    reaction: Literal[Reaction.RING, Reaction.BUSY, Reaction.REJECT] = Field(examples=["busy"])
    after: Annotated[float, AfterValidator(_at_once)] = Field(0.0, json_schema_extra={"const": 0}, examples=[0])


def _answers(given: object) -> str:
    reaction = given.get("reaction", Reaction.ANSWER) if isinstance(given, dict) else getattr(given, "reaction", None)
    return "no answer" if reaction in (Reaction.RING, Reaction.BUSY, Reaction.REJECT) else "answer"


BehaviourBody = Annotated[
    Annotated[AnswerBody, Tag("answer")] | Annotated[NoAnswerBody, Tag("no answer")], Discriminator(_answers)
]
"""Reaction to a call if no user of this identity is registered."""


class BehaviourView(DeferredModel):
    """The automatic answer of an identity."""

    identity: str = Field(examples=["alice"])
    reaction: Reaction = Field(examples=["answer"])
    after: float = Field(description="seconds of ringing before the answer", examples=[1.5])


@router.get("", response_class=Response, responses={200: {"model": UserList}}, summary="List connected users")
async def list_users(services: ServicesDep, page: SkipQuery) -> Response:
    """List the connected Voice SDKs and their calls."""
    parties = defaultdict[ClientConnection, list[CallLeg]](list)
    for party in services.engine.call_controller.parties:
        for line in party.lines:
            parties[line].append(party)

    def view(line: ClientConnection) -> str:
        calls_of_line = list(map(_call, parties[line]))
        return UserView(
            identity=line.identity, account_sid=line.account_sid, registered=line.registered, calls=calls_of_line
        ).model_dump_json()

    lines = list(services.engine.call_controller.lines)
    listed = await rendered_all(services.engine, view, lines[page.skip :])
    return json_response(listing("users", listed, count=len(lines), insights=services.insights()))


def _call(party: CallLeg) -> UserCall:
    return UserCall(
        call_sid=party.call_sid,
        account_sid=party.account_sid,
        direction="outgoing" if party.caller else "incoming",
        answered=party.answered,
    )


@router.put("/{identity}/behaviour", responses=FULL, summary="Set the automatic answer")
async def put_behaviour(
    engine: EngineDep, identity: Identity, body: Annotated[BehaviourBody, IN_BODY]
) -> BehaviourView:
    """Set the automatic answer to calls to this identity, or from it, while none of its clients is registered."""
    engine.call_controller.behaviours.put(identity, AutoAnswer(body.reaction, body.after))
    return BehaviourView(identity=identity, reaction=body.reaction, after=body.after)


@router.delete("/{identity}/behaviour", status_code=204, responses=NOT_FOUND, summary="Restore the default answer")
async def delete_behaviour(engine: EngineDep, identity: Identity) -> None:
    """Restore the default: calls are answered immediately."""
    if engine.call_controller.behaviours.remove(identity) is None:
        raise HTTPException(404, f"no behaviour is set for {identity[:40]}")
