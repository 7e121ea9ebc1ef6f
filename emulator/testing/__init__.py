"""For the tests of our users: a server in their process, clients of any emulator, a pytest plugin.

Names are imported when they are used: pytest loads this package in every run of everybody who has it installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.testing.address import EmulatorError, UnreachableError
    from emulator.testing.async_client import AsyncEmulatorClient
    from emulator.testing.async_end_user import AsyncEndUser
    from emulator.testing.client import EmulatorClient
    from emulator.testing.end_user import EndUser
    from emulator.testing.faults import ActiveFault, Faults
    from emulator.testing.phone_calls import CallFailedError, MessageRefusedError, ReceivedMessage, SignallingError
    from emulator.testing.results import Fault, Message, Request, Thread
    from emulator.testing.server import Emulator
    from emulator.testing.tenant import TwilioEmulator

__all__ = [
    "ActiveFault",
    "AsyncEmulatorClient",
    "AsyncEndUser",
    "CallFailedError",
    "Emulator",
    "EmulatorClient",
    "EmulatorError",
    "EndUser",
    "Fault",
    "Faults",
    "Message",
    "MessageRefusedError",
    "ReceivedMessage",
    "Request",
    "SignallingError",
    "Thread",
    "TwilioEmulator",
    "UnreachableError",
]

_HOMES = {
    "ActiveFault": "faults",
    "AsyncEmulatorClient": "async_client",
    "AsyncEndUser": "async_end_user",
    "CallFailedError": "phone_calls",
    "Emulator": "server",
    "EmulatorClient": "client",
    "EmulatorError": "address",
    "EndUser": "end_user",
    "Fault": "results",
    "Faults": "faults",
    "Message": "results",
    "MessageRefusedError": "phone_calls",
    "ReceivedMessage": "phone_calls",
    "Request": "results",
    "SignallingError": "phone_calls",
    "Thread": "results",
    "TwilioEmulator": "tenant",
    "UnreachableError": "address",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  whatever has this name
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
