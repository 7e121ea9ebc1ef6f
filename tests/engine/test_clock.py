from builders import SOME_TIME, Time

from emulator.engine.clock import Clock


def test_the_time_is_what_its_source_says_at_that_moment() -> None:
    time = Time()
    clock = Clock(time)
    before = clock.now()
    time.now += 1.5

    assert (before, clock.now()) == (SOME_TIME, SOME_TIME + 1.5)
