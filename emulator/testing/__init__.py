"""Test support for users: an in-process server, clients of any emulator, and a pytest plugin.

Names are imported on first use, because pytest loads this package in every run wherever it is installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.testing.async_client import AsyncEmulatorClient
    from emulator.testing.async_end_user import AsyncEndUser
    from emulator.testing.client import EmulatorClient
    from emulator.testing.end_user import EndUser
    from emulator.testing.faults import ActiveFault, Faults
    from emulator.testing.http import EmulatorError, UnreachableError
    from emulator.testing.isolation import TwilioEmulator
    from emulator.testing.models import Fault, Message, Request, RetrySequence
    from emulator.testing.server import Emulator
    from emulator.testing.voice.calls import CallFailedError, MessageRefusedError, ReceivedMessage, SignallingError

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
    "RetrySequence",
    "SignallingError",
    "TwilioEmulator",
    "UnreachableError",
]

_HOMES = {
    "ActiveFault": "faults",
    "AsyncEmulatorClient": "async_client",
    "AsyncEndUser": "async_end_user",
    "CallFailedError": "voice.calls",
    "Emulator": "server",
    "EmulatorClient": "client",
    "EmulatorError": "http",
    "EndUser": "end_user",
    "Fault": "models",
    "Faults": "faults",
    "Message": "models",
    "MessageRefusedError": "voice.calls",
    "ReceivedMessage": "voice.calls",
    "Request": "models",
    "SignallingError": "voice.calls",
    "RetrySequence": "models",
    "TwilioEmulator": "isolation",
    "UnreachableError": "http",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any exported object
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
