"""The phone without a socket: what the gateway's frames do to it, and what the gateway reads in its own."""

import itertools

import pytest

from emulator.testing.phone import Phone
from emulator.testing.phone_calls import CallState, CallView
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


class Wire:
    """The gateway's side of a phone."""

    def __init__(self) -> None:
        numbers = itertools.count()
        self.phone = Phone("unnamed", "a.token", lambda count: next(numbers).to_bytes(count))
        self.phone.opened()

    def hear(self) -> list[ClientFrame | Keepalive | UnknownFrame]:
        return [client_frames.decode(text) for text in self.phone.take()]

    def say(self, *frames: ServerFrame) -> list[ClientFrame | Keepalive | UnknownFrame]:
        self.hear()
        for frame in frames:
            self.phone.receive(frame.encode())
        return self.hear()

    def let_in(self) -> list[ClientFrame | Keepalive | UnknownFrame]:
        return self.say(CONNECTED)

    def open_call(self) -> CallState:
        call = self.phone.dial("bob", {})
        self.say(server_frames.Ringing(call_sid=CA), server_frames.ServerAnswer(call_sid=CA, reconnect="t"))
        return call


@pytest.fixture
def wire() -> Wire:
    """A phone that was let in."""
    wire = Wire()
    wire.let_in()
    return wire


def test_it_says_who_it_is_and_then_that_it_can_be_called() -> None:
    wire = Wire()

    assert wire.hear() == [client_frames.Listen(token="a.token", reconnect_timeout=0)]
    assert wire.let_in() == [client_frames.Register(audio=True)]
    assert (wire.phone.identity, wire.phone.connected, wire.phone.answered(1)) == ("alice", True, False)


def test_it_is_known_when_the_gateway_has_done_what_was_said(wire: Wire) -> None:
    number = wire.phone.register(available=False)
    heard = wire.hear()
    wire.say(server_frames.ReadyFrame())
    before = wire.phone.answered(number)
    wire.say(server_frames.Offline())

    assert heard == [client_frames.Register(audio=False)]
    assert (before, wire.phone.answered(number)) == (False, True)


def test_keepalives_are_echoed(wire: Wire) -> None:
    wire.phone.receive(KEEPALIVE)

    assert wire.phone.take() == [KEEPALIVE]


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
def test_what_it_does_not_understand_it_passes_over(wire: Wire, text: str | bytes) -> None:
    call = wire.open_call()
    wire.phone.receive(text)

    assert (wire.phone.take(), call.status, call.received) == ([], "open", [])


def test_a_call_is_made_rings_and_is_answered(wire: Wire) -> None:
    call = wire.phone.dial("bob", {"room": "a&b=c"})
    (invite,) = wire.hear()
    statuses = [call.status]
    for frame in (
        server_frames.Ringing(call_sid=CA),
        server_frames.ServerAnswer(call_sid=CA, sdp="v=0", reconnect="t"),
    ):
        wire.say(frame)
        statuses.append(call.status)

    assert isinstance(invite, client_frames.ClientInvite)
    assert (invite.call_sid, invite.parameters) == (call.name, {"To": "bob", "room": "a&b=c"})
    assert invite.sdp.startswith("v=0\r\n")
    assert statuses == ["connecting", "ringing", "open"]
    assert (call.sid, call.from_, call.to) == (CA, "client:alice", "bob")


def test_calls_ring_in_the_order_in_which_they_were_made(wire: Wire) -> None:
    calls = [wire.phone.dial("", {}), wire.phone.dial("", {})]
    first = server_frames.Ringing(call_sid=CA)
    wire.say(first, first, server_frames.Ringing(call_sid="CA1"))

    assert [call.sid for call in calls] == [CA, "CA1"]


def test_a_call_is_refused_under_the_name_that_it_has_by_then(wire: Wire) -> None:
    call = wire.phone.dial("bob", {})
    wire.say(server_frames.ServerHangup(call_sid=call.name or "", error=error_codes.RATE_EXCEEDED))

    assert (call.status, call.sid, call.error) == ("closed", None, error_codes.RATE_EXCEEDED)


@pytest.mark.parametrize("accepted", [True, False])
def test_an_incoming_call_waits_to_be_answered(wire: Wire, accepted: bool) -> None:  # noqa: FBT001  a case
    wire.say(incoming(), incoming())
    (call,) = wire.phone.incoming
    seen = CallView(call)
    before = (seen.status, seen.from_, seen.to, seen.parameters)
    (wire.phone.accept if accepted else wire.phone.reject)(call)

    assert before == ("pending", "client:bob", "client:alice", {"room": "a&b", "empty": ""})
    (sent,) = wire.hear()
    assert isinstance(sent, client_frames.ClientAnswer if accepted else client_frames.Reject)
    assert sent.call_sid == CA
    assert (seen.status, seen.ended) == (("open", None) if accepted else ("closed", "rejected"))


def test_the_caller_gives_up(wire: Wire) -> None:
    wire.say(incoming(), server_frames.Cancel(call_sid=CA))

    assert str(wire.phone.incoming[0]).endswith("(closed: the caller gave up, or it was accepted elsewhere)")


