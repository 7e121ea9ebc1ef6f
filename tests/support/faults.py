"""Rules of `/_emulator/faults`."""

from typing import Any

from support.server import Caller
from support.sse import post_json


def add_fault(caller: Caller, then: object = None, **given: Any) -> Any:  # noqa: ANN401  JSON
    """Add a rule for a caller's account; return it as the emulator does."""
    match = {"account_sid": caller.account, **given.pop("match", {})}
    rule = {"match": match, **({} if then is None else {"then": then}), **given}
    reply = post_json(caller.site, "/_emulator/faults", rule)
    assert reply.status == 201, reply
    return reply.json()
