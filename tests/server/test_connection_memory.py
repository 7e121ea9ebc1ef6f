"""What connections hold, counted in the account of memory."""

import pytest

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.server.connection_memory import UNCOUNTED, ReceivedBytes, UnsentResponses


class Connection:
    """Something that can be aborted."""

    is_aborted = False

    def abort(self) -> None:
        self.is_aborted = True


def test_bytes_above_a_minimum_count() -> None:
    bound = MemoryAccount()["request_bodies"]
    received = ReceivedBytes(bound)
    counted = []
    for held in (100, UNCOUNTED, 5000, 6000, 5000, 10, 0):
        received.update(held)
        counted.append(bound.bytes)

    assert counted == [0, 0, 5000, 6000, 5000, 0, 0]
    assert bound.entries == 0


def test_received_bytes_without_room() -> None:
    """They do not count."""
    bound = MemoryAccount()["request_bodies"]
    bound.max_bytes = 6000
    received = ReceivedBytes(bound)
    received.update(5000)
    with pytest.raises(CapacityError, match="request_bodies reached: at most 6000 bytes"):
        received.update(7000)
    assert (received.counted, bound.bytes) == (5000, 5000)

    received.update(7000, must_fit=False)
    assert bound.bytes == 7000


def test_longest_waiting_is_aborted() -> None:
    account = MemoryAccount()
    bound = account["unsent_responses"]
    bound.max_bytes = 100
    unsent = UnsentResponses(bound)
    connections = [Connection() for _ in range(3)]
    for connection in connections:
        unsent.update(connection, 40)
    assert [connection.is_aborted for connection in connections] == [True, False, False]

    unsent.update(connections[1], 10)
    unsent.update(connections[2], 1000)
    assert [connection.is_aborted for connection in connections] == [True, True, False]
    assert (bound.entries, bound.bytes) == (1, 1000)

    unsent.remove(connections[1])
    unsent.remove(connections[2])
    assert (bound.entries, bound.bytes, account.bytes) == (0, 0, 0)
