"""`/_emulator/users`: connected Voice SDKs, and the automatic answer to calls of other identities."""

from collections import defaultdict
from typing import Annotated, Literal

from fastapi import APIRouter, HTTPException, Path
from pydantic import AfterValidator, Discriminator, Field, Tag

from emulator.endpoints.api.users import Behaviour, ConnectedUser, UserCall, UserList
from emulator.endpoints.inspection.bodies import IN_BODY, Body
from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import EngineDep, ServicesDep
from emulator.endpoints.inspection.error_handlers import FULL, NOT_FOUND, UNPROCESSABLE
from emulator.endpoints.inspection.query_params import SkipQuery
from emulator.endpoints.inspection.rendering import rendered_all
from emulator.engine.voice.auto_answer import AutoAnswer, Reaction
from emulator.engine.voice.call_legs import CallLeg
from emulator.engine.voice.clients import ClientConnection

router = APIRouter(route_class=ControlRoute, prefix="/_emulator/users", tags=["users"], responses=UNPROCESSABLE)

Identity = Annotated[str, Path(min_length=1, max_length=256, examples=["alice"])]


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
    after: Annotated[float, AfterValidator(_at_once)] = Field(
        0.0, json_schema_extra={"minimum": 0, "maximum": 0}, examples=[0]
    )


def _answers(given: object) -> str:
    reaction = given.get("reaction", Reaction.ANSWER) if isinstance(given, dict) else getattr(given, "reaction", None)
    return "no answer" if reaction in (Reaction.RING, Reaction.BUSY, Reaction.REJECT) else "answer"


BehaviourBody = Annotated[
    Annotated[AnswerBody, Tag("answer")] | Annotated[NoAnswerBody, Tag("no answer")], Discriminator(_answers)
]
"""Reaction to a call if no user of this identity is registered."""


@router.get("", summary="List connected users")
async def list_users(services: ServicesDep, page: SkipQuery) -> UserList:
    """List the connected Voice SDKs and their calls."""
    legs = defaultdict[ClientConnection, list[CallLeg]](list)
    for leg in services.engine.call_controller.legs:
        for connection in leg.connections:
            legs[connection].append(leg)

    def view(connection: ClientConnection) -> ConnectedUser:
        return ConnectedUser(
            identity=connection.identity,
            account_sid=connection.account_sid,
            registered=connection.registered,
            calls=tuple(map(_call, legs[connection])),
        )

    connections = list(services.engine.call_controller.connections)
    listed = await rendered_all(services.engine, view, connections[page.skip :])
    return UserList(users=listed, count=len(connections), insights=services.insights())


def _call(leg: CallLeg) -> UserCall:
    return UserCall(
        call_sid=leg.call_sid,
        account_sid=leg.account_sid,
        direction="outgoing" if leg.caller else "incoming",
        answered=leg.answered,
    )


@router.put("/{identity}/behaviour", responses=FULL, summary="Set the automatic answer")
async def put_behaviour(engine: EngineDep, identity: Identity, body: Annotated[BehaviourBody, IN_BODY]) -> Behaviour:
    """Set the automatic answer to calls to this identity, or from it, while none of its clients is registered."""
    engine.call_controller.auto_answers.put(identity, AutoAnswer(body.reaction, body.after))
    return Behaviour(identity=identity, reaction=body.reaction, after=body.after)


@router.delete("/{identity}/behaviour", status_code=204, responses=NOT_FOUND, summary="Restore the default answer")
async def delete_behaviour(engine: EngineDep, identity: Identity) -> None:
    """Restore the default: calls are answered immediately."""
    if engine.call_controller.auto_answers.remove(identity) is None:
        raise HTTPException(404, f"no behaviour is set for {identity[:40]}")
