"""The inspection API for a scope, for asyncio: requests, pages and long polls, with the records as JSON."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping
from contextlib import aclosing
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from emulator.adapters.async_http_client import send, stream
from emulator.adapters.event_stream import EventStreamParser, ServerSentEvent
from emulator.adapters.http_client import HttpClientError, HttpRequest, HttpResponse
from emulator.commands.proxy_variables import proxy_variable
from emulator.engine.scope import Scope
from emulator.testing.http import MARGIN, Address
from emulator.testing.models import Json

LONGEST_WAIT = 60.0
"""Maximum seconds of one long poll; a longer wait consists of several."""
LARGEST_PAGE = 1000
SILENCE = 30.0
"""Maximum seconds without a byte on an event stream; the emulator sends a comment every 10 seconds."""


class AsyncApi:
    """The inspection API of an emulator. Each request uses its own connection; no state is kept.

    Args:
        address: the emulator.
        scope: the account, the call or both that requests are about.
        environ: environment variables of the application under test.
    """

    def __init__(self, address: Address, scope: Scope, environ: Mapping[str, str]) -> None:
        self.address = address
        self.scope = scope
        self.environ = environ

    async def request(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
        wait: float = 0.0,
    ) -> Any:  # noqa: ANN401  JSON
        """Send a request and return the parsed response; None when it has no body.

        Args:
            method: the method.
            path: path from the root.
            parameters: query parameters.
            body: JSON object.
            wait: seconds that the emulator may wait before it responds (long poll).

        Raises:
            EmulatorError: the response is an error.
            UnreachableError: no emulator responds.
        """
        __tracebackhide__ = True
        response = await self._send(self.address.request(method, path, parameters or {}, body), wait)
        return self.address.json(f"{method} {path}", response)

    async def text(self, path: str) -> str:
        """Send a GET request and return the body as text; errors are as for `request`."""
        __tracebackhide__ = True
        response = await self._send(self.address.request("GET", path, {}, None))
        if response.status != HTTPStatus.OK:
            self.address.json(f"GET {path}", response)
        return response.body.decode()

    async def events(self, parameters: Mapping[str, object]) -> AsyncGenerator[ServerSentEvent, None]:
        """Yield live events without end; errors are as for `request`."""
        path, parser = "/_emulator/events", EventStreamParser()
        request = self.address.request("GET", path, parameters, None)
        try:
            async with aclosing(stream(self.address.origin, request, SILENCE, self.address.tls)) as received:
                async for data in received:
                    for event in parser.feed(data):
                        yield event
        except HttpClientError as error:
            raise self.address.unreachable(error) from None
        if parser.status != HTTPStatus.OK:
            self.address.json(f"GET {path}", HttpResponse(parser.status or 0, "", parser.body))

    async def _send(self, request: HttpRequest, wait: float = 0.0) -> HttpResponse:
        try:
            return await send(self.address.origin, request, wait + MARGIN, self.address.tls)
        except HttpClientError as error:
            raise self.address.unreachable(error) from None

    async def all(self, name: str, parameters: Mapping[str, object], page: Json | None = None) -> list[Json]:
        """Return the records of all pages; `page` is the first page, if it was fetched already."""
        if page is None:
            page = await self._page(name, parameters)
        found = list(page[name])
        while 0 < len(page[name]) < page["count"]:
            page = await self._page(name, {**parameters, "after": found[-1]["seq"]})
            found += page[name]
        return found

    async def newest(self, name: str, parameters: Mapping[str, object], number: int) -> list[Json]:
        """Return the newest records, at most `number`, oldest first."""
        found = dict[int, Json]()  # records added between two requests shift the pages, which then overlap
        newest = {**parameters, "order": "newest"}
        page = await self._page(name, {**newest, "limit": min(number, LARGEST_PAGE)})
        while True:
            found.update((record["seq"], record) for record in page[name])
            if not page[name] or len(found) >= min(number, page["count"]):
                return [found[seq] for seq in sorted(found)][-number:]
            limit = min(number - len(found), LARGEST_PAGE)
            page = await self._page(name, {**newest, "limit": limit, "skip": len(found)})

    async def listed(self, name: str, parameters: Mapping[str, object]) -> list[Json]:
        """Return the records of all pages of a listing without `seq`, paged by offset."""
        found = list[Json]()
        while True:
            skip = {"skip": len(found)} if found else {}
            page = await self.request("GET", f"/_emulator/{name}", parameters={**parameters, **skip})
            found += page[name]
            if not page[name] or len(found) >= page["count"]:
                return found

    async def wait(self, name: str, parameters: Mapping[str, object], timeout: float) -> Json:  # noqa: ASYNC109  runs in the emulator
        """Return the first page of a listing, once its condition is satisfied.

        Raises:
            AssertionError: timeout, in seconds; explains it.
        """
        __tracebackhide__ = True
        for seconds, more in _slices(timeout):
            page = await self._page(name, {**parameters, "timeout": seconds}, seconds)
            if page["satisfied"]:
                break
            if page["ended"] != "timed_out" or not more:
                raise _unsatisfied(page, self.proxy_hint())
        return page

    async def watch(self, name: str, parameters: Mapping[str, object], within: float) -> None:
        """Return after `within` seconds in which the condition of a listing remained satisfied.

        Raises:
            AssertionError: it did not; explains it.
        """
        __tracebackhide__ = True
        for seconds, _ in _slices(within):
            page = await self._page(name, {**parameters, "within": seconds}, seconds)
            if page["ended"] != "timed_out":
                raise _unsatisfied(page)

    def parameters(self, filters: Mapping[str, Any]) -> dict[str, object]:
        """Return the query parameters of filters, and of the scope."""
        given = self.scoped(filters)
        for name in ("content", "valid"):
            if name in given:
                given[name] = json.dumps(given[name])
        return {name: value for name, value in given.items() if value is not None}

    def call_sid(self, given: str | None) -> str:
        """Return a CallSid for a path: the given one, or the scope's.

        Raises:
            ValueError: neither is set.
        """
        call_sid = given or self.scope.call_sid
        if call_sid is None:
            raise ValueError("call_sid is required: this client is not bound to a call")
        return quote(call_sid, safe="")

    def scoped(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Add the scope to what is given, which can name another one."""
        return {"account_sid": self.scope.account_sid, "call_sid": self.scope.call_sid, **given}

    def proxy_hint(self) -> str | None:
        """Name the proxy variable that keeps requests from the emulator, and the remedy; None when none does."""
        found = proxy_variable(self.address.url, self.environ)
        return None if found is None else f"{found}; set NO_PROXY={found.no_proxy}"

    async def _page(self, name: str, parameters: Mapping[str, object], wait: float = 0.0) -> Json:
        __tracebackhide__ = True
        page: Json = await self.request(
            "GET", f"/_emulator/{name}", parameters={"limit": LARGEST_PAGE, **parameters}, wait=wait
        )
        return page


def _slices(seconds: float) -> Iterator[tuple[float, bool]]:
    """Split a wait into long polls; yield the seconds of each, and whether more follow."""
    while seconds > LONGEST_WAIT:
        yield LONGEST_WAIT, True
        seconds -= LONGEST_WAIT
    yield seconds, False


def _unsatisfied(page: Json, hint: str | None = None) -> AssertionError:
    explanation = page["explanation"] or [f"the emulator did not watch to the end: {page['ended']}"]
    return AssertionError("\n".join([*explanation, *([hint] if hint else [])]))
