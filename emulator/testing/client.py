# Generated from async_client.py by scripts/generate_blocking.py: change that file, then run `make generate`.
"""Blocking client of the inspection API of any emulator, local or remote."""

from collections.abc import Generator, Mapping
from contextlib import closing
from typing import TYPE_CHECKING, Unpack
from urllib.parse import quote

from emulator.endpoints.api.deliveries import Delivery
from emulator.endpoints.api.faults import Fault
from emulator.endpoints.api.health import Ready
from emulator.endpoints.api.messages import Deleted, Message
from emulator.endpoints.api.requests import Request, RequestDetail
from emulator.endpoints.api.reset import ResetCounts
from emulator.endpoints.api.retries import RetrySequence
from emulator.endpoints.api.rules import CheckResult, Rules
from emulator.endpoints.api.subscriptions import Subscription
from emulator.engine.scope import Scope
from emulator.testing.api import Api
from emulator.testing.async_counterpart import AsyncCounterpart
from emulator.testing.calls import CallsClient
from emulator.testing.clock import ClockClient, SeedClient
from emulator.testing.filters import (
    DeliveryFilters,
    DescribedRequest,
    FaultOptions,
    Filters,
    RequestFilters,
    RetryFilters,
    Scoping,
)
from emulator.testing.http import Address
from emulator.testing.models import read
from emulator.testing.schemas import SchemasClient
from emulator.testing.stream_event import StreamEvent, stream_event
from emulator.testing.users import UsersClient

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
        return [read(Message, record) for record in records]

    def requests(self, *, newest: int | None = None, **filters: Unpack[RequestFilters]) -> list[Request]:
        """Return all requests, including rejected ones, or the `newest` ones; oldest first."""
        parameters = self._api.parameters(filters)
        if newest is None:
            records = self._api.all("requests", parameters)
        else:
            records = self._api.newest("requests", parameters, newest)
        return [read(Request, record) for record in records]

    def message(self, sid: str) -> Message:
        """Return a message by its SID.

        Raises:
            EmulatorError: it does not exist.
        """
        return read(Message, self._api.request("GET", f"/_emulator/messages/{quote(sid, safe='')}"))

    def delete_messages(self, **filters: Unpack[Filters]) -> int:
        """Delete messages and their idempotency keys; return their number."""
        parameters = self._api.parameters(filters)
        reply = self._api.request("DELETE", "/_emulator/messages", parameters=parameters)
        return read(Deleted, reply).deleted

    def request(self, request_id: str) -> RequestDetail:
        """Return a request by its id, with all that was received and sent.

        Raises:
            EmulatorError: it does not exist.
        """
        path = f"/_emulator/requests/{quote(request_id, safe='')}"
        return read(RequestDetail, self._api.request("GET", path))

    def deliveries(self, **filters: Unpack[DeliveryFilters]) -> list[Delivery]:
        """Return the callbacks to subscriptions, oldest first."""
        records = self._api.all("deliveries", self._api.parameters(filters))
        return [read(Delivery, record) for record in records]

    def delivery(self, delivery_id: str) -> Delivery:
        """Return a callback by its id.

        Raises:
            EmulatorError: it does not exist.
        """
        path = f"/_emulator/deliveries/{quote(delivery_id, safe='')}"
        return read(Delivery, self._api.request("GET", path))

    def wait_for_deliveries(
        self,
        at_least: int = 1,
        *,
        timeout: float = 10.0,
        **filters: Unpack[DeliveryFilters],
    ) -> list[Delivery]:
        """Wait until there are `at_least` matching callbacks; return all of them.

        Raises:
            AssertionError: timeout, in seconds; lists the callbacks that there are.
        """
        __tracebackhide__ = True
        parameters = self._api.parameters(filters)
        page = self._api.wait("deliveries", {**parameters, "at_least": at_least}, timeout)
        records = self._api.all("deliveries", parameters, page)
        return [read(Delivery, record) for record in records]

    def subscriptions(self, **scoping: Unpack[Scoping]) -> list[Subscription]:
        """Return the subscriptions of the scope, in the order of their creation."""
        records = self._api.listed("subscriptions", self._api.parameters(scoping))
        return [read(Subscription, record) for record in records]

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
        return [read(Message, record) for record in records]

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
        return read(Message, page["messages"][0])

    def retries(self, **filters: Unpack[RetryFilters]) -> list[RetrySequence]:
        """Return retry sequences with findings about the client, in the order of their last attempts."""
        records = self._api.all("retries", self._api.parameters(filters))
        return [read(RetrySequence, record) for record in records]

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
        return [read(RetrySequence, record) for record in records]

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

    def events(self, **filters: Unpack[RequestFilters]) -> Generator[StreamEvent, None, None]:
        """Yield requests, messages and callbacks as they arrive, until the emulator stops or the iteration ends.

        `after` continues after an earlier event. A client that reads too slowly receives the event `lagged` and is
        disconnected.
        """
        with closing(self._api.events(self._api.parameters(filters))) as events:
            for event in events:
                yield stream_event(event)

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
        return read(Fault, self._api.request("POST", "/_emulator/faults", body=body))

    def fault(self, fault_id: str) -> Fault:
        """Return the current state of a fault."""
        return read(Fault, self._api.request("GET", _fault_path(fault_id)))

    def faults(self, **scoping: Unpack[Scoping]) -> list[Fault]:
        """Return the faults that can apply to requests of the scope, in the order of their evaluation."""
        records = self._api.listed("faults", self._api.parameters(scoping))
        return [read(Fault, record) for record in records]

    def delete_fault(self, fault_id: str) -> None:
        """Delete a fault."""
        self._api.request("DELETE", _fault_path(fault_id))

    def delete_faults(self, **scoping: Unpack[Scoping]) -> int:
        """Delete the faults of the scope; return their number. Faults for other calls or accounts stay."""
        reply = self._api.request("DELETE", "/_emulator/faults", parameters=self._api.parameters(scoping))
        return read(Deleted, reply).deleted

    def reset(self) -> ResetCounts:
        """Delete requests, messages and registrations of the scope; unbound, everything, and reset clock and seed."""
        return read(ResetCounts, self._api.request("POST", "/_emulator/reset", parameters=self._api.parameters({})))

    def ready(self) -> Ready:
        """Return the version, the addresses and the use of memory of the emulator."""
        return read(Ready, self._api.request("GET", "/readyz"))

    def rules(self) -> Rules:
        """Return the rules of the emulator with their certainty and source."""
        return read(Rules, self._api.request("GET", "/_emulator/rules"))

    def check(self, path: str, *, method: str = "POST", **described: Unpack[DescribedRequest]) -> CheckResult:
        """Evaluate a request without sending it: return the response it would get, and the evaluated rules."""
        body = {"method": method, "path": path, **described}
        return read(CheckResult, self._api.request("POST", "/_emulator/check", body=body))

    def ca(self) -> str:
        """Return the certificate of the emulator's CA, in PEM.

        Raises:
            EmulatorError: the emulator has no CA, because it does not serve https.
        """
        return str(self._api.text("/_emulator/ca.pem"))

    @property
    def calls(self) -> CallsClient:
        """Registrations of calls, and their end users."""
        return CallsClient(self._api)

    @property
    def schemas(self) -> SchemasClient:
        """JSON Schemas for contents."""
        return SchemasClient(self._api)

    @property
    def users(self) -> UsersClient:
        """Connected Voice SDK users, and automatic answers."""
        return UsersClient(self._api)

    @property
    def clock(self) -> ClockClient:
        """The emulator's clock, which all tests share."""
        return ClockClient(self._api)

    @property
    def seed(self) -> SeedClient:
        """The seed of identifiers, which all tests share."""
        return SeedClient(self._api)


def _fault_path(fault_id: str) -> str:
    return f"/_emulator/faults/{quote(fault_id, safe='')}"
