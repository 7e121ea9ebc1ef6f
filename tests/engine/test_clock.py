import pytest
from support.builders import SOME_TIME, Time

from emulator.engine.clock import Clock


def test_the_time_is_what_its_source_says_at_that_moment() -> None:
    time = Time()
    clock = Clock(time)
    before = clock.now()
    time.now += 1.5

    assert (before, clock.now()) == (SOME_TIME, SOME_TIME + 1.5)
    assert not clock.frozen


def test_a_frozen_clock_stands_still() -> None:
    time = Time()
    clock = Clock(time)
    clock.freeze(7)
    time.now += 1.5

    assert clock.frozen
    assert clock.now() == 7


def test_a_frozen_clock_moves_when_told_and_stands_still_again() -> None:
    time = Time()
    clock = Clock(time, frozen_at=7)
    clock.advance(3600)
    time.now += 1.5

    assert clock.frozen
    assert clock.now() == 3607


def test_a_running_clock_that_was_moved_runs_on_ahead() -> None:
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
def test_after_a_reset_the_clock_is_as_at_the_start(frozen_at: float | None, now: float) -> None:
    clock = Clock(Time(), frozen_at)
    clock.advance(60)
    clock.freeze(1000)
    clock.advance(60)
    clock.reset()

    assert clock.now() == now
    assert clock.frozen is (frozen_at is not None)
