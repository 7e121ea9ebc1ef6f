"""The test tools are tried on a real emulator."""

from collections.abc import Iterator

import pytest
from serving import Caller, Serve, Site, serving

from emulator.testing import EmulatorClient


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
def caller(site: Site) -> Caller:
    """An account in a call that no other test knows."""
    return Caller(site)


@pytest.fixture
def client(caller: Caller) -> EmulatorClient:
    """Bound to the caller's account and call."""
    return EmulatorClient(caller.site.url, account_sid=caller.account, call_sid=caller.call)
