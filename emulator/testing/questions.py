"""The requests of the inspection API for a scope, without I/O.

A conversation is a generator: it yields requests (`Question`), receives the parsed responses, and returns the result.
The caller (blocking or asyncio client) provides the connection and the time.
"""

import json
from collections.abc import Callable, Generator, Iterator, Mapping
from datetime import datetime
from typing import Any, Literal, TypedDict, TypeVar
from urllib.parse import quote

from emulator.commands.proxy_variables import proxy_variable
from emulator.engine.scope import Scope
from emulator.engine.state.calls import Leg, Status
from emulator.testing.http import Question
from emulator.testing.models import Call, Fault, Json, Message, Removed, Request, RetrySequence

T = TypeVar("T")
Conversation = Generator[Question, Any, T]

Outcome = Literal["created", "replayed", "mismatch", "refused", "preflight", "faulted"]
Finding = Literal[
    "retried_same_key",
    "retried_new_key",
    "retried_without_key",
    "retried_other_content",
    "retried_too_early",
    "retried_a_refusal",
    "gave_up",
    "recovered",
]

LONGEST_WAIT = 60.0
"""Maximum seconds of one long poll; a longer wait consists of several."""
LARGEST_PAGE = 1000
_MATCHED = frozenset({"account_sid", "call_sid", "idempotency_key", "content"})


class Filters(TypedDict, total=False):
    """Filters of messages.

    Attributes:
        account_sid: an account other than the client's; None = any.
        call_sid: a call other than the client's; None = any.
        idempotency_key: this idempotency key.
        after: a higher `seq`.
        content: a value, not JSON text, that the content must contain: objects match by subset, arrays must be equal.
        contains: a substring of the content.
        valid: whether the content is valid by every schema.
    """

    account_sid: str | None
    call_sid: str | None
    idempotency_key: str
    after: int
    content: object
    contains: str
    valid: bool


class RequestFilters(Filters, total=False):
    """Filters of requests: also by HTTP status, Twilio error code and outcome."""

    status: int
    code: int
    outcome: Outcome


class RetryFilters(Filters, total=False):
    """Filters of retry sequences: those with an attempt that matches, and with this finding."""

    finding: Finding


class Scoping(TypedDict, total=False):
    """An account or call other than the client's; None = any."""

    account_sid: str | None
    call_sid: str | None


class FaultOptions(Scoping, total=False):
    """Which requests a fault applies to, and how often.

    Attributes:
        idempotency_key: only requests with this key.
        content: a value that the content must contain: objects match by subset, arrays must be equal.
        times: maximum number of requests that fail; None = unlimited.
        skip_first: number of matching requests that pass first.
        probability: from 0 to 1.
        seed: makes the random choices repeatable.
        ttl: seconds until the fault expires; None = never.
    """

    idempotency_key: str
    content: object
    times: int | None
    skip_first: int
    probability: float
    seed: int | None
    ttl: float | None


