"""Recipient and time of a message: it counts as delivered once it is written to a socket."""

import random
from collections.abc import Callable

import pytest
from support.builders import account, make_engine, post
from support.voice import KX, Timers

from emulator.engine.config import Unregistered
from emulator.engine.engine import Engine
from emulator.engine.ids import IdGenerator
from emulator.engine.state.calls import CallRegistry
from emulator.engine.voice.call_control import CallController
from emulator.engine.voice.clients import ClientConnection
from emulator.engine.voice.delivery_status import DeliveryStatus
from emulator.wire.signalling import client_frames


def call_controller_at(monotonic: Callable[[], float]) -> CallController:
    ids = IdGenerator(random.Random(0).randbytes)
    return CallController(account(), CallRegistry(account(), Unregistered.ANY), ids, monotonic, later=Timers().later)


def call(call_controller: CallController) -> tuple[ClientConnection, str]:
    """Connect a client that calls a simulated callee; return its connection and the CallSid."""
    connection = ClientConnection()
    call_controller.connect(connection, identity="alice", account_sid=None)
    call_controller.invite(connection, client_frames.ClientInvite(call_sid="TJS1", sdp="", parameters={}))
    connection.take()
    return connection, connection.aliases["TJS1"]


def test_message_is_delivered_when_written() -> None:
    times = iter([10.0, 11.0, 11.5, 12.0])
    call_controller = call_controller_at(lambda: next(times))
    connection, call_sid = call(call_controller)
    first, second = (call_controller.deliver(call_sid, KX, "{}") for _ in range(2))
    before = first.after
    call_controller.messages_written(connection, 1)
    after_one = second.after
    call_controller.messages_written(connection, 1)

    assert (before, first.after, after_one, second.after) == (None, 1.5, None, 1.0)
    assert (first.to, first.reason) == ("alice", None)


def test_delivery_time_is_kept() -> None:
    times = iter([1.0, 2.0, 5.0])
    call_controller = call_controller_at(lambda: next(times))
    connection, call_sid = call(call_controller)
    delivery_status = call_controller.deliver(call_sid, KX, "{}")
    again, other = ClientConnection(), ClientConnection()
    for each in (again, other):
        each.undelivered.append(delivery_status)
    call_controller.messages_written(connection, 1)
    call_controller.messages_written(again, 1)
    call_controller.disconnect(other)

    assert (delivery_status.to, delivery_status.after) == ("alice", 1.0)


def test_lost_socket_means_not_delivered() -> None:
    call_controller = call_controller_at(lambda: 0.0)
    connection, call_sid = call(call_controller)
    delivery_status = call_controller.deliver(call_sid, KX, "{}")
    call_controller.disconnect(connection)

    assert delivery_status == DeliveryStatus(None, "alice was lost before it was sent: its socket is gone")


@pytest.mark.parametrize("lost_first", [True, False])
def test_one_of_two_sockets_is_enough(*, lost_first: bool) -> None:
    call_controller = call_controller_at(lambda: 0.0)
    connections = [ClientConnection(), ClientConnection()]
    for connection in connections:
        call_controller.connect(connection, identity="alice", account_sid=None)
        call_controller.register(connection, available=True)
    call_sid = call_controller.place_call("alice", from_="bob", custom={})
    delivery_status = call_controller.deliver(call_sid, KX, "{}")
    steps = [
        lambda: call_controller.disconnect(connections[0]),
        lambda: call_controller.messages_written(connections[1], 1),
    ]
    for step in steps if lost_first else reversed(steps):
        step()

    assert (delivery_status.to, delivery_status.reason, delivery_status.after) == ("alice", None, 0.0)


def test_no_socket_means_not_delivered() -> None:
    call_controller = call_controller_at(lambda: 0.0)
    connections = [ClientConnection(), ClientConnection()]
    for connection in connections:
        call_controller.connect(connection, identity="alice", account_sid=None)
        call_controller.register(connection, available=True)
    delivery_status = call_controller.deliver(call_controller.place_call("alice", from_="bob", custom={}), KX, "{}")
    for connection in connections:
        call_controller.disconnect(connection)

    assert (delivery_status.to, delivery_status.after) == (None, None)
    assert delivery_status.reason is not None


def test_call_without_voice_sdk() -> None:
    """The message is not delivered."""
    delivery_status = call_controller_at(lambda: 0.0).deliver("CA", KX, "{}")

    assert delivery_status == DeliveryStatus(None, "no Voice SDK is connected to this call")


def test_lost_socket_is_the_reason() -> None:
    call_controller = call_controller_at(lambda: 0.0)
    connection, call_sid = call(call_controller)
    call_controller.disconnect(connection)

    assert call_controller.deliver(call_sid, KX, "{}") == DeliveryStatus(
        None, "alice lost its connection and has not come back yet"
    )


def journaled(engine: Engine, call_sid: str) -> list[DeliveryStatus | None]:
    return [post(engine, key=key, call_sid=call_sid).delivery_status for key in ("k", "k")]


def test_only_created_messages_have_a_status() -> None:
    engine = make_engine()
    _, call_sid = call(engine.call_controller)
    created, replayed = journaled(engine, call_sid)

    assert (created, replayed) == (DeliveryStatus("alice"), None)
