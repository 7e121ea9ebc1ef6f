"""The result of a reset."""

from typing import Annotated

from emulator.endpoints.api.model import Model, doc


class ResetCounts(Model):
    """The numbers of removed records."""

    requests: Annotated[int, doc("number of exchanges, including those that created messages", 3)]
    messages: Annotated[int, doc(None, 2)]
    calls: Annotated[int, doc(None, 1)]
    schemas: Annotated[int, doc(None, 0)]
    faults: Annotated[int, doc("number of fault rules", 0)] = 0
    subscriptions: Annotated[int, doc(None, 0)] = 0
    deliveries: Annotated[int, doc("number of callbacks, sent or pending", 0)] = 0
    waits: Annotated[int, doc("number of long polls that were ended", 0)] = 0
