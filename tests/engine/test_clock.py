import pytest
from support.builders import SOME_TIME, Time

from emulator.engine.clock import Clock


def test_time_is_that_of_the_source() -> None:
    time = Time()
    clock = Clock(time)
    before = clock.now()
    time.now += 1.5

    assert (before, clock.now()) == (SOME_TIME, SOME_TIME + 1.5)
    assert not clock.frozen


def test_frozen_clock_does_not_move() -> None:
    time = Time()
    clock = Clock(time)
    clock.freeze(7)
    time.now += 1.5

    assert clock.frozen
    assert clock.now() == 7


def test_frozen_clock_can_be_advanced() -> None:
    time = Time()
    clock = Clock(time, frozen_at=7)
    clock.advance(3600)
    time.now += 1.5

    assert clock.frozen
    assert clock.now() == 3607


def test_running_clock_can_be_advanced() -> None:
    time = Time()
    clock = Clock(time)
    clock.advance(3600)
    clock.advance(60)
    time.now += 1.5

    assert not clock.frozen
    assert clock.now() == SOME_TIME + 3661.5


@pytest.mark.parametrize(
    ("frozen_at", "now"),
    [pytest.param(None, SOME_TIME, id="running"), pytest.param(7.0, 7.0, id="frozen")],
)
def test_reset_restores_the_clock(frozen_at: float | None, now: float) -> None:
    clock = Clock(Time(), frozen_at)
    clock.advance(60)
    clock.freeze(1000)
    clock.advance(60)
    clock.reset()

    assert clock.now() == now
    assert clock.frozen is (frozen_at is not None)
