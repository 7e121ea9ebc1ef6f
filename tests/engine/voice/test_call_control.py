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


def test_unknown_callee_answers_at_once(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    ringing, answered = alice.take()

    assert ringing == server_frames.Ringing(call_sid=call)
    assert isinstance(answered, server_frames.ServerAnswer)
    assert (answered.call_sid, bool(answered.sdp), bool(answered.reconnect)) == (call, True, True)
    assert harness.status(call) is Status.IN_PROGRESS


def test_call_has_the_tokens_account(harness: CallHarness) -> None:
    mine, everybodys = harness.user(account_sid=ACCOUNT).call(), harness.user().call()

    assert [call.account_sid for call in harness.calls] == [ACCOUNT, None]
    assert harness.calls.refusal(OTHER_ACCOUNT, mine) is not None
    assert harness.calls.refusal(OTHER_ACCOUNT, everybodys) is None


def test_call_may_be_answered_later(harness: CallHarness) -> None:
    harness.controller.auto_answers.put("bob", AutoAnswer(Reaction.ANSWER, 2))
    alice = harness.user()
    call = alice.call()
    before = harness.status(call), alice.kinds()
    harness.timers.pass_by(2)

    assert before == (Status.RINGING, ["Ringing"])
    assert (harness.status(call), alice.kinds()) == (Status.IN_PROGRESS, ["ServerAnswer"])
    assert harness.timers.waiting == []


def test_call_may_only_ring(harness: CallHarness) -> None:
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


def test_callee_gets_its_own_call_sid(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob", ACCOUNT).register()
    call = alice.call("client:bob", colour="red")
    incoming = bob.take_one(server_frames.ServerInvite)

    assert incoming.call_sid != call
    assert (incoming.from_, incoming.to, incoming.custom) == ("client:alice", "client:bob", {"colour": "red"})
    assert incoming.account_sid == ACCOUNT
    assert alice.kinds() == ["Ringing"]
    assert harness.status(call) is harness.status(incoming.call_sid) is Status.RINGING


def test_caller_is_answered_with_the_callee(harness: CallHarness) -> None:
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
def test_hangup_ends_both_legs(harness: CallHarness, who: str) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    if who == "caller":
        alice.hang_up("TJS1")
    else:
        bob.hang_up(incoming)

    assert harness.status(outgoing) is harness.status(incoming) is Status.COMPLETED
    assert (alice.kinds(), bob.kinds()) == (([], ["ServerHangup"]) if who == "caller" else (["ServerHangup"], []))
    assert (harness.live, alice.connection.aliases) == (set(), {})


def test_caller_cancels(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    incoming = bob.take_one(server_frames.ServerInvite).call_sid
    alice.hang_up(call)

    assert bob.take() == [server_frames.Cancel(call_sid=incoming)]
    assert harness.status(call) is harness.status(incoming) is Status.CANCELED


@pytest.mark.parametrize("how", [User.reject, User.hang_up])
def test_rejected_call_ends_for_the_caller(harness: CallHarness, how: Callable[[User, str], None]) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    how(bob, bob.take_one(server_frames.ServerInvite).call_sid)

    assert alice.kinds() == ["Ringing", "ServerHangup"]
    assert harness.status(call) is Status.NO_ANSWER
    assert harness.live == set()


def test_first_socket_to_answer_wins(harness: CallHarness) -> None:
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


def test_rejection_keeps_other_sockets(harness: CallHarness) -> None:
    alice, desk, mobile = harness.user("alice"), harness.user("bob").register(), harness.user("bob").register()
    alice.call()
    call = desk.take_one(server_frames.ServerInvite).call_sid
    desk.reject(call)
    assert harness.status(call) is Status.RINGING

    mobile.disconnect()

    assert harness.status(call) is Status.NO_ANSWER
    assert alice.kinds() == ["Ringing", "ServerHangup"]


def test_loss_keeps_other_sockets(harness: CallHarness) -> None:
    desk, mobile = harness.user("bob").register(), harness.user("bob").register()
    call = harness.controller.place_call("bob", from_="x", custom={})
    desk.disconnect()

    assert mobile.kinds() == ["ServerInvite"]
    assert harness.status(call) is Status.RINGING


def test_own_identity_rings_on_other_sockets(harness: CallHarness) -> None:
    alice = harness.user("alice").register()
    call = alice.call("alice")

    assert harness.live == {call}
    assert alice.kinds() == ["Ringing", "ServerAnswer"]


def test_users_of_other_accounts_are_unknown(harness: CallHarness) -> None:
    bob = harness.user("bob", OTHER_ACCOUNT).register()
    harness.user("alice", ACCOUNT).call("bob")

    assert bob.kinds() == []


def test_unregistered_user_is_unknown(harness: CallHarness) -> None:
    bob = harness.user("bob").register()
    harness.controller.register(bob.connection, available=False)
    harness.user("alice").call("bob")

    assert bob.kinds() == ["Offline"]


def test_user_gets_a_registered_frame(harness: CallHarness) -> None:
    bob = harness.user("bob")
    harness.controller.register(bob.connection, available=True)

    assert bob.take() == [server_frames.ReadyFrame()]
    assert list(harness.controller.connections) == [bob.connection]


def test_unexpected_frames_change_nothing(harness: CallHarness) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    alice.answer(outgoing)
    bob.reject(incoming)
    alice.reject(outgoing)
    bob.reject(MINE)
    bob.hang_up(MINE)
    bob.hang_up(outgoing)  # the other client's call

    assert (alice.take(), bob.take()) == ([], [])
    assert harness.live == {outgoing, incoming}


def test_new_media_need_a_call(harness: CallHarness) -> None:
    alice, outgoing, _, _ = talking(harness)
    harness.controller.reinvite(alice.connection, client_frames.Reinvite(call_sid=outgoing, sdp=""))
    harness.controller.reinvite(alice.connection, client_frames.Reinvite(call_sid=MINE, sdp=""))
    answered, hung_up = alice.take()

    assert isinstance(answered, server_frames.ServerAnswer)
    assert answered.sdp
    assert hung_up == server_frames.ServerHangup(call_sid=MINE)


# --- calls placed by a test


def test_placed_call_rings_and_is_answered(harness: CallHarness) -> None:
    bob = harness.user("bob").register()
    call = harness.controller.place_call("client:bob", from_="+15550100", account_sid=ACCOUNT, custom={"a": "b"})
    incoming = bob.take_one(server_frames.ServerInvite)
    bob.answer(call)

    assert (incoming.call_sid, incoming.from_, incoming.account_sid) == (call, "+15550100", ACCOUNT)
    assert incoming.custom == {"a": "b"}
    assert harness.status(call) is Status.IN_PROGRESS


def test_call_to_unknown_user_is_an_error(harness: CallHarness) -> None:
    harness.user("bob")

    with pytest.raises(NotReachableError, match="bob"):
        harness.controller.place_call("bob", from_="x", custom={})


# --- messages


def test_message_is_acknowledged_and_sent(harness: CallHarness) -> None:
    alice = harness.user("alice", ACCOUNT)
    call = alice.call()
    alice.take()
    alice.send_message(call, "1.0")

    assert alice.take() == [server_frames.Ack(call_sid=call, sid=KX)]
    assert harness.received == [EndUserMessage(ACCOUNT, call, "alice", KX, "1.0", "application/json")]


def test_message_needs_no_subscription(harness: CallHarness) -> None:
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


def test_message_needs_an_active_call(harness: CallHarness) -> None:
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


def test_message_reaches_a_ringing_user(harness: CallHarness) -> None:
    desk, mobile = harness.user("bob").register(), harness.user("bob").register()
    call = harness.controller.place_call("bob", from_="x", custom={})
    delivery_status = harness.controller.deliver(call, KX, "1")

    assert delivery_status == DeliveryStatus("bob")
    assert desk.kinds() == mobile.kinds() == ["ServerInvite", "ServerMessage"]


def test_unrenderable_message_is_lost(harness: CallHarness) -> None:
    alice = harness.user()
    call = alice.call()
    first, second, third = (harness.controller.deliver(call, KX, "1") for _ in range(3))
    harness.controller.message_not_encoded(alice.connection, 1)
    harness.controller.messages_written(alice.connection, 2)

    assert (first.to, second.to, third.to) == ("alice", None, "alice")
    assert second.reason == "the message cannot be rendered as a frame"
    assert (first.after is None, third.after is None) == (False, False)


def test_message_without_client_has_a_reason(harness: CallHarness) -> None:
    assert harness.controller.deliver(MINE, KX, "1").to is None
    alice = harness.user()
    call = alice.call()
    alice.disconnect()

    assert harness.controller.deliver(call, KX, "1") == DeliveryStatus(
        None, "alice lost its connection and has not come back yet"
    )


# --- lost sockets


def test_call_moves_to_another_socket(harness: CallHarness) -> None:
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


def test_call_moves_from_a_live_socket(harness: CallHarness) -> None:
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
def test_call_ends_after_the_reconnect_time(harness: CallHarness, timeout: float, grace: float) -> None:
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
def test_stale_token_ends_the_call(harness: CallHarness, stale: str) -> None:
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


def test_ringing_call_ends_with_its_socket(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob").register()
    call = alice.call()
    bob.take()
    alice.disconnect()
    alice.disconnect()

    assert harness.status(call) is Status.CANCELED
    assert bob.kinds() == ["Cancel"]
    assert list(harness.controller.connections) == [bob.connection]


# --- resets, limits, stop


def test_reset_hangs_up_its_scope(harness: CallHarness) -> None:
    mine, theirs = harness.user("a", ACCOUNT), harness.user("b", OTHER_ACCOUNT)
    kept, gone = theirs.call(), mine.call()
    mine.take()
    theirs.take()
    harness.controller.auto_answers.put("x", AutoAnswer(Reaction.BUSY))
    harness.controller.reset(Scope(ACCOUNT))

    assert mine.take() == [server_frames.ServerHangup(call_sid=gone)]
    assert (theirs.take(), harness.live) == ([], {kept})
    assert harness.controller.auto_answers.items() != []


def test_full_reset_hangs_up_both_ends_once(harness: CallHarness) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    harness.controller.auto_answers.put("x", AutoAnswer(Reaction.BUSY))
    harness.controller.reset(Scope())

    assert (alice.take(), bob.take()) == (
        [server_frames.ServerHangup(call_sid=outgoing)],
        [server_frames.ServerHangup(call_sid=incoming)],
    )
    assert (harness.live, len(harness.controller.auto_answers)) == (set(), 0)


def test_close_ends_lines_and_timers(harness: CallHarness) -> None:
    alice = harness.user()
    alice.call()
    alice.disconnect()
    bob = harness.user("bob")
    harness.controller.stop()

    assert bob.connection.closed is not None
    assert harness.timers.waiting == []


def test_engine_stop_ends_calls() -> None:
    engine, connection = make_engine(), ClientConnection()
    engine.call_controller.connect(connection, identity="alice", account_sid=None)
    engine.stop()

    assert connection.closed is not None


def test_engine_delivers_and_hangs_up() -> None:
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


def test_ended_calls_make_room(harness: CallHarness) -> None:
    harness.memory["calls"].max_entries = 2
    alice = harness.user()
    ended = [alice.call(alias=str(number)) for number in range(2)]
    for call in ended:
        alice.hang_up(call)
    harness.calls.remove(ended[0])
    harness.calls.add(RegisteredCall(sid=MINE, account_sid=None, status=Status.COMPLETED, client=Leg.VOICE_SDK))
    call = alice.call()

    assert {known.sid for known in harness.calls} == {MINE, call}


def test_registered_calls_are_limited(harness: CallHarness) -> None:
    harness.memory["calls"].max_entries = 1
    alice, bob = harness.user("alice"), harness.user("bob").register()

    with pytest.raises(CapacityError, match="calls"):
        alice.call()  # there is no capacity for the second leg

    assert alice.kinds() == ["Ringing", "ServerHangup"]
    assert (bob.kinds(), harness.live) == ([], set())


def test_unregistered_calls_are_limited(harness: CallHarness) -> None:
    harness.memory["voice_calls"].max_entries = 1
    alice = harness.user()
    call = alice.call()
    harness.calls.remove(call)

    with pytest.raises(CapacityError, match="voice_calls"):
        alice.call(alias="TJS2")

    alice.hang_up(call)
    assert list(harness.calls) == []


def test_repeated_name_is_the_later_call(harness: CallHarness) -> None:
    alice = harness.user()
    first, second = alice.call(), alice.call()
    alice.hang_up(first)
    assert harness.live == {second}

    alice.hang_up("TJS1")

    assert harness.live == set()


def test_default_timer_is_the_loops() -> None:
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
def test_every_leg_has_a_line_or_a_timer(steps: list[tuple[str, Any, Any]]) -> None:
    """Each leg has a connected client, or a timer that waits for one."""
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


def test_finished_call_ends_both_legs(harness: CallHarness) -> None:
    alice, outgoing, bob, incoming = talking(harness)
    assert harness.controller.leg(outgoing) is not None
    harness.controller.end_call(incoming, Status.FAILED)

    assert (alice.kinds(), bob.kinds()) == (["ServerHangup"], ["ServerHangup"])
    assert (harness.status(outgoing), harness.status(incoming)) == (Status.COMPLETED, Status.COMPLETED)
    assert harness.controller.leg(outgoing) is None


def test_ringing_call_ends_with_given_status(harness: CallHarness) -> None:
    harness.controller.auto_answers.put("bob", AutoAnswer(Reaction.RING))
    alice = harness.user("alice")
    call = alice.call("bob")
    harness.controller.end_call(call, Status.BUSY)

    assert harness.status(call) is Status.BUSY


def test_finishing_an_unknown_call(harness: CallHarness) -> None:
    """It does nothing."""
    harness.controller.end_call(MINE, Status.COMPLETED)

    assert harness.live == set()


def test_repeated_seed_makes_unique_calls(harness: CallHarness) -> None:
    alice, bob = harness.user("alice"), harness.user("bob")
    harness.ids.seed(5)
    first = alice.call()
    harness.ids.seed(5)
    second = bob.call()

    assert first != second
    assert harness.live == {first, second}
