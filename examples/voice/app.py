"""A shop that asks a caller a question during a call, and receives the answer. Run: make example."""

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
KEY, SECRET, APPLICATION = "SK" + "0" * 32, "0" * 32, "AP" + "0" * 32  # with Twilio, use your own, and keep them secret


def create_app(client: Client, *, url: str, shim: str = "") -> FastAPI:
    """Create the service; its page loads the script `shim` before the SDK."""
    app = FastAPI(title="Shop")
    answers: defaultdict[str, Queue[str]] = defaultdict(Queue)
    has_valid_signature = RequestValidator(client.auth[1]).validate

    @app.get("/")
    def page() -> HTMLResponse:
        return HTMLResponse((HERE / "page.html").read_text().replace("SHIM", shim))

    app.get("/twilio.min.js", response_class=FileResponse)(lambda: SDK)

    @app.post("/token")
    def token() -> str:
        """Create an access token that identifies the user of the Voice SDK."""
        grant = VoiceGrant(outgoing_application_sid=APPLICATION)
        return AccessToken(client.account_sid, KEY, SECRET, identity="alice", grants=[grant]).to_jwt()

    @app.post("/calls/{call_sid}/question", status_code=204)
    def ask(call_sid: str) -> None:
        """Send a question to the caller, and subscribe to the caller's messages."""
        call = client.calls(call_sid)
        call.user_defined_message_subscriptions.create(callback=f"{url}/answers", idempotency_key=call_sid)
        call.user_defined_messages.create(content=json.dumps({"question": "Your order is ready. Deliver it today?"}))

    @app.post("/answers", status_code=204)
    async def receive(request: Request) -> None:
        """Receive Twilio's callback with a message of the caller."""
        form = dict(await request.form())
        if not has_valid_signature(f"{url}/answers", form, request.headers["x-twilio-signature"]):
            raise HTTPException(403)
        answers[str(form["CallSid"])].put_nowait(json.loads(str(form["Content"]))["answer"])

    @app.get("/calls/{call_sid}/answer")
    async def answer(call_sid: str) -> str:
        """Wait for the caller's answer and return it."""
        async with timeout(30):
            return await answers[call_sid].get()

    return app
