"""Judges that are not us meet the real server over a real socket."""

from collections.abc import Iterator

import pytest
from serving import Caller, Serve, Site, serving


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