@pytest.mark.parametrize(
    ("frame", "ended"),
    [
        (server_frames.ServerHangup(call_sid=CA), "hung up by the other end"),
        (server_frames.ServerHangup(call_sid=CA, error=error_codes.BUSY_HERE), "31486 Busy Here (SIP)"),
        (server_frames.ServerHangup(call_sid=""), "hung up by the other end"),
    ],
    ids=["plainly", "with a reason", "any call"],
)
def test_the_other_end_hangs_up(wire: Wire, frame: ServerFrame, ended: str) -> None:
    call = wire.open_call()
    wire.say(frame)

    assert (call.status, call.ended, wire.phone.live) == ("closed", ended, [])


def test_it_hangs_up_by_callsid_or_by_the_name_before_there_is_one(wire: Wire) -> None:
    calls = [wire.open_call(), wire.phone.dial("", {})]
    wire.hear()
    for call in calls:
        wire.phone.hang_up(call)

    assert wire.hear() == [
        client_frames.ClientHangup(call_sid=CA),
        client_frames.ClientHangup(call_sid=calls[1].name or ""),
    ]


@pytest.mark.parametrize(
    ("content", "value"),
    [('{"n":1.50}', {"n": 1.5}), ("[]", []), ("null", None), ("hello", "hello"), ("1e999", "1e999")],
)
def test_a_message_comes_as_a_value_or_else_as_its_text(wire: Wire, content: str, value: object) -> None:
    call = wire.open_call()
    wire.say(server_frames.ServerMessage(call_sid=CA, sid=KX, content=content))
    (message,) = CallView(call).received

    assert (message.sid, message.content) == (KX, value)
    assert (message.content_type, message.message_type) == ("application/json", "user-defined-message")


def test_a_number_too_long_for_python_is_no_trouble(wire: Wire) -> None:
    call = wire.open_call()
    wire.say(server_frames.ServerMessage(call_sid=CA, sid=KX, content="9" * 5000))

    assert len(call.received) == 1


def test_it_sends_a_message_and_learns_what_became_of_it(wire: Wire) -> None:
    call = wire.open_call()
    taken = wire.phone.send_message(call, {"a": [1]}, "text/plain", "kind")
    (said,) = wire.hear()
    refused, waiting = (wire.phone.send_message(call, 1, "", "") for _ in range(2))
    wire.say(server_frames.Ack(call_sid=CA, sid=taken.sid))
    wire.say(server_frames.ErrorFrame(error=error_codes.CONTENT_TOO_LARGE, call_sid=CA, sid=refused.sid))

    assert said == client_frames.ClientMessage(
        call_sid=CA, sid=taken.sid, content='{"a": [1]}', content_type="text/plain", message_type="kind"
    )
    assert (taken.settled, taken.error) == (True, None)
    assert (refused.settled, refused.error) == (True, error_codes.CONTENT_TOO_LARGE)
    assert (waiting.settled, call.error) == (False, None)


@pytest.mark.parametrize(("value", "error"), [(None, ValueError), (float("nan"), ValueError), (object(), TypeError)])
def test_what_is_no_json_cannot_be_sent(wire: Wire, value: object, error: type[Exception]) -> None:
    call = wire.open_call()
    with pytest.raises(error):
        wire.phone.send_message(call, value, "", "")

    assert wire.hear() == []


def test_an_error_is_the_calls_or_else_the_phones(wire: Wire) -> None:
    call = wire.open_call()
    wire.say(
        server_frames.ErrorFrame(error=error_codes.RECONNECT_REFUSED, call_sid=CA),
        server_frames.ErrorFrame(error=error_codes.MALFORMED),
    )
    wire.phone.receive('{"type":"error"}')

    assert call.error == error_codes.RECONNECT_REFUSED
    assert (wire.phone.errors, wire.phone.gone) == ([error_codes.MALFORMED, error_codes.UNKNOWN], None)


def test_a_refused_token_is_the_end() -> None:
    wire = Wire()
    wire.say(server_frames.ErrorFrame(error=error_codes.TOKEN_EXPIRED))

    assert (wire.phone.gone, wire.phone.returns) == ("the gateway said 31205 JWT token expired", False)


def test_only_an_answered_call_goes_on_after_the_socket_was_lost(wire: Wire) -> None:
    call = wire.open_call()
    ringing = wire.phone.dial("", {})
    wire.say(server_frames.Ringing(call_sid="CA1"))
    wire.say(incoming("CA2"))
    message = wire.phone.send_message(call, 1, "", "")
    wire.phone.lost("cut")

    assert (call.status, ringing.status, wire.phone.incoming[0].status) == ("reconnecting", "closed", "closed")
    assert (message.settled, message.lost, wire.phone.returns, wire.phone.settled) == (True, True, True, False)
    wire.phone.opened()
    assert wire.let_in() == [client_frames.Register(audio=True), client_frames.Reconnect(call_sid=CA, token="t")]
    wire.say(server_frames.ServerAnswer(call_sid=CA, reconnect="t"))
    assert (call.status, wire.phone.settled) == ("open", True)


def test_it_does_not_come_back_where_it_was_not_let_in(wire: Wire) -> None:
    wire.phone.lost("cut")
    wire.phone.opened()
    wire.phone.lost("cut again")

    assert not wire.phone.returns


@pytest.mark.parametrize("gone", ["sent away", "left", "vanished"])
def test_it_does_not_come_back_after_the_end(wire: Wire, gone: str) -> None:
    call = wire.open_call()
    match gone:
        case "sent away":
            wire.say(server_frames.Close())
        case "left":
            wire.phone.leave()
        case _:
            wire.phone.vanish("no more")
    wire.phone.lost("cut")

    assert (wire.phone.returns, call.status) == (False, "closed")
