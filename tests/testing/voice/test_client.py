"""The client without a socket: what the gateway's frames do to it, and what the gateway reads in its own."""

import itertools

import pytest

from emulator.testing.voice.calls import CallState, CallView
from emulator.testing.voice.client import VoiceClient
from emulator.wire.signalling import KEEPALIVE, client_frames, error_codes, server_frames
from emulator.wire.signalling.client_frames import ClientFrame
from emulator.wire.signalling.frames import Keepalive, UnknownFrame
from emulator.wire.signalling.server_frames import ServerFrame

CA = "CA" + "a" * 32
KX = "KX" + "b" * 32
CONNECTED = server_frames.Connected(identity="alice", home="localhost", ttl=60)


def incoming(call_sid: str = CA) -> ServerFrame:
    custom = {"room": "a&b", "empty": ""}
    return server_frames.ServerInvite(
        call_sid=call_sid,
        sdp="v=0",
        reconnect="t",
        from_="client:bob",
        to="client:alice",
        account_sid=None,
        custom=custom,
    )


class FakeGateway:
    """The gateway's side of a client."""

    def __init__(self) -> None:
        numbers = itertools.count()
        self.client = VoiceClient("unnamed", "a.token", lambda count: next(numbers).to_bytes(count))
        self.client.opened()

    def received(self) -> list[ClientFrame | Keepalive | UnknownFrame]:
        return [client_frames.decode(text) for text in self.client.take()]

    def send(self, *frames: ServerFrame) -> list[ClientFrame | Keepalive | UnknownFrame]:
        self.received()
        for frame in frames:
            self.client.receive(frame.encode())
        return self.received()

    def accept(self) -> list[ClientFrame | Keepalive | UnknownFrame]:
        return self.send(CONNECTED)

    def open_call(self) -> CallState:
        call = self.client.dial("bob", {})
        self.send(server_frames.Ringing(call_sid=CA), server_frames.ServerAnswer(call_sid=CA, reconnect="t"))
        return call


@pytest.fixture
def gateway() -> FakeGateway:
    """A client that was let in."""
    gateway = FakeGateway()
    gateway.accept()
    return gateway


def test_it_listens_and_registers() -> None:
    gateway = FakeGateway()

    assert gateway.received() == [client_frames.Listen(token="a.token", reconnect_timeout=0)]
    assert gateway.accept() == [client_frames.Register(audio=True)]
    assert (gateway.client.identity, gateway.client.connected, gateway.client.is_registered(1)) == (
        "alice",
        True,
        False,
    )


def test_actions_wait_for_the_gateway(gateway: FakeGateway) -> None:
    number = gateway.client.register(available=False)
    received = gateway.received()
    gateway.send(server_frames.ReadyFrame())
    before = gateway.client.is_registered(number)
    gateway.send(server_frames.Offline())

    assert received == [client_frames.Register(audio=False)]
    assert (before, gateway.client.is_registered(number)) == (False, True)


def test_keepalives_are_echoed(gateway: FakeGateway) -> None:
    gateway.client.receive(KEEPALIVE)

    assert gateway.client.take() == [KEEPALIVE]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("{", id="not JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"type":1}', id="no type"),
        pytest.param('{"type":"news"}', id="unknown"),
        pytest.param('{"type":"ringing","payload":[]}', id="no payload"),
        pytest.param('{"type":"ringing","payload":{"callsid":7}}', id="wrong type of member"),
        pytest.param('{"type":"message","payload":{"callsid":"CA0","content":1}}', id="unknown call"),
        pytest.param('{"type":"ack","payload":{"voiceeventsid":"KX0"}}', id="unknown message"),
        pytest.param('{"type":"answer","payload":{"callsid":"CA0"}}', id="answer of an unknown call"),
        pytest.param('{"type":"cancel","payload":{"callsid":"CA0"}}', id="cancel of an unknown call"),
        pytest.param('{"type":"hangup","payload":{"callsid":"CA0"}}', id="end of an unknown call"),
        pytest.param(b"\x00", id="bytes"),
    ],
)
def test_unknown_frames_are_ignored(gateway: FakeGateway, text: str | bytes) -> None:
    call = gateway.open_call()
    gateway.client.receive(text)

    assert (gateway.client.take(), call.status, call.received) == ([], "open", [])


