"""Clients that stay: event streams by the standard library's HTTP client, and waits in threads. Nothing sleeps."""

import http.client
import json
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlencode

from support.server import PATIENCE, RESET_BY_PEER, Headers, Reply, Site

LONG = 60
"""Nobody waits for so long here: a wait that is not woken fails the test."""


class Told(NamedTuple):
    """An event as a client sees it."""

    kind: str
    id: str | None
    data: Any


class Stream:
    """A reader of `/_emulator/events`; opened once the reply has begun."""

    def __init__(self, site: Site, *, headers: Headers = (), **query: object) -> None:
        self._connection = http.client.HTTPConnection(*site.address, timeout=PATIENCE)
        self._connection.request("GET", f"/_emulator/events?{urlencode(query)}", headers=dict(headers))
        self.response = self._connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.comments: list[str] = []
        assert self.next_line().startswith(":")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()

    def cut(self) -> None:
        """Be gone without a word."""
        if self._connection.sock is not None:
            self._connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_BY_PEER)
        self.response.close()
        self._connection.close()

    def next_line(self) -> str:
        """The next line; empty at the end."""
        return self.response.readline().decode()

    def next(self) -> Told | None:
        """The next event, by the rules of the HTML standard; None at the end."""
        fields: dict[str, list[str]] = {}
        while line := self.next_line():
            name, _, value = line.rstrip("\n").partition(":")
            if line == "\n" and fields:
                return Told(fields["event"][0], fields.get("id", [None])[0], json.loads("\n".join(fields["data"])))
            if name:
                fields.setdefault(name, []).append(value.removeprefix(" "))
        return None

    def take(self, count: int) -> list[Told]:
        """The next so many events."""
        told = [self.next() for _ in range(count)]
        assert None not in told
        return [one for one in told if one is not None]


class Waiting:
    """A wait for records of a kind, in a thread of its own."""

    def __init__(self, site: Site, kind: str = "messages", **query: object) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._reply: Future[Reply] = self._thread.submit(site.get, f"/_emulator/{kind}?{urlencode(query)}")
        self._thread.shutdown(wait=False)

    @property
    def is_over(self) -> bool:
        return self._reply.done()

    def reply(self) -> Reply:
        return self._reply.result(PATIENCE)

    def answer(self) -> Any:  # noqa: ANN401  JSON
        return self.reply().json()


def until(site: Site, reached: Callable[[], bool]) -> None:
    """Return once something is so; every look is a request, which gives the server its turn."""
    end = time.monotonic() + PATIENCE
    while not reached():
        assert time.monotonic() < end, "it does not come to that"
        site.get("/livez")


def reset(site: Site, **scope: object) -> Any:  # noqa: ANN401  JSON
    """Reset a scope."""
    reply = site.ask("POST", f"/_emulator/reset?{urlencode(scope)}")
    assert reply.status == 200, reply
    return reply.json()


def post_json(site: Site, target: str, value: object) -> Reply:
    return site.ask("POST", target, [("Content-Type", "application/json")], json.dumps(value).encode())
