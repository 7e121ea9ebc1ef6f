"""Calls between clients and to simulated callees, without sockets, clock or event loop."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, OTHER_ACCOUNT, make_engine, post
from support.voice import KX, CallHarness, User

from emulator.engine.capacity import CapacityError
from emulator.engine.scope import Scope
from emulator.engine.state.calls import Leg, RegisteredCall, Status
from emulator.engine.voice.auto_answer import AutoAnswer, Reaction
from emulator.engine.voice.call_control import NotReachableError, later
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.engine.voice.clients import GRACE, ClientConnection
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire.signalling import client_frames, error_codes, server_frames

MINE = "CA" + "9" * 32


@pytest.fixture
def harness() -> CallHarness:
    return CallHarness()


def talking(harness: CallHarness) -> tuple[User, str, User, str]:
    """Begin a call from Alice to Bob, answer it, and read all frames."""
    alice, bob = harness.user("alice"), harness.user("bob").register()
    outgoing = alice.call("client:bob")
    incoming = bob.take_one(server_frames.ServerInvite).call_sid
    bob.answer(incoming)
    alice.take()
    return alice, outgoing, bob, incoming


# --- calls to simulated callees


def test_a_call_to_nobody_rings_and_is_answered_at_once(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    ringing, answered = alice.take()

    assert ringing == server_frames.Ringing(call_sid=call)
    assert isinstance(answered, server_frames.ServerAnswer)
    assert (answered.call_sid, bool(answered.sdp), bool(answered.reconnect)) == (call, True, True)
    assert harness.status(call) is Status.IN_PROGRESS


def test_a_call_belongs_to_the_account_of_the_token(harness: CallHarness) -> None:
    mine, everybodys = harness.user(account_sid=ACCOUNT).call(), harness.user().call()

    assert [call.account_sid for call in harness.calls] == [ACCOUNT, None]
    assert harness.calls.refusal(OTHER_ACCOUNT, mine) is not None
    assert harness.calls.refusal(OTHER_ACCOUNT, everybodys) is None


def test_a_call_may_be_answered_after_a_time(harness: CallHarness) -> None:
    harness.controller.auto_answers.put("bob", AutoAnswer(Reaction.ANSWER, 2))
    alice = harness.user()
    call = alice.call()
    before = harness.status(call), alice.kinds()
    harness.timers.pass_by(2)

    assert before == (Status.RINGING, ["Ringing"])
    assert (harness.status(call), alice.kinds()) == (Status.IN_PROGRESS, ["ServerAnswer"])
    assert harness.timers.waiting == []


def test_a_call_may_ring_and_nothing_else(harness: CallHarness) -> None:
    harness.controller.auto_answers.put("alice", AutoAnswer(Reaction.RING))
    alice = harness.user()
    call = alice.call(to=None)

    assert (harness.status(call), alice.kinds()) == (Status.RINGING, ["Ringing"])


@pytest.mark.parametrize(
    ("reaction", "status", "error"),
    [
        (Reaction.BUSY, Status.BUSY, error_codes.BUSY_HERE),
        (Reaction.REJECT, Status.NO_ANSWER, error_codes.DECLINE),
    ],
)
def test_a_call_may_fail(harness: CallHarness, reaction: Reaction, status: Status, error: error_codes.SdkError) -> None:
    harness.controller.auto_answers.put("bob", AutoAnswer(reaction))
    alice = harness.user()
    call = alice.call()

    assert harness.status(call) is status
    assert alice.take() == [
        server_frames.Ringing(call_sid=call),
        server_frames.ServerHangup(call_sid=call, error=error),
    ]
    assert (harness.live, alice.connection.aliases) == (set(), {})


# --- calls to clients


def test_a_registered_user_is_rung_with_a_callsid_of_its_own(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob", ACCOUNT).register()
    call = alice.call("client:bob", colour="red")
    incoming = bob.take_one(server_frames.ServerInvite)

    assert incoming.call_sid != call
    assert (incoming.from_, incoming.to, incoming.custom) == ("client:alice", "client:bob", {"colour": "red"})
    assert incoming.account_sid == ACCOUNT
    assert alice.kinds() == ["Ringing"]
    assert harness.status(call) is harness.status(incoming.call_sid) is Status.RINGING


def test_the_caller_is_answered_when_the_called_answers(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    incoming = bob.take_one(server_frames.ServerInvite).call_sid
    alice.take()
    bob.answer(incoming)
    bob.answer(incoming)

    assert alice.kinds() == ["ServerAnswer"]
    assert bob.kinds() == []
    assert harness.status(call) is harness.status(incoming) is Status.IN_PROGRESS


@pytest.mark.parametrize("who", ["caller", "called"])
def test_who_hangs_up_ends_it_for_both(harness: CallHarness, who: str) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    if who == "caller":
        alice.hang_up("TJS1")
    else:
        bob.hang_up(incoming)

    assert harness.status(outgoing) is harness.status(incoming) is Status.COMPLETED
    assert (alice.kinds(), bob.kinds()) == (([], ["ServerHangup"]) if who == "caller" else (["ServerHangup"], []))
    assert (harness.live, alice.connection.aliases) == (set(), {})


def test_a_caller_who_gives_up_cancels(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    incoming = bob.take_one(server_frames.ServerInvite).call_sid
    alice.hang_up(call)

    assert bob.take() == [server_frames.Cancel(call_sid=incoming)]
    assert harness.status(call) is harness.status(incoming) is Status.CANCELED


@pytest.mark.parametrize("how", [User.reject, User.hang_up])
def test_a_call_that_is_not_taken_ends_for_the_caller(harness: CallHarness, how: Callable[[User, str], None]) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    how(bob, bob.take_one(server_frames.ServerInvite).call_sid)

    assert alice.kinds() == ["Ringing", "ServerHangup"]
    assert harness.status(call) is Status.NO_ANSWER
    assert harness.live == set()


def test_two_sockets_of_one_user_ring_and_the_first_to_answer_wins(harness: CallHarness) -> None:
    alice, desk, mobile = harness.user("alice"), harness.user("bob").register(), harness.user("bob").register()
    alice.call()
    call = desk.take_one(server_frames.ServerInvite).call_sid
    assert mobile.take_one(server_frames.ServerInvite).call_sid == call
    mobile.answer(call)
    desk.answer(call)

    assert desk.take() == [
        server_frames.Cancel(call_sid=call),
        server_frames.ServerHangup(call_sid=call, error=error_codes.CALL_ENDED),
    ]
    assert alice.kinds() == ["Ringing", "ServerAnswer"]


def test_it_rings_on_where_it_was_not_rejected(harness: CallHarness) -> None:
    alice, desk, mobile = harness.user("alice"), harness.user("bob").register(), harness.user("bob").register()
    alice.call()
    call = desk.take_one(server_frames.ServerInvite).call_sid
    desk.reject(call)
    assert harness.status(call) is Status.RINGING

    mobile.disconnect()

    assert harness.status(call) is Status.NO_ANSWER
    assert alice.kinds() == ["Ringing", "ServerHangup"]


def test_it_rings_on_where_the_socket_is_not_lost(harness: CallHarness) -> None:
    desk, mobile = harness.user("bob").register(), harness.user("bob").register()
    call = harness.controller.place_call("bob", from_="x", custom={})
    desk.disconnect()

    assert mobile.kinds() == ["ServerInvite"]
    assert harness.status(call) is Status.RINGING


def test_who_calls_himself_rings_elsewhere_only(harness: CallHarness) -> None:
    alice = harness.user("alice").register()
    call = alice.call("alice")

    assert harness.live == {call}
    assert alice.kinds() == ["Ringing", "ServerAnswer"]


def test_users_of_another_account_are_not_there(harness: CallHarness) -> None:
    bob = harness.user("bob", OTHER_ACCOUNT).register()
    harness.user("alice", ACCOUNT).call("bob")

    assert bob.kinds() == []


def test_a_user_who_is_not_registered_any_more_is_not_there(harness: CallHarness) -> None:
    bob = harness.user("bob").register()
    harness.controller.register(bob.connection, available=False)
    harness.user("alice").call("bob")

    assert bob.kinds() == ["Offline"]


def test_a_user_is_told_that_it_is_registered(harness: CallHarness) -> None:
    bob = harness.user("bob")
    harness.controller.register(bob.connection, available=True)

    assert bob.take() == [server_frames.ReadyFrame()]
    assert list(harness.controller.connections) == [bob.connection]


def test_frames_that_no_longer_fit_change_nothing(harness: CallHarness) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    alice.answer(outgoing)
    bob.reject(incoming)
    alice.reject(outgoing)
    bob.reject(MINE)
    bob.hang_up(MINE)
    bob.hang_up(outgoing)  # the other client's call

    assert (alice.take(), bob.take()) == ([], [])
    assert harness.live == {outgoing, incoming}


def test_new_media_are_agreed_on_in_a_call_only(harness: CallHarness) -> None:
    alice, outgoing, _, _ = talking(harness)
    harness.controller.reinvite(alice.connection, client_frames.Reinvite(call_sid=outgoing, sdp=""))
    harness.controller.reinvite(alice.connection, client_frames.Reinvite(call_sid=MINE, sdp=""))
    answered, hung_up = alice.take()

    assert isinstance(answered, server_frames.ServerAnswer)
    assert answered.sdp
    assert hung_up == server_frames.ServerHangup(call_sid=MINE)


# --- calls placed by a test


def test_a_placed_call_rings_and_can_be_answered(harness: CallHarness) -> None:
    bob = harness.user("bob").register()
    call = harness.controller.place_call("client:bob", from_="+15550100", account_sid=ACCOUNT, custom={"a": "b"})
    incoming = bob.take_one(server_frames.ServerInvite)
    bob.answer(call)

    assert (incoming.call_sid, incoming.from_, incoming.account_sid) == (call, "+15550100", ACCOUNT)
    assert incoming.custom == {"a": "b"}
    assert harness.status(call) is Status.IN_PROGRESS


def test_a_call_placed_to_nobody_is_an_error(harness: CallHarness) -> None:
    harness.user("bob")

    with pytest.raises(NotReachableError, match="bob"):
        harness.controller.place_call("bob", from_="x", custom={})


# --- messages


def test_a_message_of_a_user_is_acknowledged_and_told(harness: CallHarness) -> None:
    alice = harness.user("alice", ACCOUNT)
    call = alice.call()
    alice.take()
    alice.send_message(call, "1.0")

    assert alice.take() == [server_frames.Ack(call_sid=call, sid=KX)]
    assert harness.received == [EndUserMessage(ACCOUNT, call, "alice", KX, "1.0", "application/json")]


def test_a_message_needs_nobody_who_listens(harness: CallHarness) -> None:
    harness.controller.on_message = None
    alice = harness.user()
    alice.send_message(alice.call())

    assert alice.kinds() == ["Ringing", "ServerAnswer", "Ack"]


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        pytest.param("{}", "nonsense", error_codes.MESSAGE_TYPE_INVALID, id="its type"),
        pytest.param("1" * 10_001, "user-defined-message", error_codes.CONTENT_TOO_LARGE, id="its size"),
        pytest.param("1" * 10_000, "user-defined-message", None, id="nothing"),
    ],
)
def test_a_message_is_refused_for(
    harness: CallHarness, content: str, kind: str, error: error_codes.SdkError | None
) -> None:
    alice = harness.user()
    call = alice.call()
    alice.take()
    alice.send_message(call, content, kind)

    expected = (
        server_frames.ErrorFrame(error=error, call_sid=call, sid=KX)
        if error
        else server_frames.Ack(call_sid=call, sid=KX)
    )
    assert alice.take() == [expected]
    assert len(harness.received) == (error is None)


def test_a_message_is_refused_outside_of_a_call_that_is_active(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    alice.take()
    alice.send_message(MINE)
    harness.calls.add(RegisteredCall(sid=call, account_sid=None, status=Status.COMPLETED, client=Leg.VOICE_SDK))
    alice.send_message(call)
    harness.calls.remove(call)
    alice.send_message(call)

    codes = [frame.error.code if isinstance(frame, server_frames.ErrorFrame) else 0 for frame in alice.take()]
    assert codes == [31211, 31211, 0]


def test_a_message_is_sent_to_the_user_of_the_call_while_it_rings_too(harness: CallHarness) -> None:
    desk, mobile = harness.user("bob").register(), harness.user("bob").register()
    call = harness.controller.place_call("bob", from_="x", custom={})
    delivery_status = harness.controller.deliver(call, KX, "1")

    assert delivery_status == DeliveryStatus("bob")
    assert desk.kinds() == mobile.kinds() == ["ServerInvite", "ServerMessage"]


def test_a_message_that_cannot_be_rendered_is_lost(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    first, second, third = (harness.controller.deliver(call, KX, "1") for _ in range(3))
    harness.controller.message_not_encoded(alice.connection, 1)
    harness.controller.messages_written(alice.connection, 2)

    assert (first.to, second.to, third.to) == ("alice", None, "alice")
    assert second.reason == "the message cannot be rendered as a frame"
    assert (first.after is None, third.after is None) == (False, False)


def test_a_message_for_a_call_of_nobody_says_so(harness: CallHarness) -> None:
    assert harness.controller.deliver(MINE, KX, "1").to is None
    alice = harness.user()
    call = alice.call()
    alice.disconnect()

    assert harness.controller.deliver(call, KX, "1") == DeliveryStatus(
        None, "alice lost its connection and has not come back yet"
    )


# --- lost sockets


def test_a_call_goes_on_on_another_socket(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    token = alice.take_one(server_frames.ServerAnswer).reconnect
    assert token is not None
    alice.disconnect()
    harness.timers.pass_by(GRACE - 1)
    again = harness.user()
    again.reconnect(call, token)
    harness.timers.pass_by(GRACE)

    assert again.take() == [server_frames.ServerAnswer(call_sid=call, reconnect=token)]
    assert harness.status(call) is Status.IN_PROGRESS
    assert harness.controller.deliver(call, KX, "1") == DeliveryStatus("alice")


def test_a_call_goes_on_while_the_old_socket_is_not_known_to_be_lost(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    token = alice.take_one(server_frames.ServerAnswer).reconnect
    assert token is not None
    again = harness.user()
    again.reconnect(call, token)
    alice.disconnect()
    harness.timers.pass_by(GRACE)

    assert harness.status(call) is Status.IN_PROGRESS


@pytest.mark.parametrize(("timeout", "grace"), [(0, GRACE), (5, 5), (1e9, GRACE)])
def test_a_call_ends_when_its_user_does_not_come_back_in_time(
    harness: CallHarness, timeout: float, grace: float
) -> None:
    bob = harness.user("bob").register()
    alice = harness.user("alice", timeout=timeout)
    call = alice.call()
    incoming = bob.take_one(server_frames.ServerInvite).call_sid
    bob.answer(incoming)
    alice.disconnect()
    harness.timers.pass_by(grace - 0.5)
    assert harness.status(call) is Status.IN_PROGRESS
    harness.timers.pass_by(0.5)

    assert harness.status(call) is harness.status(incoming) is Status.COMPLETED
    assert bob.take() == [server_frames.ServerHangup(call_sid=incoming)]
    assert harness.timers.waiting == []


@pytest.mark.parametrize("stale", ["ended", "wrong", "rings"])
def test_a_stale_token_is_refused_and_the_call_is_over_for_its_client(harness: CallHarness, stale: str) -> None:
    alice = harness.user()
    if stale == "rings":
        harness.controller.auto_answers.put("bob", AutoAnswer(Reaction.RING))
    call = alice.call()
    token = next(leg.token for leg in harness.controller.legs)
    if stale == "ended":
        alice.hang_up(call)
    again = harness.user()
    again.reconnect(call, "wrong" if stale == "wrong" else token)

    assert again.take() == [
        server_frames.ErrorFrame(error=error_codes.RECONNECT_REFUSED, call_sid=call),
        server_frames.ServerHangup(call_sid=call),
    ]


def test_a_call_that_rings_ends_with_the_socket_of_its_caller(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    bob.take()
    alice.disconnect()
    alice.disconnect()

    assert harness.status(call) is Status.CANCELED
    assert bob.kinds() == ["Cancel"]
    assert list(harness.controller.connections) == [bob.connection]


# --- resets, limits, stop


def test_a_reset_hangs_up_the_calls_of_its_scope(harness: CallHarness) -> None:
    mine, theirs = harness.user("a", ACCOUNT), harness.user("b", OTHER_ACCOUNT)
    kept, gone = theirs.call(), mine.call()
    mine.take()
    theirs.take()
    harness.controller.auto_answers.put("x", AutoAnswer(Reaction.BUSY))
    harness.controller.reset(Scope(ACCOUNT))

    assert mine.take() == [server_frames.ServerHangup(call_sid=gone)]
    assert (theirs.take(), harness.live) == ([], {kept})
    assert harness.controller.auto_answers.items() != []


def test_a_reset_of_everything_hangs_up_both_ends_once(harness: CallHarness) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    harness.controller.auto_answers.put("x", AutoAnswer(Reaction.BUSY))
    harness.controller.reset(Scope())

    assert (alice.take(), bob.take()) == (
        [server_frames.ServerHangup(call_sid=outgoing)],
        [server_frames.ServerHangup(call_sid=incoming)],
    )
    assert (harness.live, len(harness.controller.auto_answers)) == (set(), 0)


def test_the_end_closes_every_line_and_leaves_no_timer(harness: CallHarness) -> None:
    alice = harness.user()
    alice.call()
    alice.disconnect()
    bob = harness.user("bob")
    harness.controller.stop()

    assert bob.connection.closed is not None
    assert harness.timers.waiting == []


def test_the_end_of_the_engine_is_the_end_of_its_calls() -> None:
    engine, connection = make_engine(), ClientConnection()
    engine.call_controller.connect(connection, identity="alice", account_sid=None)
    engine.stop()

    assert connection.closed is not None


def test_the_engine_delivers_what_it_creates_and_hangs_up_what_it_resets() -> None:
    engine, connection = make_engine(), ClientConnection()
    engine.call_controller.connect(connection, identity="alice", account_sid=None)
    engine.call_controller.invite(connection, client_frames.ClientInvite(call_sid="TJS1", sdp="", parameters={}))
    call = connection.aliases["TJS1"]
    connection.take()
    exchange = post(engine, "[1.0]", "key", call_sid=call)
    post(engine, "[1.0]", "key", call_sid=call)
    assert exchange.message is not None
    delivered = server_frames.ServerMessage(call_sid=call, sid=exchange.message.sid, content="[1.0]")
    assert (exchange.delivery_status, connection.take()) == (DeliveryStatus("alice"), [delivered])

    assert engine.reset(Scope(call_sid=call))["calls"] == 1
    assert connection.take() == [server_frames.ServerHangup(call_sid=call)]


def test_the_oldest_ended_calls_make_room_for_new_ones(harness: CallHarness) -> None:
    harness.memory["calls"].max_entries = 2
    alice = harness.user()
    ended = [alice.call(alias=str(number)) for number in range(2)]
    for call in ended:
        alice.hang_up(call)
    harness.calls.remove(ended[0])
    harness.calls.add(RegisteredCall(sid=MINE, account_sid=None, status=Status.COMPLETED, client=Leg.VOICE_SDK))
    call = alice.call()

    assert {known.sid for known in harness.calls} == {MINE, call}


def test_there_is_an_end_to_registered_calls(harness: CallHarness) -> None:
    harness.memory["calls"].max_entries = 1
    alice, bob = harness.user("alice"), harness.user("bob").register()

    with pytest.raises(CapacityError, match="calls"):
        alice.call()  # there is no capacity for the second leg

    assert alice.kinds() == ["Ringing", "ServerHangup"]
    assert (bob.kinds(), harness.live) == ([], set())


def test_there_is_an_end_to_calls_that_are_not_even_registered(harness: CallHarness) -> None:
    harness.memory["voice_calls"].max_entries = 1
    alice = harness.user()
    call = alice.call()
    harness.calls.remove(call)

    with pytest.raises(CapacityError, match="voice_calls"):
        alice.call(alias="TJS2")

    alice.hang_up(call)
    assert list(harness.calls) == []


def test_a_name_that_is_given_twice_means_the_later_call(harness: CallHarness) -> None:
    alice = harness.user()
    first, second = alice.call(), alice.call()
    alice.hang_up(first)
    assert harness.live == {second}

    alice.hang_up("TJS1")

    assert harness.live == set()


def test_the_usual_timer_is_the_event_loops() -> None:
    async def story() -> bool:
        rung = asyncio.Event()
        later(0, rung.set)
        return await rung.wait()

    assert asyncio.run(story())


# --- property: any sequence of operations


NAMES = ["alice", "bob"]
_users = st.integers(0, 3)
_calls = st.integers(0, 5)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("call"), _users, st.sampled_from([*NAMES, "nobody"])),
        st.tuples(st.sampled_from(["answer", "reject", "hang_up", "send_message", "reconnect"]), _users, _calls),
        st.tuples(st.sampled_from(["lose", "register"]), _users, st.none()),
        st.tuples(st.just("place"), st.none(), st.sampled_from(NAMES)),
        st.tuples(st.just("time"), st.none(), st.sampled_from([1, 40])),
        st.tuples(st.just("reset"), st.none(), st.none()),
    ),
    max_size=40,
)


def play(harness: CallHarness, users: list[User], step: tuple[str, Any, Any]) -> None:
    what, who, about = step
    known = {leg.call_sid: leg.token for leg in harness.controller.legs}
    sids = [*known, MINE]
    with contextlib.suppress(NotReachableError):
        match what:
            case "call":
                users[who].call(about)
            case "lose":
                users[who].disconnect()
                users[who] = harness.user(NAMES[who % 2])
            case "register":
                users[who].register()
            case "place":
                harness.controller.place_call(about, from_="x", custom={})
            case "time":
                harness.timers.pass_by(about)
            case "reset":
                harness.controller.reset(Scope())
            case "reconnect":
                call = sids[about % len(sids)]
                users[who].reconnect(call, known.get(call, ""))
            case _:
                getattr(users[who], what)(sids[about % len(sids)])


@given(STEPS)
def test_whatever_happens_every_end_is_of_a_line_that_is_there_or_waited_for(steps: list[tuple[str, Any, Any]]) -> None:
    harness = CallHarness()
    users = [harness.user(NAMES[number % 2]) for number in range(4)]
    for step in steps:
        play(harness, users, step)

    connected = list(harness.controller.connections)
    for leg in harness.controller.legs:
        assert all(connection in connected for connection in leg.connections)
        assert leg.connections or leg.timer is not None
        assert leg.peer is None or (leg.peer.peer is leg and leg.peer.call_sid in harness.live)
        assert harness.status(leg.call_sid) is (Status.IN_PROGRESS if leg.answered else Status.RINGING)
    for user in users:
        user.disconnect()
    harness.timers.pass_by(GRACE)
    assert (harness.live, harness.timers.waiting) == (set(), [])


# --- calls ended by a test


def test_a_call_that_is_finished_is_hung_up_at_both_ends(harness: CallHarness) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    assert harness.controller.leg(outgoing) is not None
    harness.controller.end_call(incoming, Status.FAILED)

    assert (alice.kinds(), bob.kinds()) == (["ServerHangup"], ["ServerHangup"])
    assert (harness.status(outgoing), harness.status(incoming)) == (Status.COMPLETED, Status.COMPLETED)
    assert harness.controller.leg(outgoing) is None


def test_a_call_that_rings_ends_as_it_is_told_to(harness: CallHarness) -> None:
    harness.controller.auto_answers.put("bob", AutoAnswer(Reaction.RING))
    alice = harness.user("alice")
    call = alice.call("bob")
    harness.controller.end_call(call, Status.BUSY)

    assert harness.status(call) is Status.BUSY


def test_a_call_where_nobody_is_can_be_finished_and_nothing_happens(harness: CallHarness) -> None:
    harness.controller.end_call(MINE, Status.COMPLETED)

    assert harness.live == set()


def test_a_seed_that_was_set_again_makes_no_call_twice(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob")
    harness.ids.seed(5)
    first = alice.call()
    harness.ids.seed(5)
    second = bob.call()

    assert first != second
    assert harness.live == {first, second}
