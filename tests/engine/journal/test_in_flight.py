import pytest
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, SOME_TIME

from emulator.engine.journal.in_flight import InFlightRequests
from emulator.engine.scope import Scope


def test_context_has_owner_time_and_count() -> None:
    arrival = InFlightRequests().begin(ACCOUNT, CALL, SOME_TIME)

    assert (arrival.account_sid, arrival.call_sid, arrival.received_at) == (ACCOUNT, CALL, SOME_TIME)
    assert (arrival.concurrent, arrival.was_reset) == (1, False)


def test_requests_are_counted_by_account() -> None:
    arrivals = InFlightRequests()
    owners = (ACCOUNT, ACCOUNT, OTHER_ACCOUNT, None, ACCOUNT)

    assert [arrivals.begin(owner, CALL, SOME_TIME).concurrent for owner in owners] == [1, 2, 1, 1, 3]


def test_finished_request_is_not_counted() -> None:
    arrivals = InFlightRequests()
    first, second = (arrivals.begin(ACCOUNT, CALL, SOME_TIME) for _ in range(2))
    arrivals.end(first)

    assert arrivals.begin(ACCOUNT, CALL, SOME_TIME).concurrent == 2
    arrivals.end(second)
    arrivals.reset(Scope())
    assert (first.was_reset, second.was_reset) == (False, False)


def test_idle_account_uses_no_memory() -> None:
    arrivals = InFlightRequests()
    for _ in range(3):
        arrivals.end(arrivals.begin(ACCOUNT, CALL, SOME_TIME))

    assert (arrivals._in_flight, arrivals._concurrent) == (set(), {})


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope(), [True, True, True]),
        (Scope(ACCOUNT), [True, True, False]),
        (Scope(None, CALL), [True, False, True]),
        (Scope(ACCOUNT, CALL), [True, False, False]),
    ],
)
def test_reset_marks_requests_of_its_scope(scope: Scope, expected: list[bool]) -> None:
    arrivals = InFlightRequests()
    begun = [
        arrivals.begin(*owners, SOME_TIME) for owners in ((ACCOUNT, CALL), (ACCOUNT, OTHER_CALL), (OTHER_ACCOUNT, CALL))
    ]
    arrivals.reset(scope)
    arrivals.reset(Scope("AC", "CA"))

    assert [arrival.was_reset for arrival in begun] == expected
