"""What all listings and waits have in common."""

from typing import Annotated

from emulator.endpoints.api.model import Model, doc
from emulator.engine.journal.waits import WaitEnd


class RecordError(Model):
    """Replaces a record that cannot be rendered, so that a listing still contains the others."""

    error: Annotated[str, doc(None, "this record cannot be rendered: TypeError(…)")]
    seq: Annotated[int | None, doc("its sequence number, if it has one", 1)] = None
    sid: Annotated[str | None, doc("its SID, id, name or identity")] = None


class WaitResult(Model):
    """The members of a page that describe a wait."""

    satisfied: Annotated[bool, doc("after a wait: whether the condition was met")] = True
    ended: Annotated[WaitEnd, doc("after a wait: the reason for its end")] = WaitEnd.DECIDED
    explanation: Annotated[tuple[str, ...], doc("after an unsatisfied wait: the reason, in lines")] = ()
