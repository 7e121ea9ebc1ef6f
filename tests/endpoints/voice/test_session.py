"""A client's session without a socket: texts in, texts out."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.voice import KX, CallHarness

from emulator.endpoints.voice.session import Session
from emulator.endpoints.voice.token_auth import TokenAuthenticator
from emulator.wire.signalling import server_frames

CALL = "CA" + "a" * 32


class Client:
    """The other end of a session."""

    def __init__(self, harness: CallHarness | None = None, *, strict: bool = False) -> None:
        self.harness = harness or CallHarness()
        authenticator = TokenAuthenticator(strict=strict, api_keys={}, now=lambda: 0.0)
        self.session = Session(self.harness.controller, authenticator, home="localhost:1/eventgw?")

    def send(self, kind: str, **payload: object) -> list[dict[str, Any]]:
        """Send a frame; what comes back."""
        return self.send_text(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    def send_text(self, text: str | None) -> list[dict[str, Any]]:
        self.session.receive(text)
        return self.take()

    def take(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.session.take()]

    def listen(self, token: str = "alice", **more: object) -> "Client":
        self.send("listen", token=token, **more)
        return self

    def call(self, to: str = "nobody") -> str:
        answers = self.send("invite", callsid="TJS1", sdp="v=0", twilio={"params": f"To={to}"})
        return str(answers[0]["payload"]["callsid"])


def kinds(frames: list[dict[str, Any]]) -> list[str]:
    return [frame["type"] for frame in frames]


def code(frames: list[dict[str, Any]]) -> int:
    (frame,) = frames
    assert frame["type"] in ("error", "hangup")
    return int(frame["payload"]["error"]["code"])


@pytest.fixture
def client() -> Client:
    return Client().listen()


def test_listen_returns_who_and_insights() -> None:
    (connected,) = Client().send("listen", token="alice", browserinfo={})

    assert connected["type"] == "connected"
    assert connected["payload"]["token"] == {"identity": "alice", "ttl": 3600}
    assert connected["payload"]["home"] == "localhost:1/eventgw?"
    assert connected["payload"]["edge"] == "roaming"


def test_a_user_registers_and_unregisters(client: Client) -> None:
    assert kinds(client.send("register", media={"audio": True})) == ["ready"]
    assert kinds(client.send("register", media={"audio": True})) == ["ready"]
    assert kinds(client.send("register", media={"audio": False})) == ["offline"]


def test_call_life_cycle(client: Client) -> None:
    """From the invitation to the hangup."""
    call = client.call()
    reply = client.send("reinvite", callsid=call, sdp="v=0")
    client.send("dtmf", callsid=call, dtmf="1")
    ack = client.send("message", callsid=call, content={"a": 1}, voiceeventsid=KX, messagetype="user-defined-message")
    client.send("hangup", callsid=call)

    assert (kinds(reply), kinds(ack)) == (["answer"], ["ack"])
    assert [message.content for message in client.harness.received] == ['{"a": 1}']
    assert client.harness.status(call) == "completed"


@pytest.mark.parametrize(
    ("content", "kind", "refusal"),
    [({}, "nonsense", 31210), ("x" * 10_000, "user-defined-message", 31212)],
)
def test_rejected_message_has_its_own_id(client: Client, content: object, kind: str, refusal: int) -> None:
    call = client.call()
    frames = client.send("message", callsid=call, content=content, voiceeventsid=KX, messagetype=kind)

    assert code(frames) == refusal
    assert (frames[0]["payload"]["callsid"], frames[0]["payload"]["voiceeventsid"]) == (call, KX)


def test_message_to_an_unknown_call(client: Client) -> None:
    """It is rejected."""
    frames = client.send("message", callsid=CALL, content=1, voiceeventsid=KX, messagetype="user-defined-message")

    assert code(frames) == 31211


def test_incoming_call_answer_or_reject(client: Client) -> None:
    client.send("register", media={"audio": True})
    for what, status in (("answer", "in-progress"), ("reject", "no-answer")):
        call = client.harness.controller.place_call("alice", from_="client:bob", custom={})
        assert kinds(client.take()) == ["invite"]
        assert client.send(what, callsid=call, sdp="v=0") == []
        assert client.harness.status(call) == status


def test_a_lost_socket_is_replaced(client: Client) -> None:
    call = client.call()
    token = next(iter(client.harness.controller.legs)).token
    client.session.disconnect()
    again = Client(client.harness).listen()

    assert kinds(again.send("invite", callsid=call, sdp="v=0", reconnect=token, twilio={})) == ["answer"]
    assert kinds(again.send("invite", callsid=call, sdp="v=0", reconnect="stale", twilio={})) == ["error", "hangup"]


@pytest.mark.parametrize("kind", ["register", "invite", "answer", "reject", "hangup", "reinvite", "dtmf"])
def test_no_frames_before_listen(kind: str) -> None:
    client = Client()

    assert code(client.send(kind, callsid=CALL)) == 31102
    assert list(client.harness.controller.connections) == []


def test_valid_token_after_an_invalid_one() -> None:
    """The connection accepts a valid token after it rejected another."""
    client = Client()

    assert code(client.send("listen")) == 31102
    assert kinds(client.send("listen", token="alice")) == ["connected"]


def test_strict_mode_rejects_invalid_tokens() -> None:
    client = Client(strict=True)

    assert code(client.send("listen", token="alice")) == 31204
    assert code(client.send("register")) == 31102


def test_new_token_may_change_the_identity(client: Client) -> None:
    (connected,) = client.send("listen", token="carol")

    assert connected["payload"]["token"]["identity"] == "carol"
    assert [connection.identity for connection in client.harness.controller.connections] == ["carol"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":1}', '{"type":"hangup"}', None])
def test_malformed_frame_is_an_error(client: Client, text: str | None) -> None:
    assert code(client.send_text(text)) == 31100
    assert kinds(client.send("register")) == ["ready"]


def test_unknown_frame_is_logged(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "emulator.voice"):
        assert client.send("nonsense") == []

    assert "nonsense" in caplog.text


def test_keepalive_has_no_response(client: Client) -> None:
    assert client.send_text("\n") == []


def test_call_beyond_the_limit_is_hung_up(client: Client) -> None:
    client.harness.memory["voice_calls"].max_entries = 0
    frames = client.send("invite", callsid="TJS1", sdp="v=0", twilio={"params": ""})

    assert (code(frames), frames[0]["payload"]["callsid"]) == (31206, "TJS1")


def test_user_beyond_the_limit_is_closed() -> None:
    client = Client()
    client.harness.memory["connected_users"].max_entries = 0

    assert code(client.send("listen", token="alice")) == 31206
    assert client.session.connection.closed is not None


_payloads = st.dictionaries(
    st.sampled_from(
        ["callsid", "sdp", "token", "content", "voiceeventsid", "messagetype", "media", "twilio", "reconnect"]
    ),
    st.sampled_from(
        [CALL, "TJS1", "alice", "user-defined-message", {}, {"audio": False}, {"params": "To=alice"}, 1, None]
    ),
)
_kinds = st.sampled_from(
    ["listen", "register", "invite", "answer", "reject", "hangup", "reinvite", "dtmf", "message", "x"]
)
_frames = st.tuples(st.integers(0, 1), st.text(max_size=5) | st.none() | st.tuples(_kinds, _payloads))


@given(st.lists(_frames, max_size=30))
def test_no_frame_sequence_fails(frames: list[tuple[int, Any]]) -> None:
    harness = CallHarness()
    clients = [Client(harness).listen(), Client(harness)]
    for who, frame in frames:
        if isinstance(frame, tuple):
            clients[who].send(frame[0], **frame[1])
        else:
            clients[who].send_text(frame)
    for client in clients:
        client.session.disconnect()
        assert all(frame["version"] == "1.6" for frame in client.take())


@dataclass(frozen=True)
class Broken(server_frames.ServerMessage):
    """A frame that cannot be rendered."""

    def encode(self) -> str:
        raise TypeError(self.sid)


def test_unrenderable_frame_is_an_error(client: Client) -> None:
    harness, connection, call = client.harness, client.session.connection, client.call()
    undelivered = [harness.controller.deliver(call, KX, "1") for _ in range(2)]
    _, second = connection.take()
    connection.put(Broken(call_sid=call, sid=KX, content="1"))
    connection.put(second)
    frames = client.take()
    client.session.frames_written()

    assert kinds(frames) == ["error", "message"]
    assert code(frames[:1]) == 31000
    assert [delivery_status.to for delivery_status in undelivered] == [None, "alice"]
    assert client.send("register")[0]["type"] == "ready"


def test_unencodable_text_is_an_error(client: Client) -> None:
    client.session.connection.put(server_frames.ServerInvite(**INCOMING, custom={"order": "cut \ud83d"}))

    assert kinds(client.take()) == ["error"]


INCOMING = {"call_sid": CALL, "sdp": "", "reconnect": "", "from_": "x", "to": "y", "account_sid": None}
