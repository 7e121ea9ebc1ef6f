"""For the tests of our users: a server in their process, clients of any emulator, a pytest plugin.

Names are imported when they are used: pytest loads this package in every run of everybody who has it installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.testing.address import EmulatorError, UnreachableError
    from emulator.testing.async_client import AsyncEmulatorClient
    from emulator.testing.client import EmulatorClient
    from emulator.testing.faults import ActiveFault, Faults
    from emulator.testing.results import Fault, Message, Request, Thread
    from emulator.testing.server import Emulator
    from emulator.testing.tenant import TwilioEmulator

__all__ = [
    "ActiveFault",
    "AsyncEmulatorClient",
    "Emulator",
    "EmulatorClient",
    "EmulatorError",
    "Fault",
    "Faults",
    "Message",
    "Request",
    "Thread",
    "TwilioEmulator",
    "UnreachableError",
]

_HOMES = {
    "ActiveFault": "faults",
    "AsyncEmulatorClient": "async_client",
    "Emulator": "server",
    "EmulatorClient": "client",
    "EmulatorError": "address",
    "Fault": "results",
    "Faults": "faults",
    "Message": "results",
    "Request": "results",
    "Thread": "results",
    "TwilioEmulator": "tenant",
    "UnreachableError": "address",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever has this name
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
