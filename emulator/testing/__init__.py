"""Test support for users: an in-process server, clients of any emulator, and a pytest plugin.

Names are imported on first use, because pytest loads this package in every run wherever it is installed.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from emulator.endpoints.api.calls import Call
    from emulator.endpoints.api.deliveries import Delivery
    from emulator.endpoints.api.end_users import CallMessages, MessageFromEndUser
    from emulator.endpoints.api.faults import Fault
    from emulator.endpoints.api.health import Ready
    from emulator.endpoints.api.messages import Message
    from emulator.endpoints.api.requests import Request, RequestDetail
    from emulator.endpoints.api.reset import ResetCounts
    from emulator.endpoints.api.retries import RetrySequence
    from emulator.endpoints.api.rules import CheckResult, Rules
    from emulator.endpoints.api.schemas import RegisteredSchema
    from emulator.endpoints.api.subscriptions import Subscription
    from emulator.endpoints.api.users import Behaviour, ConnectedUser
    from emulator.testing.async_client import AsyncEmulatorClient
    from emulator.testing.async_end_user import AsyncEndUser
    from emulator.testing.client import EmulatorClient
    from emulator.testing.end_user import EndUser
    from emulator.testing.faults import ActiveFault, Faults
    from emulator.testing.http import EmulatorError, UnreachableError
    from emulator.testing.isolation import TwilioEmulator
    from emulator.testing.server import Emulator
    from emulator.testing.stream_event import StreamEvent
    from emulator.testing.voice.calls import CallFailedError, MessageRefusedError, ReceivedMessage, SignallingError

__all__ = [
    "ActiveFault",
    "AsyncEmulatorClient",
    "AsyncEndUser",
    "Behaviour",
    "Call",
    "CallFailedError",
    "CallMessages",
    "CheckResult",
    "ConnectedUser",
    "Delivery",
    "Emulator",
    "EmulatorClient",
    "EmulatorError",
    "EndUser",
    "Fault",
    "Faults",
    "Message",
    "MessageFromEndUser",
    "MessageRefusedError",
    "Ready",
    "ReceivedMessage",
    "RegisteredSchema",
    "Request",
    "RequestDetail",
    "ResetCounts",
    "RetrySequence",
    "Rules",
    "SignallingError",
    "StreamEvent",
    "Subscription",
    "TwilioEmulator",
    "UnreachableError",
]

_API = "emulator.endpoints.api."
_HERE = "emulator.testing."
_MODULES = {
    "ActiveFault": _HERE + "faults",
    "AsyncEmulatorClient": _HERE + "async_client",
    "AsyncEndUser": _HERE + "async_end_user",
    "Behaviour": _API + "users",
    "Call": _API + "calls",
    "CallFailedError": _HERE + "voice.calls",
    "CallMessages": _API + "end_users",
    "CheckResult": _API + "rules",
    "ConnectedUser": _API + "users",
    "Delivery": _API + "deliveries",
    "Emulator": _HERE + "server",
    "EmulatorClient": _HERE + "client",
    "EmulatorError": _HERE + "http",
    "EndUser": _HERE + "end_user",
    "Fault": _API + "faults",
    "Faults": _HERE + "faults",
    "Message": _API + "messages",
    "MessageFromEndUser": _API + "end_users",
    "MessageRefusedError": _HERE + "voice.calls",
    "Ready": _API + "health",
    "ReceivedMessage": _HERE + "voice.calls",
    "RegisteredSchema": _API + "schemas",
    "Request": _API + "requests",
    "RequestDetail": _API + "requests",
    "ResetCounts": _API + "reset",
    "RetrySequence": _API + "retries",
    "Rules": _API + "rules",
    "SignallingError": _HERE + "voice.calls",
    "StreamEvent": _HERE + "stream_event",
    "Subscription": _API + "subscriptions",
    "TwilioEmulator": _HERE + "isolation",
    "UnreachableError": _HERE + "http",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any exported object
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
