"""A client's session without a socket: texts in, texts out."""

import json
import logging
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.voice import KX, House

from emulator.endpoints.voice.session import Session
from emulator.endpoints.voice.token_auth import TokenAuthenticator
from emulator.wire.signalling import server_frames

CALL = "CA" + "a" * 32


class Client:
    """The other end of a session."""

    def __init__(self, house: House | None = None, *, strict: bool = False) -> None:
        self.house = house or House()
        admission = TokenAuthenticator(strict=strict, api_keys={}, now=lambda: 0.0)
        self.session = Session(self.house.board, admission, home="localhost:1/eventgw?")

    def say(self, kind: str, **payload: object) -> list[dict[str, Any]]:
        """Send a frame; what comes back."""
        return self.send(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    def send(self, text: str | None) -> list[dict[str, Any]]:
        self.session.receive(text)
        return self.told()

    def told(self) -> list[dict[str, Any]]:
        return [json.loads(text) for text in self.session.take()]

    def listen(self, token: str = "alice", **more: object) -> "Client":
        self.say("listen", token=token, **more)
        return self

    def call(self, to: str = "nobody") -> str:
        answers = self.say("invite", callsid="TJS1", sdp="v=0", twilio={"params": f"To={to}"})
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


def test_listen_is_answered_with_who_and_where_to_send_insights() -> None:
    (connected,) = Client().say("listen", token="alice", browserinfo={})

    assert connected["type"] == "connected"
    assert connected["payload"]["token"] == {"identity": "alice", "ttl": 3600}
    assert connected["payload"]["home"] == "localhost:1/eventgw?"
    assert connected["payload"]["edge"] == "roaming"


def test_a_user_registers_and_unregisters(client: Client) -> None:
    assert kinds(client.say("register", media={"audio": True})) == ["ready"]
    assert kinds(client.say("register", media={"audio": True})) == ["ready"]
    assert kinds(client.say("register", media={"audio": False})) == ["offline"]


def test_a_call_from_its_beginning_to_its_end(client: Client) -> None:
    call = client.call()
    reply = client.say("reinvite", callsid=call, sdp="v=0")
    client.say("dtmf", callsid=call, dtmf="1")
    ack = client.say("message", callsid=call, content={"a": 1}, voiceeventsid=KX, messagetype="user-defined-message")
    client.say("hangup", callsid=call)

    assert (kinds(reply), kinds(ack)) == (["answer"], ["ack"])
    assert [message.content for message in client.house.heard] == ['{"a": 1}']
    assert client.house.status(call) == "completed"


@pytest.mark.parametrize(
    ("content", "kind", "refusal"),
    [({}, "nonsense", 31210), ("x" * 10_000, "user-defined-message", 31212)],
)
def test_a_message_is_refused_under_its_own_id(client: Client, content: object, kind: str, refusal: int) -> None:
    call = client.call()
    frames = client.say("message", callsid=call, content=content, voiceeventsid=KX, messagetype=kind)

    assert code(frames) == refusal
    assert (frames[0]["payload"]["callsid"], frames[0]["payload"]["voiceeventsid"]) == (call, KX)


def test_a_message_for_a_call_that_is_not_there_is_refused(client: Client) -> None:
    frames = client.say("message", callsid=CALL, content=1, voiceeventsid=KX, messagetype="user-defined-message")

    assert code(frames) == 31211


def test_a_call_comes_in_and_is_answered_or_rejected(client: Client) -> None:
    client.say("register", media={"audio": True})
    for what, status in (("answer", "in-progress"), ("reject", "no-answer")):
        call = client.house.board.place("alice", from_="client:bob", custom={})
        assert kinds(client.told()) == ["invite"]
        assert client.say(what, callsid=call, sdp="v=0") == []
        assert client.house.status(call) == status


def test_a_lost_socket_is_replaced(client: Client) -> None:
    call = client.call()
    token = next(iter(client.house.board.parties)).token
    client.session.lost()
    again = Client(client.house).listen()

    assert kinds(again.say("invite", callsid=call, sdp="v=0", reconnect=token, twilio={})) == ["answer"]
    assert kinds(again.say("invite", callsid=call, sdp="v=0", reconnect="stale", twilio={})) == ["error", "hangup"]


@pytest.mark.parametrize("kind", ["register", "invite", "answer", "reject", "hangup", "reinvite", "dtmf"])
def test_nothing_comes_before_listen(kind: str) -> None:
    client = Client()

    assert code(client.say(kind, callsid=CALL)) == 31102
    assert list(client.house.board.lines) == []


def test_a_bad_token_is_refused_and_a_good_one_may_follow() -> None:
    client = Client()

    assert code(client.say("listen")) == 31102
    assert kinds(client.say("listen", token="alice")) == ["connected"]


def test_a_strict_emulator_refuses_what_is_not_genuine() -> None:
    client = Client(strict=True)

    assert code(client.say("listen", token="alice")) == 31204
    assert code(client.say("register")) == 31102


def test_a_new_token_may_say_another_name(client: Client) -> None:
    (connected,) = client.say("listen", token="carol")

    assert connected["payload"]["token"]["identity"] == "carol"
    assert [line.identity for line in client.house.board.lines] == ["carol"]


@pytest.mark.parametrize("text", ["", "{", "[]", '{"type":1}', '{"type":"hangup"}', None])
def test_a_malformed_frame_is_an_error_and_no_more(client: Client, text: str | None) -> None:
    assert code(client.send(text)) == 31100
    assert kinds(client.say("register")) == ["ready"]


def test_an_unknown_frame_is_logged_and_no_more(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "emulator.voice"):
        assert client.say("nonsense") == []

    assert "nonsense" in caplog.text


def test_a_keepalive_is_not_answered(client: Client) -> None:
    assert client.send("\n") == []


def test_a_call_too_many_is_hung_up(client: Client) -> None:
    client.house.memory["voice_calls"].max_entries = 0
    frames = client.say("invite", callsid="TJS1", sdp="v=0", twilio={"params": ""})

    assert (code(frames), frames[0]["payload"]["callsid"]) == (31206, "TJS1")


def test_a_user_too_many_is_sent_away() -> None:
    client = Client()
    client.house.memory["connected_users"].max_entries = 0

    assert code(client.say("listen", token="alice")) == 31206
    assert client.session.line.closed is not None


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
def test_no_sequence_of_frames_is_a_failure(frames: list[tuple[int, Any]]) -> None:
    house = House()
    clients = [Client(house).listen(), Client(house)]
    for who, frame in frames:
        if isinstance(frame, tuple):
            clients[who].say(frame[0], **frame[1])
        else:
            clients[who].send(frame)
    for client in clients:
        client.session.lost()
        assert all(frame["version"] == "1.6" for frame in client.told())


@dataclass(frozen=True)
class Broken(server_frames.ServerMessage):
    """A frame that cannot be rendered."""

    def encode(self) -> str:
        raise TypeError(self.sid)


def test_a_frame_that_cannot_be_rendered_is_an_error_and_the_others_are_sent(client: Client) -> None:
    house, line, call = client.house, client.session.line, client.call()
    handovers = [house.board.deliver(call, KX, "1") for _ in range(2)]
    _, second = line.take()
    line.put(Broken(call_sid=call, sid=KX, content="1"))
    line.put(second)
    frames = client.told()
    client.session.written()

    assert kinds(frames) == ["error", "message"]
    assert code(frames[:1]) == 31000
    assert [handover.to for handover in handovers] == [None, "alice"]
    assert client.say("register")[0]["type"] == "ready"


def test_a_text_that_cannot_be_encoded_is_an_error_frame(client: Client) -> None:
    client.session.line.put(server_frames.ServerInvite(**INCOMING, custom={"order": "cut \ud83d"}))

    assert kinds(client.told()) == ["error"]


INCOMING = {"call_sid": CALL, "sdp": "", "reconnect": "", "from_": "x", "to": "y", "account_sid": None}
