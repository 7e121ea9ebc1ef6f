"""A shop that tells a caller how the order goes, while the call lasts. Run: uvicorn --factory app:create_app."""

import json
from typing import Literal

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

CALL_IS_OVER = 21220


class Step(BaseModel):
    """What happened to an order."""

    order: int
    step: Literal["received", "packed", "sent"]


class Told(BaseModel):
    """The message that the caller's app got."""

    sid: str


def create_app(twilio: Client | None = None) -> FastAPI:
    """The service; without a client, one with the account and token of the environment."""
    app = FastAPI(title="Shop")
    client = twilio or Client()

    @app.post("/calls/{call_sid}/steps", status_code=201)
    def tell(call_sid: str, step: Step) -> Told:
        """Tell the caller; the same step twice is told once."""
        try:
            message = client.calls(call_sid).user_defined_messages.create(
                content=json.dumps({"type": "order", **step.model_dump()}),
                idempotency_key=f"{step.order}-{step.step}",
            )
        except TwilioRestException as error:
            if error.code == CALL_IS_OVER:
                raise HTTPException(409, "the caller has hung up") from error
            raise HTTPException(502, f"Twilio: {error.msg}") from error
        return Told(sid=message.sid)

    return app
