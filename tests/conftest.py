"""What every test shares."""

import gc
from collections.abc import Iterator

import pytest
from hypothesis import settings
from hypothesis.internal.conjecture import providers
from support.server import Caller, Running, Servers, Site, serving

from emulator.settings import Settings

# Speed is measured in benchmarks, not guessed here.
common = settings(deadline=None, database=None, print_blob=True)
# The same examples on every machine and every day.
settings.register_profile("test", common, derandomize=True, max_examples=100)
# Fresh examples; `make fuzz` chooses it by --hypothesis-profile.
settings.register_profile("fuzz", common, derandomize=False, max_examples=1000)
settings.load_profile("test")
# Otherwise constants of all modules that are imported so far are tried too: examples would differ with the order of the
# tests and with the folder's name.
providers._get_local_constants = providers.Constants  # type: ignore[assignment, attr-defined]


def pytest_collection_finish() -> None:
    """Exempt what was imported and collected from garbage collection, which would take longer than most tests."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def serve() -> Iterator[Servers]:
    """Serves with the options given."""
    with serving() as servers:
        yield servers


@pytest.fixture(autouse=True)
def _own_servers_stop(serve: Servers) -> Iterator[None]:
    with serve.stopping_own():
        yield


@pytest.fixture
def site(serve: Servers) -> Site:
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
