"""A shop that asks a caller a question while the call lasts, and hears the answer. Run: make example."""

import json
import os
from asyncio import Queue, timeout
from collections import defaultdict
from pathlib import Path

from fastapi import FastAPI, HTTPException, Request
from fastapi.responses import FileResponse, HTMLResponse
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.request_validator import RequestValidator
from twilio.rest import Client

HERE = Path(__file__).parent
SDK = Path(os.environ.get("NODE_PATH", HERE / "node_modules")) / "@twilio/voice-sdk/dist/twilio.min.js"
KEY, SECRET, APPLICATION = "SK" + "0" * 32, "0" * 32, "AP" + "0" * 32  # with Twilio they are yours, and secret


def create_app(client: Client, *, url: str, shim: str = "") -> FastAPI:
    """The service at this URL; its page loads the emulator's shim before the SDK, if one is given."""
    app = FastAPI(title="Shop")
    answers: defaultdict[str, Queue[str]] = defaultdict(Queue)
    genuine = RequestValidator(client.auth[1]).validate

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse((HERE / "page.html").read_text().replace("SHIM", shim))

    app.get("/twilio.min.js", response_class=FileResponse)(lambda: SDK)

    @app.post("/token")
    def token() -> str:
        """What the Voice SDK shows to say who its user is."""
        grant = VoiceGrant(outgoing_application_sid=APPLICATION)
        return AccessToken(client.account_sid, KEY, SECRET, identity="alice", grants=[grant]).to_jwt()

    @app.post("/calls/{call_sid}/question", status_code=204)
    def ask(call_sid: str) -> None:
        """Ask the caller, and subscribe to what the caller says."""
        call = client.calls(call_sid)
        call.user_defined_message_subscriptions.create(callback=f"{url}/answers", idempotency_key=call_sid)
        call.user_defined_messages.create(content=json.dumps({"question": "Your order is ready. Deliver it today?"}))

    @app.post("/answers", status_code=204)
    async def hear(request: Request) -> None:
        """Twilio's callback: the caller said something."""
        form = dict(await request.form())
        if not genuine(f"{url}/answers", form, request.headers["x-twilio-signature"]):
            raise HTTPException(403)
        answers[str(form["CallSid"])].put_nowait(json.loads(str(form["Content"]))["answer"])

    @app.get("/calls/{call_sid}/answer")
    async def answer(call_sid: str) -> str:
        """What the caller answered; waits for it."""
        async with timeout(30):
            return await answers[call_sid].get()

    return app
