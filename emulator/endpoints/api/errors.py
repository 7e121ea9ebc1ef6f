"""Errors of the control API."""

from dataclasses import field
from typing import Annotated, Any

from emulator.endpoints.api.model import Model, doc


class BadParameter(Model):
    """An invalid parameter or member."""

    parameter: Annotated[str, doc("name of the parameter; in a JSON body, its JSON Pointer", "limit")]
    value: Annotated[Any, doc("the invalid value", "0x")] = field(hash=False)
    allowed: Annotated[str, doc("expected value", "Input should be a valid integer")]


class ErrorResponse(Model):
    """The reason why a request was rejected."""

    error: Annotated[str, doc(None, "limit: '0x' is not allowed; input should be a valid integer")]
    parameters: tuple[BadParameter, ...] = ()
