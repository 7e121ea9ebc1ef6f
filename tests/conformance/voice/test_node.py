"""Twilio's Voice SDK, unmodified, in plain Node with the shim: calls, messages both ways, errors, lost sockets.

The first version that knows messages, the first that tells a call's errors to the call, and the newest.
"""

import json
import re
import time
from collections.abc import Iterator
from queue import SimpleQueue
from urllib.parse import urlencode

import pytest
from conformance.voice.callbacks import Callback, receiving
from conformance.voice.devices import MESSAGE_TYPE, NodeDevice, NodeDevices
from support.builders import ACCOUNT, API_KEY, OTHER_ACCOUNT
from support.server import PATIENCE, Caller, Running, Site, path_of
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import ChatGrant, VoiceGrant
from twilio.request_validator import RequestValidator

from emulator.engine.state.calls import Leg, RegisteredCall, Status
from emulator.settings import Settings
from emulator.wire.credentials import ApiKey

KEY_SECRET = "a secret that is long enough for HS256"
SDKS = {"2.2": "voice-sdk-2.2", "2.12": "voice-sdk-2.12", "newest": "@twilio/voice-sdk"}


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """An emulator whose users nobody else calls."""
    with Running(Settings(port=0)) as running:
        yield running


@pytest.fixture(scope="module")
def own_site(running: Running) -> Site:
    return running.site


@pytest.fixture(scope="module", params=SDKS)
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def devices(own_site: Site, version: str) -> Iterator[NodeDevices]:
    """One process for all tests of a version: to start it takes longer than to call."""
    with NodeDevices(own_site, SDKS[version]) as devices:
        yield devices


@pytest.fixture
def alice(devices: NodeDevices, request: pytest.FixtureRequest) -> Iterator[NodeDevice]:
    """A device that no other test uses."""
    device = devices[f"alice-{request.node.name}"]
    yield device
    device.do("destroy")


@pytest.fixture
def bob(devices: NodeDevices, request: pytest.FixtureRequest) -> Iterator[NodeDevice]:
    """The other one."""
    device = devices[f"bob-{request.node.name}"]
    yield device
    device.do("destroy")


@pytest.fixture(scope="module")
def callbacks() -> Iterator[tuple[str, SimpleQueue[Callback]]]:
    """A server application's address, and what comes there."""
    with receiving() as (url, received):
        yield url, received


def caller_of(site: Site, call: dict[str, str]) -> Caller:
    """A server application that knows this call."""
    return Caller(site, call=call["call_sid"])


def refusal(device: NodeDevice) -> tuple[str, int, int | None]:
    """Who was told, what the SDK made of the error, and what the emulator had said."""
    error = device.wait_for("error")
    return error["at"], error["code"], error.get("original")


def refused(version: str, code: int) -> tuple[str, int, int | None]:
    """How an SDK tells of a message that was refused; not for every error has it a class (errors/generated.ts)."""
    if version == "2.2":
        return "device", 53000, None
    return "call", 31000 if code == 31211 else code, code


def test_an_outgoing_call_is_real(alice: NodeDevice, own_site: Site) -> None:
    call = alice.call("nobody")
    caller = caller_of(own_site, call)
    sid = caller.send('{"n": 1.5, "list": [null, "é"]}').json()["sid"]
    received = alice.wait_for("messageReceived")
    sent = alice.send({"answer": 1})
    acknowledged = alice.wait_for("messageSent")

    assert re.fullmatch("CA[0-9a-f]{32}", call["call_sid"])
    assert call["status"] == "open"
    assert (received["voiceEventSid"], received["content"]) == (sid, {"n": 1.5, "list": [None, "é"]})
    assert (received["contentType"], received["messageType"]) == ("application/json", MESSAGE_TYPE)
    assert re.fullmatch("KX[0-9a-f]{32}", sent)
    assert (acknowledged["voiceEventSid"], acknowledged["content"]) == (sent, {"answer": 1})
    alice.do("hangUp").wait_for("disconnect")
    # What was said after the hang-up is handled after it: then the emulator knows.
    alice.do("register").wait_for("registered")
    refused = caller.send()
    assert (refused.status, refused.json()["code"]) == (400, 21220)
    alice.do("unregister").wait_for("unregistered")


