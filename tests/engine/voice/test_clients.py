import asyncio

import pytest
from support.builders import account

from emulator.engine.capacity import CapacityError
from emulator.engine.voice.clients import MAX_BEHIND, MAX_BYTES_BEHIND, ClientConnection, ClientConnections
from emulator.wire.signalling import server_frames

A = "AC" + "a" * 32
B = "AC" + "b" * 32


async def is_woken(connection: ClientConnection) -> bool:
    """Whether `connection.wait()` returns immediately."""
    waiting = asyncio.ensure_future(connection.wait())
    done, _ = await asyncio.wait({waiting}, timeout=0)
    waiting.cancel()
    return bool(done)


def test_frames_are_taken_once_in_order() -> None:
    async def story() -> list[object]:
        connection = ClientConnection()
        before = await is_woken(connection)
        connection.put(server_frames.ReadyFrame())
        connection.put(server_frames.Offline())
        return [before, await is_woken(connection), connection.take(), await is_woken(connection), connection.take()]

    assert asyncio.run(story()) == [False, True, [server_frames.ReadyFrame(), server_frames.Offline()], False, []]


def test_closed_line_takes_no_more_frames() -> None:
    async def story() -> list[object]:
        connection = ClientConnection()
        connection.put(server_frames.ReadyFrame())
        connection.close("enough")
        connection.put(server_frames.Offline())
        return [connection.take(), connection.take(), connection.closed, await is_woken(connection)]

    assert asyncio.run(story()) == [[server_frames.ReadyFrame()], [], "enough", True]


def test_unread_line_is_reset_once() -> None:
    cuts: list[None] = []
    connection = ClientConnection(abort=lambda: cuts.append(None))
    for _ in range(MAX_BEHIND + 5):
        connection.put(server_frames.ReadyFrame())

    assert len(cuts) == 1
    assert connection.closed is not None
    assert connection.take() == []


def test_too_many_unread_bytes_disconnect() -> None:
    cuts: list[None] = []
    known, connection = ClientConnections(account()), ClientConnection(abort=lambda: cuts.append(None))
    known.put(connection, "alice")
    alone = known._bound.bytes
    for _ in range(MAX_BYTES_BEHIND // 40_000 + 1):
        connection.put(server_frames.ServerMessage(call_sid="CA", sid="KX", content="x" * 40_000))

    assert len(cuts) == 1
    assert connection.closed == "it does not read: frames reached: at most 1048576 bytes; read them"
    assert known._bound.bytes == alone


def test_line_without_reset_is_closed() -> None:
    connection = ClientConnection()
    for _ in range(MAX_BEHIND + 1):
        connection.put(server_frames.ReadyFrame())

    assert connection.closed is not None


def test_lines_are_found_by_each_key() -> None:
    known = ClientConnections(account())
    mine, everybodys, unregistered = (
        ClientConnection(account_sid=A),
        ClientConnection(),
        ClientConnection(account_sid=A),
    )
    for connection in (mine, everybodys, unregistered):
        known.put(connection, "alice")
        connection.registered = connection is not unregistered

    assert known.callable("alice", A) == [mine, everybodys]
    assert known.callable("alice", B) == [everybodys]
    assert known.callable("alice", None) == [mine, everybodys]
    assert known.callable("bob", A) == []
    assert (len(known), list(known)) == (3, [mine, everybodys, unregistered])


def test_changed_identity_is_indexed() -> None:
    known, connection = ClientConnections(account()), ClientConnection(registered=True)
    known.put(connection, "alice")
    known.put(connection, "bob")

    assert (known.callable("alice", None), known.callable("bob", None)) == ([], [connection])
    assert len(known) == 1


def test_a_line_that_is_removed_is_forgotten() -> None:
    known, connection, other = ClientConnections(account()), ClientConnection(), ClientConnection()
    known.put(connection, "alice")
    known.put(other, "alice")
    for gone in (connection, connection, other):
        known.remove(gone)

    assert (len(known), list(known), connection in known) == (0, [], False)


def test_number_of_users_is_limited() -> None:
    """At the limit, connected users can still change."""
    known, connection = ClientConnections(account(connected_users=1)), ClientConnection()
    known.put(connection, "alice")
    known.put(connection, "bob")

    with pytest.raises(CapacityError, match="connected_users"):
        known.put(ClientConnection(), "carol")
