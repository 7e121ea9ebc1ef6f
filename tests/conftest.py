"""What every test shares."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings
from serving import Caller, Running, Serve, Site, serving

from emulator.settings import Settings

# Speed is measured in benchmarks, not guessed here; CI tries the same examples every time.
settings.register_profile("emulator", deadline=None, max_examples=100, derandomize="CI" in os.environ, database=None)
settings.load_profile("emulator")


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """Serves with the options given."""
    with serving() as serve:
        yield serve


@pytest.fixture
def site(serve: Serve) -> Site:
    """An emulator with default options, shared by all tests."""
    return serve()


@pytest.fixture
def running() -> Iterator[Running]:
    """An emulator of its own, whose inside and clock can be touched."""
    with Running(Settings(port=0)) as running:
        yield running


@pytest.fixture
def caller(site: Site) -> Caller:
    """An account in a call that no other test knows."""
    return Caller(site)