def test_twilios_own_scenario_of_two_clients(
    alice: NodeDevice, bob: NodeDevice, own_site: Site, version: str, callbacks: tuple[str, SimpleQueue[Callback]]
) -> None:
    """As in e2e tests of twilio-voice.js: a call, a message each way at either end, and a type that is none."""
    hook, called = callbacks
    bob.do("register").wait_for("registered")
    alice.do("call", {"To": f"client:{bob.name}", "order": "7 & 8"})
    incoming = bob.wait_for("incoming")
    early = Caller(own_site, call=incoming["CallSid"]).send('"early"').json()["sid"]
    assert bob.wait_for("messageReceived")["voiceEventSid"] == early  # while it rings
    calls = [bob.do("accept").wait_for("accept"), alice.wait_for("accept")]

    assert (incoming["From"], incoming["custom"]) == (f"client:{alice.name}", {"order": "7 & 8"})
    for device, call in zip((bob, alice), calls, strict=True):
        caller = caller_of(own_site, call)
        subscriptions = path_of(caller.account, caller.call, resource="UserDefinedMessageSubscriptions")
        assert caller.ask(urlencode({"Callback": hook}).encode(), path=subscriptions).status == 201
        sid = caller.send('{"from": "server"}').json()["sid"]
        received = device.wait_for("messageReceived")
        assert (received["voiceEventSid"], received["content"]) == (sid, {"from": "server"})
        sent = device.send({"from": device.name})
        assert device.wait_for("messageSent")["voiceEventSid"] == sent
        told = called.get(timeout=PATIENCE)
        assert json.loads(told.form["Content"]) == {"from": device.name}
        assert told.form.items() >= {("Sid", sent), ("CallSid", caller.call), ("AccountSid", caller.account)}
        assert RequestValidator(caller.token).validate(hook, told.form, told.signature)
        device.send({}, "no-such-type")
        assert refusal(device) == refused(version, 31210)
    assert called.empty()
    assert calls[0]["call_sid"] != calls[1]["call_sid"]
    alice.do("hangUp")
    bob.wait_for("disconnect")
    assert caller_of(own_site, calls[0]).send().json()["code"] == 21220


def test_a_call_can_be_rejected_and_given_up(alice: NodeDevice, bob: NodeDevice) -> None:
    bob.do("register").wait_for("registered")
    alice.do("call", {"To": bob.name})
    bob.wait_for("incoming")
    bob.do("reject").wait_for("reject")
    alice.wait_for("disconnect")
    alice.do("call", {"To": bob.name}).wait_for("ringing")
    bob.wait_for("incoming")
    alice.do("hangUp")

    bob.wait_for("cancel")


def test_message_errors_are_the_sdks(alice: NodeDevice, running: Running, version: str) -> None:
    call = alice.call("nobody")
    alice.send({}, "no-such-type")
    assert refusal(alice) == refused(version, 31210)
    alice.send("x" * 20_000)
    assert refusal(alice) == refused(version, 31212)
    # The call is over, and the SDK has not received the end yet.
    over = RegisteredCall(sid=call["call_sid"], account_sid=None, status=Status.COMPLETED, client=Leg.VOICE_SDK)
    running.engine.calls.add(over)
    alice.send({})

    assert refusal(alice) == refused(version, 31211)


def token(account: str = ACCOUNT, key: str = API_KEY, secret: str = KEY_SECRET, life: int = 60, **grant: bool) -> str:
    made = AccessToken(account, key, secret, identity="carol", valid_until=int(time.time()) + life)
    made.add_grant(VoiceGrant(**grant) if grant else ChatGrant(service_sid="IS1"))
    return str(made.to_jwt())


def test_token_errors_are_the_sdks(version: str) -> None:
    wrong = {
        token(): (20151, 31201),
        token(secret="another secret that is long enough", incoming_allow=True): (53000, None),
        token(OTHER_ACCOUNT, incoming_allow=True): (53000, None),
        token(key="SK" + "9" * 32, incoming_allow=True): (20101, 31204),
        token(life=-60, incoming_allow=True): (20104, 31205),
        token(life=25 * 3600, incoming_allow=True): (53000, None),
    }
    strict = Settings(port=0, voice_token="strict", api_keys={API_KEY: ApiKey(secret=KEY_SECRET, account_sid=ACCOUNT)})
    with Running(strict) as running, NodeDevices(running.site, SDKS[version]) as devices:
        for refused_token, codes in wrong.items():
            assert refusal(devices[refused_token].do("register")) == ("device", *codes)


def test_a_call_outlives_a_killed_socket(alice: NodeDevice, own_site: Site) -> None:
    call = alice.call("nobody")
    alice.do("loseSockets")
    assert alice.wait_for("error")["at"] == "device"  # its socket is gone
    reconnecting = alice.wait_for("reconnecting")
    alice.wait_for("reconnected")
    sid = caller_of(own_site, call).send().json()["sid"]

    assert reconnecting["code"] == 53001
    assert alice.wait_for("messageReceived")["voiceEventSid"] == sid
    sent = alice.send({"still": "here"})
    assert alice.wait_for("messageSent")["voiceEventSid"] == sent
