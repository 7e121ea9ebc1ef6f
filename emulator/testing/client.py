# Generated from async_client.py by scripts/generate_blocking.py: change that file, then run `make generate`.
"""Blocking client of the inspection API of any emulator, local or remote."""

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote

from emulator.engine.scope import Scope
from emulator.engine.state.calls import Leg, Status
from emulator.testing.api import Api
from emulator.testing.counterpart import AsyncCounterpart
from emulator.testing.filters import FaultOptions, Filters, RequestFilters, RetryFilters, Scoping
from emulator.testing.http import Address
from emulator.testing.models import Call, Fault, Json, Message, Removed, Request, RetrySequence

if TYPE_CHECKING:
    import os

_FAULT_MATCH = frozenset({"account_sid", "call_sid", "idempotency_key", "content"})


class EmulatorClient(AsyncCounterpart):
    """Client of an emulator's inspection API. Thread-safe.

    A client bound to an account, a call or both reads and resets only their data; filters can select others.

    Every method raises `UnreachableError` when no emulator responds, and `EmulatorError` when it returns an error.

    Attributes:
        url: URL of the emulator.
    """

    def __init__(
        self,
        url: str,
        *,
        account_sid: str | None = None,
        call_sid: str | None = None,
        control_token: str | None = None,
        ca: "str | os.PathLike[str] | None" = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Configure the client; it connects once per request.

        Args:
            url: URL of the emulator.
            account_sid: bind the client to this account.
            call_sid: bind the client to this call.
            control_token: token of the inspection API, if it requires one.
            ca: file with the CA certificate to trust for https; None = the CAs that this machine trusts.
            environ: environment variables of the application under test; the error of a failed wait then names a proxy
                variable that keeps requests from the emulator.

        Raises:
            ValueError: invalid URL or CA file.
        """
        self._api = Api(Address(url, control_token, ca), Scope(account_sid, call_sid), environ or {})
        self.url = self._api.address.url

    def messages(self, **filters: Unpack[Filters]) -> list[Message]:
        """Return all messages, oldest first."""
        records = self._api.all("messages", self._api.parameters(filters))
        return [Message.read(record) for record in records]

    def requests(self, *, newest: int | None = None, **filters: Unpack[RequestFilters]) -> list[Request]:
        """Return all requests, including rejected ones, or the `newest` ones; oldest first."""
        parameters = self._api.parameters(filters)
        if newest is None:
            records = self._api.all("requests", parameters)
        else:
            records = self._api.newest("requests", parameters, newest)
        return [Request.read(record) for record in records]

    def wait_for(
        self,
        at_least: int = 1,
        *,
        timeout: float = 10.0,
        **filters: Unpack[Filters],
    ) -> list[Message]:
        """Wait until there are `at_least` matching messages; return all of them.

        Raises:
            AssertionError: timeout, in seconds; lists what arrived instead.
        """
        __tracebackhide__ = True
        parameters = self._api.parameters(filters)
        page = self._api.wait("messages", {**parameters, "at_least": at_least}, timeout)
        records = self._api.all("messages", parameters, page)
        return [Message.read(record) for record in records]

    def expect_none(self, *, within: float = 1.0, **filters: Unpack[Filters]) -> None:
        """Check for `within` seconds that no matching message exists; `after=message.seq` ignores earlier ones.

        Raises:
            AssertionError: a message exists or arrives; describes it.
        """
        __tracebackhide__ = True
        self._api.watch("messages", {**self._api.parameters(filters), "at_most": 0}, within)

    def last(self, **filters: Unpack[Filters]) -> Message:
        """Return the newest message.

        Raises:
            AssertionError: no message matches; lists what arrived instead.
        """
        __tracebackhide__ = True
        newest = {**self._api.parameters(filters), "at_least": 1, "order": "newest", "limit": 1}
        page = self._api.wait("messages", newest, 0.0)
        return Message.read(page["messages"][0])

    def retries(self, **filters: Unpack[RetryFilters]) -> list[RetrySequence]:
        """Return retry sequences with findings about the client, in the order of their last attempts."""
        records = self._api.all("retries", self._api.parameters(filters))
        return [RetrySequence.read(record) for record in records]

    def expect_recovered(
        self,
        *,
        timeout: float = 10.0,
        **filters: Unpack[Filters],
    ) -> list[RetrySequence]:
        """Wait until a retry of a failed attempt has succeeded; return all retry sequences that recovered.

        Raises:
            AssertionError: timeout, in seconds; lists the attempts.
        """
        __tracebackhide__ = True
        parameters = {**self._api.parameters(filters), "finding": "recovered"}
        page = self._api.wait("retries", {**parameters, "at_least": 1}, timeout)
        records = self._api.all("retries", parameters, page)
        return [RetrySequence.read(record) for record in records]

    def assert_no_duplicates(self, **filters: Unpack[Filters]) -> None:
        """Check that no retry created a second message. A retry has the same key, or the same content soon after.

        Raises:
            AssertionError: a duplicate exists; lists all its attempts.
        """
        __tracebackhide__ = True
        retries = self.retries(**filters)
        duplicates = [sequence for sequence in retries if sequence.messages > 1]
        if duplicates:
            summary = f"{len(duplicates)} of {len(retries)} retry sequences created more than one message"
            raise AssertionError("\n".join([summary, *map(str, duplicates)]))

    def add_fault(
        self,
        then: Mapping[str, object] | None = None,
        *,
        profile: str | None = None,
        **options: Unpack[FaultOptions],
    ) -> Fault:
        """Make requests fail: with `then` as in `POST /_emulator/faults`, or with a named `profile`."""
        scoped = self._api.scoped(options)
        body = {
            "match": {
                name: value
                for name, value in scoped.items()
                if name in _FAULT_MATCH and (value is not None or name == "content")
            },
            **{name: value for name, value in (("then", then), ("profile", profile)) if value is not None},
            **{name: value for name, value in options.items() if name not in _FAULT_MATCH},
        }
        return Fault.read(self._api.request("POST", "/faults", body=body))

    def fault(self, fault_id: str) -> Fault:
        """Return the current state of a fault."""
        return Fault.read(self._api.request("GET", _fault_path(fault_id)))

    def faults(self, **scoping: Unpack[Scoping]) -> list[Fault]:
        """Return the faults that can apply to requests of the scope, in the order of their evaluation."""
        records = self._api.listed("faults", self._api.parameters(scoping))
        return [Fault.read(record) for record in records]

    def delete_fault(self, fault_id: str) -> None:
        """Delete a fault."""
        self._api.request("DELETE", _fault_path(fault_id))

    def delete_faults(self, **scoping: Unpack[Scoping]) -> int:
        """Delete the faults of the scope; return their number. Faults for other calls or accounts stay."""
        reply = self._api.request("DELETE", "/faults", parameters=self._api.parameters(scoping))
        return int(reply["deleted"])

    def reset(self) -> Removed:
        """Delete requests, messages and registrations of the scope; unbound, everything, and reset clock and seed."""
        return Removed.read(self._api.request("POST", "/reset", parameters=self._api.parameters({})))

    @property
    def calls(self) -> "Calls":
        """Registrations of calls."""
        return Calls(self._api)

    @property
    def clock(self) -> "Clock":
        """The emulator's clock, which all tests share."""
        return Clock(self._api)


class Calls:
    """Registrations of calls. `call_sid` defaults to the call that the client is bound to."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def register(
        self,
        call_sid: str | None = None,
        *,
        status: Status | str = Status.IN_PROGRESS,
        client: Leg | str = Leg.VOICE_SDK,
    ) -> Call:
        """Register a call, or replace its registration."""
        body = {"account_sid": self._api.scope.account_sid, "status": status, "client": client}
        return Call.read(self._api.request("PUT", self._path(call_sid), body=body))

    def get(self, call_sid: str | None = None) -> Call:
        """Return the registration of a call.

        Raises:
            EmulatorError: the call is not registered.
        """
        return Call.read(self._api.request("GET", self._path(call_sid)))

    def forget(self, call_sid: str | None = None) -> None:
        """End a call and delete its registration; the option `calls` then applies to it again.

        Raises:
            EmulatorError: the call is not registered.
        """
        self._api.request("DELETE", self._path(call_sid))

    def all(self) -> list[Call]:
        """Return the registered calls of the scope."""
        calls = [Call.read(record) for record in self._api.listed("calls", {})]
        return [call for call in calls if self._api.scope.overlaps(Scope(call.account_sid, call.call_sid))]

    def _path(self, call_sid: str | None) -> str:
        call_sid = call_sid or self._api.scope.call_sid
        if call_sid is None:
            raise ValueError("which call? This client is bound to none: give call_sid")
        return f"/calls/{quote(call_sid, safe='')}"


class Clock:
    """The emulator's clock, shared by all tests. Each method returns the resulting time."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def now(self) -> datetime:
        """Return the current time."""
        return _time(self._api.request("GET", "/clock"))

    def freeze(self, at: datetime) -> datetime:
        """Freeze the clock at this time, which must have a time zone."""
        return _time(self._api.request("PUT", "/clock", body={"freeze": at.isoformat()}))

    def advance(self, seconds: float) -> datetime:
        """Move the clock forward by this number of seconds."""
        return _time(self._api.request("PUT", "/clock", body={"advance": seconds}))

    def reset(self) -> datetime:
        """Restore the initial state of the clock."""
        return _time(self._api.request("PUT", "/clock", body={"reset": True}))


def _fault_path(fault_id: str) -> str:
    return f"/faults/{quote(fault_id, safe='')}"


def _time(reply: Json) -> datetime:
    return datetime.fromisoformat(reply["now"])
