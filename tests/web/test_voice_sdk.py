"""The newest Voice SDK, unmodified, in an ordinary page of another origin that loads the browser shim."""

import json
import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import BrowserContext, Page
from support.server import Caller, Site
from support.softphone import sealed, served


@pytest.fixture
def softphone(context: BrowserContext, site: Site) -> Iterator[Page]:
    """The page. Nothing may leave this machine, and nothing go wrong unseen."""
    strangers, wrong = sealed(context), list[str]()
    with served(f'<script src="{site.url}/_emulator/voice-shim.js"></script>') as url:
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda message: wrong.append(message.text) if message.type == "error" else None)
        page.goto(url)
        page.evaluate("start({ getUserMedia: silence, logLevel: 4 })")
        yield page
        page.evaluate("device.destroy()")
    assert (strangers, wrong) == ([], [])


def test_page_and_server_exchange_messages(softphone: Page, site: Site) -> None:
    softphone.evaluate("dial()")
    call = softphone.evaluate("next('accept')")
    caller = Caller(site, call=call["call_sid"])
    sid = caller.send('{"order": 7}').json()["sid"]
    received = softphone.evaluate("next('messageReceived')")
    sent = softphone.evaluate("say({ thanks: true })")
    acknowledged = softphone.evaluate("next('messageSent')")
    softphone.evaluate("call.disconnect()")
    softphone.evaluate("next('disconnect')")
    softphone.evaluate("device.register()")
    softphone.evaluate("next('registered')")
    refused = caller.send()

    assert call["status"] == "open"
    assert (received["voiceEventSid"], received["content"]) == (sid, {"order": 7})
    assert re.fullmatch("KX[0-9a-f]{32}", sent)
    assert (acknowledged["voiceEventSid"], acknowledged["content"]) == (sent, {"thanks": True})
    assert (refused.status, refused.json()["code"]) == (400, 21220)


def test_a_page_is_called(softphone: Page, site: Site) -> None:
    softphone.evaluate("device.register()")
    softphone.evaluate("next('registered')")
    placed = {"to": "client:alice", "parameters": {"order": "7"}}
    call = site.ask("POST", "/_emulator/calls", [("Content-Type", "application/json")], json.dumps(placed).encode())
    incoming = softphone.evaluate("next('incoming')")
    sid = Caller(site, call=incoming["CallSid"]).send('"while it rings"').json()["sid"]
    early = softphone.evaluate("next('messageReceived')")
    softphone.evaluate("call.accept()")

    assert softphone.evaluate("next('accept')")["status"] == "open"
    assert (call.status, call.json()["call_sid"]) == (201, incoming["CallSid"])
    assert (early["voiceEventSid"], early["content"]) == (sid, "while it rings")


def test_insights_and_sounds_are_redirected(softphone: Page, site: Site) -> None:
    sounds = f"{site.url}/js/client/sounds/releases/1.0.0/"
    with (
        softphone.expect_response(re.compile("/eventgw/v4/EndpointEvents")) as reported,
        softphone.expect_response(f"{sounds}outgoing.mp3*") as sound,
    ):
        softphone.evaluate("dial()")
    softphone.evaluate("next('accept')")

    assert reported.value.url.startswith(site.url)
    assert sound.value.status == 200


def test_other_requests_are_not_redirected(softphone: Page, site: Site) -> None:
    url = f"{site.url.replace('http', 'ws')}/signal?own"
    own = softphone.evaluate(
        """async (url) => {
          const socket = new WebSocket(url);
          await new Promise((resolve) => socket.addEventListener("open", resolve));
          const request = new XMLHttpRequest();
          request.open("GET", "/twilio.min.js", false);
          request.send();
          const reply = await fetch(new Request("/twilio.min.js"));
          return [socket instanceof WebSocket, socket.url, WebSocket.OPEN, request.status, reply.status];
        }""",
        url,
    )

    assert own == [True, url, 1, 200, 200]