def test_outgoing_call_rings_and_is_answered(gateway: FakeGateway) -> None:
    call = gateway.client.dial("bob", {"room": "a&b=c"})
    (invite,) = gateway.received()
    statuses = [call.status]
    for frame in (
        server_frames.Ringing(call_sid=CA),
        server_frames.ServerAnswer(call_sid=CA, sdp="v=0", reconnect="t"),
    ):
        gateway.send(frame)
        statuses.append(call.status)

    assert isinstance(invite, client_frames.ClientInvite)
    assert (invite.call_sid, invite.parameters) == (call.name, {"To": "bob", "room": "a&b=c"})
    assert invite.sdp.startswith("v=0\r\n")
    assert statuses == ["connecting", "ringing", "open"]
    assert (call.sid, call.from_, call.to) == (CA, "client:alice", "bob")


def test_calls_ring_in_order(gateway: FakeGateway) -> None:
    calls = [gateway.client.dial("", {}), gateway.client.dial("", {})]
    first = server_frames.Ringing(call_sid=CA)
    gateway.send(first, first, server_frames.Ringing(call_sid="CA1"))

    assert [call.sid for call in calls] == [CA, "CA1"]


def test_rejection_finds_a_renamed_call(gateway: FakeGateway) -> None:
    call = gateway.client.dial("bob", {})
    gateway.send(server_frames.ServerHangup(call_sid=call.name or "", error=error_codes.RATE_EXCEEDED))

    assert (call.status, call.sid, call.error) == ("closed", None, error_codes.RATE_EXCEEDED)


@pytest.mark.parametrize("accepted", [True, False])
def test_incoming_call_waits_for_accept(gateway: FakeGateway, accepted: bool) -> None:  # noqa: FBT001  a case
    gateway.send(incoming(), incoming())
    (call,) = gateway.client.incoming
    seen = CallView(call)
    before = (seen.status, seen.from_, seen.to, seen.parameters)
    (gateway.client.accept if accepted else gateway.client.reject)(call)

    assert before == ("pending", "client:bob", "client:alice", {"room": "a&b", "empty": ""})
    (sent,) = gateway.received()
    assert isinstance(sent, client_frames.ClientAnswer if accepted else client_frames.Reject)
    assert sent.call_sid == CA
    assert (seen.status, seen.ended) == (("open", None) if accepted else ("closed", "rejected"))


def test_caller_cancels(gateway: FakeGateway) -> None:
    gateway.send(incoming(), server_frames.Cancel(call_sid=CA))

    assert str(gateway.client.incoming[0]).endswith("(closed: the caller gave up, or it was accepted elsewhere)")


@pytest.mark.parametrize(
    ("frame", "ended"),
    [
        (server_frames.ServerHangup(call_sid=CA), "hung up by the other end"),
        (server_frames.ServerHangup(call_sid=CA, error=error_codes.BUSY_HERE), "31486 Busy Here (SIP)"),
        (server_frames.ServerHangup(call_sid=""), "hung up by the other end"),
    ],
    ids=["plainly", "with a reason", "any call"],
)
def test_remote_hangup(gateway: FakeGateway, frame: ServerFrame, ended: str) -> None:
    call = gateway.open_call()
    gateway.send(frame)

    assert (call.status, call.ended, gateway.client.live) == ("closed", ended, [])


def test_hangup_by_either_name(gateway: FakeGateway) -> None:
    calls = [gateway.open_call(), gateway.client.dial("", {})]
    gateway.received()
    for call in calls:
        gateway.client.hang_up(call)

    assert gateway.received() == [
        client_frames.ClientHangup(call_sid=CA),
        client_frames.ClientHangup(call_sid=calls[1].name or ""),
    ]


@pytest.mark.parametrize(
    ("content", "value"),
    [('{"n":1.50}', {"n": 1.5}), ("[]", []), ("null", None), ("hello", "hello"), ("1e999", "1e999")],
)
def test_message_is_parsed_or_text(gateway: FakeGateway, content: str, value: object) -> None:
    call = gateway.open_call()
    gateway.send(server_frames.ServerMessage(call_sid=CA, sid=KX, content=content))
    (message,) = CallView(call).received

    assert (message.sid, message.content) == (KX, value)
    assert (message.content_type, message.message_type) == ("application/json", "user-defined-message")


