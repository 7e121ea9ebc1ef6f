"""A shop that sends order updates to a caller during a call. Run: uvicorn --factory app:create_app."""

import json
from typing import Literal

from fastapi import FastAPI, HTTPException
from pydantic import BaseModel
from twilio.base.exceptions import TwilioRestException
from twilio.rest import Client

CALL_HAS_ENDED = 21220


class Step(BaseModel):
    """A step of an order."""

    order: int
    step: Literal["received", "packed", "sent"]


class OrderMessage(BaseModel):
    """The created message."""

    sid: str


def create_app(twilio: Client | None = None) -> FastAPI:
    """Create the service. The default client uses account and token of the environment."""
    app = FastAPI(title="Shop")
    client = twilio or Client()

    @app.post("/calls/{call_sid}/steps", status_code=201)
    def send_step(call_sid: str, step: Step) -> OrderMessage:
        """Send a step to the caller; a repeated step creates no second message."""
        try:
            message = client.calls(call_sid).user_defined_messages.create(
                content=json.dumps({"type": "order", **step.model_dump()}),
                idempotency_key=f"{step.order}-{step.step}",
            )
        except TwilioRestException as error:
            if error.code == CALL_HAS_ENDED:
                raise HTTPException(409, "the caller has hung up") from error
            raise HTTPException(502, f"Twilio: {error.msg}") from error
        return OrderMessage(sid=message.sid)

    return app
