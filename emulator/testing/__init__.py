"""For the tests of our users: a server in their process, clients of any emulator, a pytest plugin.

Names are imported when they are used: pytest loads this package in every run of everybody who has it installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.testing.address import EmulatorError, UnreachableError
    from emulator.testing.async_client import AsyncEmulatorClient
    from emulator.testing.client import EmulatorClient
    from emulator.testing.results import Message, Request
    from emulator.testing.server import Emulator
    from emulator.testing.tenant import TwilioEmulator

__all__ = [
    "AsyncEmulatorClient",
    "Emulator",
    "EmulatorClient",
    "EmulatorError",
    "Message",
    "Request",
    "TwilioEmulator",
    "UnreachableError",
]

_HOMES = {
    "AsyncEmulatorClient": "async_client",
    "Emulator": "server",
    "EmulatorClient": "client",
    "EmulatorError": "address",
    "Message": "results",
    "Request": "results",
    "TwilioEmulator": "tenant",
    "UnreachableError": "address",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever has this name
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