def test_long_integer_is_text(gateway: FakeGateway) -> None:
    call = gateway.open_call()
    gateway.send(server_frames.ServerMessage(call_sid=CA, sid=KX, content="9" * 5000))

    assert len(call.received) == 1


def test_send_returns_the_result(gateway: FakeGateway) -> None:
    call = gateway.open_call()
    taken = gateway.client.send_message(call, {"a": [1]}, "text/plain", "kind")
    (sent,) = gateway.received()
    refused, waiting = (gateway.client.send_message(call, 1, "", "") for _ in range(2))
    gateway.send(server_frames.Ack(call_sid=CA, sid=taken.sid))
    gateway.send(server_frames.ErrorFrame(error=error_codes.CONTENT_TOO_LARGE, call_sid=CA, sid=refused.sid))

    assert sent == client_frames.ClientMessage(
        call_sid=CA, sid=taken.sid, content='{"a": [1]}', content_type="text/plain", message_type="kind"
    )
    assert (taken.settled, taken.error) == (True, None)
    assert (refused.settled, refused.error) == (True, error_codes.CONTENT_TOO_LARGE)
    assert (waiting.settled, call.error) == (False, None)


@pytest.mark.parametrize(("value", "error"), [(None, ValueError), (float("nan"), ValueError), (object(), TypeError)])
def test_content_must_be_json(gateway: FakeGateway, value: object, error: type[Exception]) -> None:
    call = gateway.open_call()
    with pytest.raises(error):
        gateway.client.send_message(call, value, "", "")

    assert gateway.received() == []


def test_error_belongs_to_call_or_client(gateway: FakeGateway) -> None:
    call = gateway.open_call()
    gateway.send(
        server_frames.ErrorFrame(error=error_codes.RECONNECT_REFUSED, call_sid=CA),
        server_frames.ErrorFrame(error=error_codes.MALFORMED),
    )
    gateway.client.receive('{"type":"error"}')

    assert call.error == error_codes.RECONNECT_REFUSED
    assert (gateway.client.errors, gateway.client.end_reason) == ([error_codes.MALFORMED, error_codes.UNKNOWN], None)


def test_rejected_token_ends_the_phone() -> None:
    gateway = FakeGateway()
    gateway.send(server_frames.ErrorFrame(error=error_codes.TOKEN_EXPIRED))

    assert (gateway.client.end_reason, gateway.client.will_reconnect) == (
        "the gateway reported 31205 JWT token expired",
        False,
    )


def test_only_answered_calls_survive_a_loss(gateway: FakeGateway) -> None:
    call = gateway.open_call()
    ringing = gateway.client.dial("", {})
    gateway.send(server_frames.Ringing(call_sid="CA1"))
    gateway.send(incoming("CA2"))
    message = gateway.client.send_message(call, 1, "", "")
    gateway.client.lost("cut")

    assert (call.status, ringing.status, gateway.client.incoming[0].status) == ("reconnecting", "closed", "closed")
    assert (message.settled, message.lost, gateway.client.will_reconnect, gateway.client.is_settled) == (
        True,
        True,
        True,
        False,
    )
    gateway.client.opened()
    assert gateway.accept() == [client_frames.Register(audio=True), client_frames.Reconnect(call_sid=CA, token="t")]
    gateway.send(server_frames.ServerAnswer(call_sid=CA, reconnect="t"))
    assert (call.status, gateway.client.is_settled) == ("open", True)


def test_rejected_phone_does_not_reconnect(gateway: FakeGateway) -> None:
    gateway.client.lost("cut")
    gateway.client.opened()
    gateway.client.lost("cut again")

    assert not gateway.client.will_reconnect


@pytest.mark.parametrize("gone", ["sent away", "left", "vanished"])
def test_closed_phone_does_not_reconnect(gateway: FakeGateway, gone: str) -> None:
    call = gateway.open_call()
    match gone:
        case "sent away":
            gateway.send(server_frames.Close())
        case "left":
            gateway.client.leave()
        case _:
            gateway.client.end("no more")
    gateway.client.lost("cut")

    assert (gateway.client.will_reconnect, call.status) == (False, "closed")