class Questions:
    """The conversations about one scope."""

    def __init__(self, scope: Scope, hint: Callable[[], str | None] = lambda: None) -> None:
        """Bind the conversations to a scope.

        Args:
            scope: the account, the call or both.
            hint: returns a line to append to the error of a failed wait, or None.
        """
        self.scope = scope
        self._hint = hint

    def messages(self, filters: Mapping[str, Any]) -> Conversation[list[Message]]:
        """All messages, oldest first."""
        found = yield from _all("messages", self._parameters(filters))
        return [Message.read(record) for record in found]

    def requests(self, newest: int | None, filters: Mapping[str, Any]) -> Conversation[list[Request]]:
        """All requests, or the `newest` ones; oldest first."""
        parameters = self._parameters(filters)
        if newest is None:
            found = yield from _all("requests", parameters)
        else:
            found = yield from _newest("requests", parameters, newest)
        return [Request.read(record) for record in found]

    def wait_for(self, at_least: int, timeout: float, filters: Mapping[str, Any]) -> Conversation[list[Message]]:
        """All messages, once there are `at_least`."""
        __tracebackhide__ = True
        parameters = self._parameters(filters)
        page = yield from self._wait(parameters | {"at_least": at_least}, timeout)
        found = yield from _all("messages", parameters, page)
        return [Message.read(record) for record in found]

    def last(self, filters: Mapping[str, Any]) -> Conversation[Message]:
        """The newest message; AssertionError if no message matches."""
        __tracebackhide__ = True
        parameters = self._parameters(filters) | {"at_least": 1, "order": "newest", "limit": 1}
        page = yield from self._wait(parameters, 0.0)
        return Message.read(page["messages"][0])

    def expect_none(self, within: float, filters: Mapping[str, Any]) -> Conversation[None]:
        """Check for `within` seconds that no message matches."""
        __tracebackhide__ = True
        parameters = self._parameters(filters) | {"at_most": 0}
        for seconds, _ in _slices(within):
            page = yield _page("messages", parameters | {"within": seconds}, seconds)
            if page["ended"] != "timed_out":
                raise _unsatisfied(page)

    def retries(self, filters: Mapping[str, Any]) -> Conversation[list[RetrySequence]]:
        """All retry sequences, in the order of their last attempts."""
        found = yield from _all("retries", self._parameters(filters))
        return [RetrySequence.read(record) for record in found]

    def expect_recovered(self, timeout: float, filters: Mapping[str, Any]) -> Conversation[list[RetrySequence]]:
        """All retry sequences that recovered, once there is at least 1."""
        __tracebackhide__ = True
        parameters = self._parameters(filters) | {"finding": "recovered"}
        page = yield from self._wait(parameters | {"at_least": 1}, timeout, "retries")
        found = yield from _all("retries", parameters, page)
        return [RetrySequence.read(record) for record in found]

    def assert_no_duplicates(self, filters: Mapping[str, Any]) -> Conversation[None]:
        """Check that no retry sequence created more than one message."""
        __tracebackhide__ = True
        retries = yield from self.retries(filters)
        twice = [sequence for sequence in retries if sequence.messages > 1]
        if twice:
            what = f"{len(twice)} of {len(retries)} retry sequences created more than one message"
            raise AssertionError("\n".join([what, *map(str, twice)]))

    def add_fault(
        self, then: Mapping[str, object] | None, profile: str | None, options: Mapping[str, Any]
    ) -> Conversation[Fault]:
        """Add a fault rule."""
        match = {name: value for name, value in self._scoped(options).items() if name in _MATCHED}
        match = {name: value for name, value in match.items() if value is not None or name == "content"}
        does = {name: value for name, value in (("then", then), ("profile", profile)) if value is not None}
        often = {name: value for name, value in options.items() if name not in _MATCHED}
        reply = yield Question(method="POST", path="/_emulator/faults", body={"match": match, **does, **often})
        return Fault.read(reply)

    def fault(self, fault_id: str) -> Conversation[Fault]:
        """The current state of a fault rule."""
        reply = yield Question(path=_fault_path(fault_id))
        return Fault.read(reply)

    def faults(self, scoping: Mapping[str, Any]) -> Conversation[list[Fault]]:
        """The fault rules that can apply to the scope."""
        found = yield from _listed("faults", self._parameters(scoping))
        return [Fault.read(record) for record in found]

    def delete_fault(self, fault_id: str) -> Conversation[None]:
        """Delete a fault rule."""
        yield Question(method="DELETE", path=_fault_path(fault_id))

    def delete_faults(self, scoping: Mapping[str, Any]) -> Conversation[int]:
        """Delete the fault rules of the scope; return their number."""
        reply = yield Question(method="DELETE", path="/_emulator/faults", parameters=self._parameters(scoping))
        return int(reply["deleted"])

    def reset(self) -> Conversation[Removed]:
        """Reset the scope."""
        reply = yield Question(method="POST", path="/_emulator/reset", parameters=self._parameters({}))
        return Removed.read(reply)

    def calls(self) -> Conversation[list[Call]]:
        """The registered calls of the scope."""
        found = yield from _listed("calls", {})
        calls = [Call.read(record) for record in found]
        return [call for call in calls if self.scope.overlaps(Scope(call.account_sid, call.call_sid))]

    def call(self, call_sid: str | None) -> Conversation[Call]:
        """A registered call."""
        reply = yield Question(path=self._call_path(call_sid))
        return Call.read(reply)

    def register(self, call_sid: str | None, status: Status | str, client: Leg | str) -> Conversation[Call]:
        """Register a call, or replace its registration."""
        body = {"account_sid": self.scope.account_sid, "status": status, "client": client}
        reply = yield Question(method="PUT", path=self._call_path(call_sid), body=body)
        return Call.read(reply)

    def forget(self, call_sid: str | None) -> Conversation[None]:
        """Delete the registration of a call."""
        yield Question(method="DELETE", path=self._call_path(call_sid))

    def _wait(self, parameters: Mapping[str, object], timeout: float, name: str = "messages") -> Conversation[Json]:
        """The first page of the result, once the condition is satisfied."""
        __tracebackhide__ = True
        for seconds, more in _slices(timeout):
            page: Json = yield _page(name, {**parameters, "timeout": seconds}, seconds)
            if page["satisfied"]:
                break
            if page["ended"] != "timed_out" or not more:
                raise _unsatisfied(page, self._hint())
        return page

    def _call_path(self, call_sid: str | None) -> str:
        call_sid = call_sid or self.scope.call_sid
        if call_sid is None:
            raise ValueError("which call? This client is bound to none: give call_sid")
        return f"/_emulator/calls/{quote(call_sid, safe='')}"

    def _parameters(self, filters: Mapping[str, Any]) -> dict[str, object]:
        given = self._scoped(filters)
        for name in ("content", "valid"):
            if name in given:
                given[name] = json.dumps(given[name])
        return {name: value for name, value in given.items() if value is not None}

    def _scoped(self, given: Mapping[str, Any]) -> dict[str, Any]:
        return {"account_sid": self.scope.account_sid, "call_sid": self.scope.call_sid, **given}


