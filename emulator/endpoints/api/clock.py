"""The emulator's clock."""

from typing import Annotated

from emulator.endpoints.api.model import Model, Timestamp, doc


class ClockTime(Model):
    """The emulator's time."""

    now: Timestamp
    frozen: Annotated[bool, doc(None, example=True)]
