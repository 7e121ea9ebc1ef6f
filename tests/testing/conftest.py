"""The test tools are tried on a real emulator."""

import pytest
from support.server import Caller

from emulator.testing import EmulatorClient


@pytest.fixture
def client(caller: Caller) -> EmulatorClient:
    """Bound to the caller's account and call."""
    return EmulatorClient(caller.site.url, account_sid=caller.account, call_sid=caller.call)