def now() -> Conversation[datetime]:
    """The emulator's time."""
    reply = yield Question(path="/_emulator/clock")
    return datetime.fromisoformat(reply["now"])


def set_clock(**change: object) -> Conversation[datetime]:
    """Freeze, advance or reset the emulator's clock; return its new time."""
    reply = yield Question(method="PUT", path="/_emulator/clock", body=change)
    return datetime.fromisoformat(reply["now"])


def _page(name: str, parameters: Mapping[str, object], patience: float = 0.0) -> Question:
    return Question(path=f"/_emulator/{name}", parameters={"limit": LARGEST_PAGE, **parameters}, patience=patience)


def _all(name: str, parameters: Mapping[str, object], page: Json | None = None) -> Conversation[list[Json]]:
    """The records of all pages; `page` is the first page, if it was fetched already."""
    if page is None:
        page = yield _page(name, parameters)
    found = list(page[name])
    while 0 < len(page[name]) < page["count"]:
        page = yield _page(name, {**parameters, "after": found[-1]["seq"]})
        found += page[name]
    return found


def _newest(name: str, parameters: Mapping[str, object], number: int) -> Conversation[list[Json]]:
    """The newest records, at most `number`, oldest first."""
    found = dict[int, Json]()  # records added between two requests shift the pages, which then overlap
    page = yield _page(name, {**parameters, "order": "newest", "limit": min(number, LARGEST_PAGE)})
    while True:
        found.update((record["seq"], record) for record in page[name])
        if not page[name] or len(found) >= min(number, page["count"]):
            return [found[seq] for seq in sorted(found)][-number:]
        limit = min(number - len(found), LARGEST_PAGE)
        page = yield _page(name, {**parameters, "order": "newest", "limit": limit, "skip": len(found)})


def _listed(name: str, parameters: Mapping[str, object]) -> Conversation[list[Json]]:
    """The records of all pages of a listing without `seq`, paged by offset."""
    found = list[Json]()
    while True:
        skip = {"skip": len(found)} if found else {}
        page = yield Question(path=f"/_emulator/{name}", parameters={**parameters, **skip})
        found += page[name]
        if not page[name] or len(found) >= page["count"]:
            return found


def _fault_path(fault_id: str) -> str:
    return f"/_emulator/faults/{quote(fault_id, safe='')}"


def _slices(seconds: float) -> Iterator[tuple[float, bool]]:
    """Split a wait into long polls; yield the seconds of each, and whether more follow."""
    while seconds > LONGEST_WAIT:
        yield LONGEST_WAIT, True
        seconds -= LONGEST_WAIT
    yield seconds, False


def _unsatisfied(page: Json, hint: str | None = None) -> AssertionError:
    explanation = page["explanation"] or [f"the emulator did not watch to the end: {page['ended']}"]
    return AssertionError("\n".join([*explanation, *([hint] if hint else [])]))


def proxy_hint(url: str, environ: Mapping[str, str]) -> str | None:
    """Name the proxy variable that keeps requests from the emulator, and the remedy; None when none does."""
    found = proxy_variable(url, environ)
    return None if found is None else f"{found}; set NO_PROXY={found.no_proxy}"
