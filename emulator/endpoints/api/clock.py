"""The emulator's clock."""

from typing import Annotated

from emulator.endpoints.api.model import Timestamp, doc, model


@model
class ClockTime:
    """The emulator's time."""

    now: Timestamp
    frozen: Annotated[bool, doc(None, example=True)]
