"""Calls between clients and to simulated callees, without sockets, clock or event loop."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import ACCOUNT, OTHER_ACCOUNT, make_engine, post
from support.voice import KX, House, User

from emulator.engine.capacity import CapacityError
from emulator.engine.scope import Scope
from emulator.engine.state.calls import Call, Leg, Status
from emulator.engine.voice.auto_answer import AutoAnswer, Reaction
from emulator.engine.voice.call_control import NotReachableError, later
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.engine.voice.clients import GRACE, ClientConnection
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire.signalling import client_frames, error_codes, server_frames

MINE = "CA" + "9" * 32


@pytest.fixture
def house() -> House:
    return House()


def talking(house: House) -> tuple[User, str, User, str]:
    """Begin a call from Alice to Bob, answer it, and read all frames."""
    alice, bob = house.user("alice"), house.user("bob").register()
    outgoing = alice.call("client:bob")
    incoming = bob.the(server_frames.ServerInvite).call_sid
    bob.answer(incoming)
    alice.told()
    return alice, outgoing, bob, incoming


# --- calls to simulated callees


def test_a_call_to_nobody_rings_and_is_answered_at_once(house: House) -> None:
    alice = house.user()
    call = alice.call()
    ringing, answered = alice.told()

    assert ringing == server_frames.Ringing(call_sid=call)
    assert isinstance(answered, server_frames.ServerAnswer)
    assert (answered.call_sid, bool(answered.sdp), bool(answered.reconnect)) == (call, True, True)
    assert house.status(call) is Status.IN_PROGRESS


def test_a_call_belongs_to_the_account_of_the_token(house: House) -> None:
    mine, everybodys = house.user(account_sid=ACCOUNT).call(), house.user().call()

    assert [call.account_sid for call in house.calls] == [ACCOUNT, None]
    assert house.calls.refusal(OTHER_ACCOUNT, mine) is not None
    assert house.calls.refusal(OTHER_ACCOUNT, everybodys) is None


def test_a_call_may_be_answered_after_a_time(house: House) -> None:
    house.board.behaviours.put("bob", AutoAnswer(Reaction.ANSWER, 2))
    alice = house.user()
    call = alice.call()
    before = house.status(call), alice.kinds()
    house.timers.pass_by(2)

    assert before == (Status.RINGING, ["Ringing"])
    assert (house.status(call), alice.kinds()) == (Status.IN_PROGRESS, ["ServerAnswer"])
    assert house.timers.waiting == []


def test_a_call_may_ring_and_nothing_else(house: House) -> None:
    house.board.behaviours.put("alice", AutoAnswer(Reaction.RING))
    alice = house.user()
    call = alice.call(to=None)

    assert (house.status(call), alice.kinds()) == (Status.RINGING, ["Ringing"])


@pytest.mark.parametrize(
    ("reaction", "status", "error"),
    [
        (Reaction.BUSY, Status.BUSY, error_codes.BUSY_HERE),
        (Reaction.REJECT, Status.NO_ANSWER, error_codes.DECLINE),
    ],
)
def test_a_call_may_fail(house: House, reaction: Reaction, status: Status, error: error_codes.SdkError) -> None:
    house.board.behaviours.put("bob", AutoAnswer(reaction))
    alice = house.user()
    call = alice.call()

    assert house.status(call) is status
    assert alice.told() == [
        server_frames.Ringing(call_sid=call),
        server_frames.ServerHangup(call_sid=call, error=error),
    ]
    assert (house.live, alice.line.aliases) == (set(), {})


# --- calls to clients


def test_a_registered_user_is_rung_with_a_callsid_of_its_own(house: House) -> None:
    alice, bob = house.user("alice"), house.user("bob", ACCOUNT).register()
    call = alice.call("client:bob", colour="red")
    incoming = bob.the(server_frames.ServerInvite)

    assert incoming.call_sid != call
    assert (incoming.from_, incoming.to, incoming.custom) == ("client:alice", "client:bob", {"colour": "red"})
    assert incoming.account_sid == ACCOUNT
    assert alice.kinds() == ["Ringing"]
    assert house.status(call) is house.status(incoming.call_sid) is Status.RINGING


def test_the_caller_is_answered_when_the_called_answers(house: House) -> None:
    alice, bob = house.user("alice"), house.user("bob").register()
    call = alice.call()
    incoming = bob.the(server_frames.ServerInvite).call_sid
    alice.told()
    bob.answer(incoming)
    bob.answer(incoming)

    assert alice.kinds() == ["ServerAnswer"]
    assert bob.kinds() == []
    assert house.status(call) is house.status(incoming) is Status.IN_PROGRESS


@pytest.mark.parametrize("who", ["caller", "called"])
def test_who_hangs_up_ends_it_for_both(house: House, who: str) -> None:
    alice, outgoing, bob, incoming = talking(house)
    if who == "caller":
        alice.hang_up("TJS1")
    else:
        bob.hang_up(incoming)

    assert house.status(outgoing) is house.status(incoming) is Status.COMPLETED
    assert (alice.kinds(), bob.kinds()) == (([], ["ServerHangup"]) if who == "caller" else (["ServerHangup"], []))
    assert (house.live, alice.line.aliases) == (set(), {})


def test_a_caller_who_gives_up_cancels(house: House) -> None:
    alice, bob = house.user("alice"), house.user("bob").register()
    call = alice.call()
    incoming = bob.the(server_frames.ServerInvite).call_sid
    alice.hang_up(call)

    assert bob.told() == [server_frames.Cancel(call_sid=incoming)]
    assert house.status(call) is house.status(incoming) is Status.CANCELED


@pytest.mark.parametrize("how", [User.reject, User.hang_up])
def test_a_call_that_is_not_taken_ends_for_the_caller(house: House, how: Callable[[User, str], None]) -> None:
    alice, bob = house.user("alice"), house.user("bob").register()
    call = alice.call()
    how(bob, bob.the(server_frames.ServerInvite).call_sid)

    assert alice.kinds() == ["Ringing", "ServerHangup"]
    assert house.status(call) is Status.NO_ANSWER
    assert house.live == set()


def test_two_sockets_of_one_user_ring_and_the_first_to_answer_wins(house: House) -> None:
    alice, desk, mobile = house.user("alice"), house.user("bob").register(), house.user("bob").register()
    alice.call()
    call = desk.the(server_frames.ServerInvite).call_sid
    assert mobile.the(server_frames.ServerInvite).call_sid == call
    mobile.answer(call)
    desk.answer(call)

    assert desk.told() == [
        server_frames.Cancel(call_sid=call),
        server_frames.ServerHangup(call_sid=call, error=error_codes.CALL_ENDED),
    ]
    assert alice.kinds() == ["Ringing", "ServerAnswer"]


def test_it_rings_on_where_it_was_not_rejected(house: House) -> None:
    alice, desk, mobile = house.user("alice"), house.user("bob").register(), house.user("bob").register()
    alice.call()
    call = desk.the(server_frames.ServerInvite).call_sid
    desk.reject(call)
    assert house.status(call) is Status.RINGING

    mobile.lose()

    assert house.status(call) is Status.NO_ANSWER
    assert alice.kinds() == ["Ringing", "ServerHangup"]


def test_it_rings_on_where_the_socket_is_not_lost(house: House) -> None:
    desk, mobile = house.user("bob").register(), house.user("bob").register()
    call = house.board.place("bob", from_="x", custom={})
    desk.lose()

    assert mobile.kinds() == ["ServerInvite"]
    assert house.status(call) is Status.RINGING


def test_who_calls_himself_rings_elsewhere_only(house: House) -> None:
    alice = house.user("alice").register()
    call = alice.call("alice")

    assert house.live == {call}
    assert alice.kinds() == ["Ringing", "ServerAnswer"]


def test_users_of_another_account_are_not_there(house: House) -> None:
    bob = house.user("bob", OTHER_ACCOUNT).register()
    house.user("alice", ACCOUNT).call("bob")

    assert bob.kinds() == []


def test_a_user_who_is_not_registered_any_more_is_not_there(house: House) -> None:
    bob = house.user("bob").register()
    house.board.register(bob.line, available=False)
    house.user("alice").call("bob")

    assert bob.kinds() == ["Offline"]


def test_a_user_is_told_that_it_is_registered(house: House) -> None:
    bob = house.user("bob")
    house.board.register(bob.line, available=True)

    assert bob.told() == [server_frames.ReadyFrame()]
    assert list(house.board.lines) == [bob.line]


def test_frames_that_no_longer_fit_change_nothing(house: House) -> None:
    alice, outgoing, bob, incoming = talking(house)
    alice.answer(outgoing)
    bob.reject(incoming)
    alice.reject(outgoing)
    bob.reject(MINE)
    bob.hang_up(MINE)
    bob.hang_up(outgoing)  # the other client's call

    assert (alice.told(), bob.told()) == ([], [])
    assert house.live == {outgoing, incoming}


def test_new_media_are_agreed_on_in_a_call_only(house: House) -> None:
    alice, outgoing, _, _ = talking(house)
    house.board.reinvite(alice.line, client_frames.Reinvite(call_sid=outgoing, sdp=""))
    house.board.reinvite(alice.line, client_frames.Reinvite(call_sid=MINE, sdp=""))
    answered, hung_up = alice.told()

    assert isinstance(answered, server_frames.ServerAnswer)
    assert answered.sdp
    assert hung_up == server_frames.ServerHangup(call_sid=MINE)


# --- calls placed by a test


def test_a_placed_call_rings_and_can_be_answered(house: House) -> None:
    bob = house.user("bob").register()
    call = house.board.place("client:bob", from_="+15550100", account_sid=ACCOUNT, custom={"a": "b"})
    incoming = bob.the(server_frames.ServerInvite)
    bob.answer(call)

    assert (incoming.call_sid, incoming.from_, incoming.account_sid) == (call, "+15550100", ACCOUNT)
    assert incoming.custom == {"a": "b"}
    assert house.status(call) is Status.IN_PROGRESS


def test_a_call_placed_to_nobody_is_an_error(house: House) -> None:
    house.user("bob")

    with pytest.raises(NotReachableError, match="bob"):
        house.board.place("bob", from_="x", custom={})


# --- messages


def test_a_message_of_a_user_is_acknowledged_and_told(house: House) -> None:
    alice = house.user("alice", ACCOUNT)
    call = alice.call()
    alice.told()
    alice.say(call, "1.0")

    assert alice.told() == [server_frames.Ack(call_sid=call, sid=KX)]
    assert house.heard == [EndUserMessage(ACCOUNT, call, "alice", KX, "1.0", "application/json")]


def test_a_message_needs_nobody_who_listens(house: House) -> None:
    house.board.on_message = None
    alice = house.user()
    alice.say(alice.call())

    assert alice.kinds() == ["Ringing", "ServerAnswer", "Ack"]


@pytest.mark.parametrize(
    ("content", "kind", "error"),
    [
        pytest.param("{}", "nonsense", error_codes.MESSAGE_TYPE_INVALID, id="its type"),
        pytest.param("1" * 10_001, "user-defined-message", error_codes.CONTENT_TOO_LARGE, id="its size"),
        pytest.param("1" * 10_000, "user-defined-message", None, id="nothing"),
    ],
)
def test_a_message_is_refused_for(house: House, content: str, kind: str, error: error_codes.SdkError | None) -> None:
    alice = house.user()
    call = alice.call()
    alice.told()
    alice.say(call, content, kind)

    expected = (
        server_frames.ErrorFrame(error=error, call_sid=call, sid=KX)
        if error
        else server_frames.Ack(call_sid=call, sid=KX)
    )
    assert alice.told() == [expected]
    assert len(house.heard) == (error is None)


def test_a_message_is_refused_outside_of_a_call_that_is_active(house: House) -> None:
    alice = house.user()
    call = alice.call()
    alice.told()
    alice.say(MINE)
    house.calls.add(Call(sid=call, account_sid=None, status=Status.COMPLETED, client=Leg.VOICE_SDK))
    alice.say(call)
    house.calls.remove(call)
    alice.say(call)

    codes = [frame.error.code if isinstance(frame, server_frames.ErrorFrame) else 0 for frame in alice.told()]
    assert codes == [31211, 31211, 0]


def test_a_message_is_sent_to_the_user_of_the_call_while_it_rings_too(house: House) -> None:
    desk, mobile = house.user("bob").register(), house.user("bob").register()
    call = house.board.place("bob", from_="x", custom={})
    handover = house.board.deliver(call, KX, "1")

    assert handover == DeliveryStatus("bob")
    assert desk.kinds() == mobile.kinds() == ["ServerInvite", "ServerMessage"]


def test_a_message_that_cannot_be_rendered_is_lost(house: House) -> None:
    alice = house.user()
    call = alice.call()
    first, second, third = (house.board.deliver(call, KX, "1") for _ in range(3))
    house.board.unrendered(alice.line, 1)
    house.board.written(alice.line, 2)

    assert (first.to, second.to, third.to) == ("alice", None, "alice")
    assert second.reason == "the message cannot be rendered as a frame"
    assert (first.after is None, third.after is None) == (False, False)


def test_a_message_for_a_call_of_nobody_says_so(house: House) -> None:
    assert house.board.deliver(MINE, KX, "1").to is None
    alice = house.user()
    call = alice.call()
    alice.lose()

    assert house.board.deliver(call, KX, "1") == DeliveryStatus(
        None, "alice lost its connection and has not come back yet"
    )


# --- lost sockets


def test_a_call_goes_on_on_another_socket(house: House) -> None:
    alice = house.user()
    call = alice.call()
    token = alice.the(server_frames.ServerAnswer).reconnect
    assert token is not None
    alice.lose()
    house.timers.pass_by(GRACE - 1)
    again = house.user()
    again.reconnect(call, token)
    house.timers.pass_by(GRACE)

    assert again.told() == [server_frames.ServerAnswer(call_sid=call, reconnect=token)]
    assert house.status(call) is Status.IN_PROGRESS
    assert house.board.deliver(call, KX, "1") == DeliveryStatus("alice")


def test_a_call_goes_on_while_the_old_socket_is_not_known_to_be_lost(house: House) -> None:
    alice = house.user()
    call = alice.call()
    token = alice.the(server_frames.ServerAnswer).reconnect
    assert token is not None
    again = house.user()
    again.reconnect(call, token)
    alice.lose()
    house.timers.pass_by(GRACE)

    assert house.status(call) is Status.IN_PROGRESS


@pytest.mark.parametrize(("timeout", "grace"), [(0, GRACE), (5, 5), (1e9, GRACE)])
def test_a_call_ends_when_its_user_does_not_come_back_in_time(house: House, timeout: float, grace: float) -> None:
    bob = house.user("bob").register()
    alice = house.user("alice", timeout=timeout)
    call = alice.call()
    incoming = bob.the(server_frames.ServerInvite).call_sid
    bob.answer(incoming)
    alice.lose()
    house.timers.pass_by(grace - 0.5)
    assert house.status(call) is Status.IN_PROGRESS
    house.timers.pass_by(0.5)

    assert house.status(call) is house.status(incoming) is Status.COMPLETED
    assert bob.told() == [server_frames.ServerHangup(call_sid=incoming)]
    assert house.timers.waiting == []


@pytest.mark.parametrize("stale", ["ended", "wrong", "rings"])
def test_a_stale_token_is_refused_and_the_call_is_over_for_its_client(house: House, stale: str) -> None:
    alice = house.user()
    if stale == "rings":
        house.board.behaviours.put("bob", AutoAnswer(Reaction.RING))
    call = alice.call()
    token = next(party.token for party in house.board.parties)
    if stale == "ended":
        alice.hang_up(call)
    again = house.user()
    again.reconnect(call, "wrong" if stale == "wrong" else token)

    assert again.told() == [
        server_frames.ErrorFrame(error=error_codes.RECONNECT_REFUSED, call_sid=call),
        server_frames.ServerHangup(call_sid=call),
    ]


def test_a_call_that_rings_ends_with_the_socket_of_its_caller(house: House) -> None:
    alice, bob = house.user("alice"), house.user("bob").register()
    call = alice.call()
    bob.told()
    alice.lose()
    alice.lose()

    assert house.status(call) is Status.CANCELED
    assert bob.kinds() == ["Cancel"]
    assert list(house.board.lines) == [bob.line]


# --- resets, limits, stop


def test_a_reset_hangs_up_the_calls_of_its_scope(house: House) -> None:
    mine, theirs = house.user("a", ACCOUNT), house.user("b", OTHER_ACCOUNT)
    kept, gone = theirs.call(), mine.call()
    mine.told()
    theirs.told()
    house.board.behaviours.put("x", AutoAnswer(Reaction.BUSY))
    house.board.reset(Scope(ACCOUNT))

    assert mine.told() == [server_frames.ServerHangup(call_sid=gone)]
    assert (theirs.told(), house.live) == ([], {kept})
    assert house.board.behaviours.items() != []


def test_a_reset_of_everything_hangs_up_both_ends_once(house: House) -> None:
    alice, outgoing, bob, incoming = talking(house)
    house.board.behaviours.put("x", AutoAnswer(Reaction.BUSY))
    house.board.reset(Scope())

    assert (alice.told(), bob.told()) == (
        [server_frames.ServerHangup(call_sid=outgoing)],
        [server_frames.ServerHangup(call_sid=incoming)],
    )
    assert (house.live, len(house.board.behaviours)) == (set(), 0)


def test_the_end_closes_every_line_and_leaves_no_timer(house: House) -> None:
    alice = house.user()
    alice.call()
    alice.lose()
    bob = house.user("bob")
    house.board.stop()

    assert bob.line.closed is not None
    assert house.timers.waiting == []


def test_the_end_of_the_engine_is_the_end_of_the_switchboard() -> None:
    engine, line = make_engine(), ClientConnection()
    engine.call_controller.connect(line, identity="alice", account_sid=None)
    engine.stop()

    assert line.closed is not None


def test_the_engine_delivers_what_it_creates_and_hangs_up_what_it_resets() -> None:
    engine, line = make_engine(), ClientConnection()
    engine.call_controller.connect(line, identity="alice", account_sid=None)
    engine.call_controller.invite(line, client_frames.ClientInvite(call_sid="TJS1", sdp="", parameters={}))
    call = line.aliases["TJS1"]
    line.take()
    exchange = post(engine, "[1.0]", "key", call_sid=call)
    post(engine, "[1.0]", "key", call_sid=call)
    assert exchange.message is not None
    delivered = server_frames.ServerMessage(call_sid=call, sid=exchange.message.sid, content="[1.0]")
    assert (exchange.handover, line.take()) == (DeliveryStatus("alice"), [delivered])

    assert engine.reset(Scope(call_sid=call))["calls"] == 1
    assert line.take() == [server_frames.ServerHangup(call_sid=call)]


def test_the_oldest_ended_calls_make_room_for_new_ones(house: House) -> None:
    house.memory["calls"].max_entries = 2
    alice = house.user()
    ended = [alice.call(alias=str(number)) for number in range(2)]
    for call in ended:
        alice.hang_up(call)
    house.calls.remove(ended[0])
    house.calls.add(Call(sid=MINE, account_sid=None, status=Status.COMPLETED, client=Leg.VOICE_SDK))
    call = alice.call()

    assert {known.sid for known in house.calls} == {MINE, call}


def test_there_is_an_end_to_registered_calls(house: House) -> None:
    house.memory["calls"].max_entries = 1
    alice, bob = house.user("alice"), house.user("bob").register()

    with pytest.raises(CapacityError, match="calls"):
        alice.call()  # there is no capacity for the second leg

    assert alice.kinds() == ["Ringing", "ServerHangup"]
    assert (bob.kinds(), house.live) == ([], set())


def test_there_is_an_end_to_calls_that_are_not_even_registered(house: House) -> None:
    house.memory["voice_calls"].max_entries = 1
    alice = house.user()
    call = alice.call()
    house.calls.remove(call)

    with pytest.raises(CapacityError, match="voice_calls"):
        alice.call(alias="TJS2")

    alice.hang_up(call)
    assert list(house.calls) == []


def test_a_name_that_is_given_twice_means_the_later_call(house: House) -> None:
    alice = house.user()
    first, second = alice.call(), alice.call()
    alice.hang_up(first)
    assert house.live == {second}

    alice.hang_up("TJS1")

    assert house.live == set()


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
        st.tuples(st.sampled_from(["answer", "reject", "hang_up", "say", "reconnect"]), _users, _calls),
        st.tuples(st.sampled_from(["lose", "register"]), _users, st.none()),
        st.tuples(st.just("place"), st.none(), st.sampled_from(NAMES)),
        st.tuples(st.just("time"), st.none(), st.sampled_from([1, 40])),
        st.tuples(st.just("reset"), st.none(), st.none()),
    ),
    max_size=40,
)


def play(house: House, users: list[User], step: tuple[str, Any, Any]) -> None:
    what, who, about = step
    known = {party.call_sid: party.token for party in house.board.parties}
    sids = [*known, MINE]
    with contextlib.suppress(NotReachableError):
        match what:
            case "call":
                users[who].call(about)
            case "lose":
                users[who].lose()
                users[who] = house.user(NAMES[who % 2])
            case "register":
                users[who].register()
            case "place":
                house.board.place(about, from_="x", custom={})
            case "time":
                house.timers.pass_by(about)
            case "reset":
                house.board.reset(Scope())
            case "reconnect":
                call = sids[about % len(sids)]
                users[who].reconnect(call, known.get(call, ""))
            case _:
                getattr(users[who], what)(sids[about % len(sids)])


@given(STEPS)
def test_whatever_happens_every_end_is_of_a_line_that_is_there_or_waited_for(steps: list[tuple[str, Any, Any]]) -> None:
    house = House()
    users = [house.user(NAMES[number % 2]) for number in range(4)]
    for step in steps:
        play(house, users, step)

    connected = list(house.board.lines)
    for party in house.board.parties:
        assert all(line in connected for line in party.lines)
        assert party.lines or party.timer is not None
        assert party.peer is None or (party.peer.peer is party and party.peer.call_sid in house.live)
        assert house.status(party.call_sid) is (Status.IN_PROGRESS if party.answered else Status.RINGING)
    for user in users:
        user.lose()
    house.timers.pass_by(GRACE)
    assert (house.live, house.timers.waiting) == (set(), [])


# --- calls ended by a test


def test_a_call_that_is_finished_is_hung_up_at_both_ends(house: House) -> None:
    alice, outgoing, bob, incoming = talking(house)
    assert house.board.party(outgoing) is not None
    house.board.finish(incoming, Status.FAILED)

    assert (alice.kinds(), bob.kinds()) == (["ServerHangup"], ["ServerHangup"])
    assert (house.status(outgoing), house.status(incoming)) == (Status.COMPLETED, Status.COMPLETED)
    assert house.board.party(outgoing) is None


def test_a_call_that_rings_ends_as_it_is_told_to(house: House) -> None:
    house.board.behaviours.put("bob", AutoAnswer(Reaction.RING))
    alice = house.user("alice")
    call = alice.call("bob")
    house.board.finish(call, Status.BUSY)

    assert house.status(call) is Status.BUSY


def test_a_call_where_nobody_is_can_be_finished_and_nothing_happens(house: House) -> None:
    house.board.finish(MINE, Status.COMPLETED)

    assert house.live == set()


def test_a_seed_that_was_set_again_makes_no_call_twice(house: House) -> None:
    alice, bob = house.user("alice"), house.user("bob")
    house.ids.seed(5)
    first = alice.call()
    house.ids.seed(5)
    second = bob.call()

    assert first != second
    assert house.live == {first, second}
