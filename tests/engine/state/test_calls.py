import pytest
from support.builders import ACCOUNT, CALL, OTHER_ACCOUNT, OTHER_CALL, account, call

from emulator.engine.capacity import CapacityError
from emulator.engine.config import Unregistered
from emulator.engine.state.calls import CallRegistry, Leg, RegisteredCall, Status
from emulator.wire.errors import CALL_FOREIGN, CALL_IS_PSTN, CALL_NOT_ACTIVE, CALL_UNKNOWN, ErrorSpec

either_policy = pytest.mark.parametrize("unregistered", Unregistered)


def calls(*registered: RegisteredCall, unregistered: Unregistered = Unregistered.REGISTERED) -> CallRegistry:
    made = CallRegistry(account(), unregistered)
    for each in registered:
        made.add(each)
    return made


@pytest.mark.parametrize(
    ("status", "problem"),
    [
        ("queued", CALL_NOT_ACTIVE),
        ("ringing", None),
        ("in-progress", None),
        ("completed", CALL_NOT_ACTIVE),
        ("busy", CALL_NOT_ACTIVE),
        ("failed", CALL_NOT_ACTIVE),
        ("no-answer", CALL_NOT_ACTIVE),
        ("canceled", CALL_NOT_ACTIVE),
    ],
)
@either_policy
def test_active_call_accepts_messages(unregistered: Unregistered, status: Status, problem: ErrorSpec | None) -> None:
    known = calls(call(status=Status(status)), unregistered=unregistered)

    assert known.refusal(ACCOUNT, CALL) is problem


@pytest.mark.parametrize("status", Status)
def test_pstn_leg_never_accepts_messages(status: Status) -> None:
    assert calls(call(client=Leg.PSTN, status=status)).refusal(ACCOUNT, CALL) is CALL_IS_PSTN


@pytest.mark.parametrize(
    ("owner", "problem"),
    [
        pytest.param(None, None, id="everybody's"),
        pytest.param(ACCOUNT, None, id="its own"),
        pytest.param(OTHER_ACCOUNT, CALL_FOREIGN, id="another account's"),
    ],
)
@either_policy
def test_a_call_is_known_to_its_account_only(
    unregistered: Unregistered, owner: str | None, problem: ErrorSpec | None
) -> None:
    known = calls(call(account_sid=owner), unregistered=unregistered)

    assert known.refusal(ACCOUNT, CALL) is problem


def test_other_account_cannot_see_the_state() -> None:
    known = calls(call(account_sid=OTHER_ACCOUNT, client=Leg.PSTN, status=Status.COMPLETED))

    assert known.refusal(ACCOUNT, CALL) is CALL_FOREIGN


@pytest.mark.parametrize(
    ("unregistered", "problem"), [(Unregistered.ANY, None), (Unregistered.REGISTERED, CALL_UNKNOWN)]
)
def test_option_decides_on_unknown_calls(unregistered: Unregistered, problem: ErrorSpec | None) -> None:
    known = calls(call(sid=OTHER_CALL), unregistered=unregistered)

    assert known.refusal(ACCOUNT, CALL) is problem


def test_add_tells_whether_the_call_is_new() -> None:
    known = calls()

    assert known.add(call())
    assert not known.add(call())


def test_replaced_call_keeps_its_position() -> None:
    known = calls(call(), call(sid=OTHER_CALL))
    known.add(call(status=Status.COMPLETED))

    assert list(known) == [call(status=Status.COMPLETED), call(sid=OTHER_CALL)]
    assert known.get(CALL) == call(status=Status.COMPLETED)


def test_calls_are_listed_in_order() -> None:
    registered = [call(sid=f"CA{number:032x}") for number in (3, 1, 2)]

    assert list(calls(*registered)) == registered


def test_deleted_call_is_unregistered() -> None:
    known = calls(call())

    assert known.remove(CALL)
    assert known.get(CALL) is None
    assert known.refusal(ACCOUNT, CALL) is CALL_UNKNOWN, ErrorSpec
    assert not known.remove(CALL)


def test_number_of_calls_is_limited() -> None:
    known = calls(*(call(sid=f"CA{number:032x}") for number in range(10_000)))

    with pytest.raises(CapacityError) as caught:
        known.add(call())

    assert (caught.value.name, caught.value.maximum) == ("calls", 10_000)
    assert str(caught.value) == "calls reached: at most 10000; delete some or reset"
    assert known.get(CALL) is None


def test_full_registry_can_replace() -> None:
    """At the limit, a call can be replaced, and deleting one makes room."""
    known = calls(*(call(sid=f"CA{number:032x}") for number in range(10_000)))

    assert not known.add(call(sid=f"CA{7:032x}", status=Status.COMPLETED))
    assert known.remove(f"CA{7:032x}")
    assert known.add(call())
