"""The resources of a call: the methods of their paths, and how their parameters are read.

To add a resource, write a module with a `read` function and add a row here.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

from emulator.wire import errors, messages, paths, subscriptions
from emulator.wire.errors import ErrorSpec
from emulator.wire.messages import NewMessage, UserDefinedMessage
from emulator.wire.paths import Target
from emulator.wire.subscriptions import NewSubscription, UserDefinedMessageSubscription

CreateRequest = NewMessage | NewSubscription
Resource = UserDefinedMessage | UserDefinedMessageSubscription

Read = Callable[[Mapping[str, str], bool], CreateRequest]
"""Parse the parameters of a create request; the flag enables lenient mode."""


class Operation(NamedTuple):
    """The operation that a path supports.

    Attributes:
        method: its HTTP method.
        otherwise: the error for any other method.
        changes_callbacks: it changes the callbacks that this machine sends, so other sites' pages must not call it.
        refusals: errors that the parameters, and then the emulator's state, can cause, in order of the checks.
        read: parses the parameters; None = it has none.
    """

    method: str
    otherwise: ErrorSpec
    refusals: tuple[ErrorSpec, ...]
    read: Read | None = None
    changes_callbacks: bool = False


def _message(form: Mapping[str, str], lenient: bool) -> CreateRequest:  # noqa: FBT001
    return messages.read(form, lenient=lenient)


def _subscription(form: Mapping[str, str], lenient: bool) -> CreateRequest:  # noqa: ARG001, FBT001
    return subscriptions.read(form)


_STATE = (errors.KEY_CONFLICT, errors.CALL_UNKNOWN, errors.CALL_FOREIGN, errors.CALL_IS_PSTN, errors.CALL_NOT_ACTIVE)


def _creation(refusals: tuple[ErrorSpec, ...], read: Read, *, changes_callbacks: bool = False) -> Operation:
    return Operation("POST", errors.METHOD_NOT_ALLOWED, (*refusals, *_STATE), read, changes_callbacks)


_LISTS = {
    messages.RESOURCE: _creation((*messages.REFUSALS, errors.CONTENT_VIOLATES_SCHEMA), _message),
    subscriptions.RESOURCE: _creation(subscriptions.REFUSALS, _subscription, changes_callbacks=True),
}
_DELETE_ONLY = replace(errors.METHOD_NOT_ALLOWED, headers=((b"allow", b"OPTIONS, DELETE"),))
_INSTANCES = {
    subscriptions.RESOURCE: Operation("DELETE", _DELETE_ONLY, (errors.SUBSCRIPTION_UNKNOWN,), changes_callbacks=True),
}


def allow(path: str) -> tuple[bytes, bytes]:
    """The header Allow of a raw path; an unknown path has the most common value."""
    target = paths.parse(path)
    found = None if target is None else operation(target)
    return errors.ALLOW if found is None else found.otherwise.headers[0]


def operation(target: Target) -> Operation | None:
    """The operation of a path; None if there is none."""
    return (_LISTS if target.sid is None else _INSTANCES).get(target.resource)
