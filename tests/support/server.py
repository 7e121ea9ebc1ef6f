"""The real server and a raw client: what the tests from outside need. Ports are the kernel's choice, nothing sleeps."""

import asyncio
import base64
import contextlib
import itertools
import json
import os
import queue
import re
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Self
from urllib.parse import urlencode, urlsplit

import uvloop

from emulator.app import create_app
from emulator.engine.engine import Engine
from emulator.server.bind import open_socket
from emulator.server.server import Server, entering
from emulator.settings import Settings

RESET_BY_PEER = struct.pack("ii", 1, 0)
"""The value of SO_LINGER with which closing sends a reset."""

PATIENCE = 5.0
"""Seconds after which silence is a failure."""
TOKEN = "0" * 32
FORM = "application/x-www-form-urlencoded"
CONTENT = '{"key":"value"}'

FAKED_TIME = {name: value for name, value in os.environ.items() if name == "LD_PRELOAD" or name.startswith("FAKETIME")}
"""For processes with an environment of their own: with `faketime`, all processes of a run must have the same date."""

_ROOT = Path(__file__).parents[2]
_numbers = itertools.count(1)

Headers = Sequence[tuple[str, str]]


# --- what is sent


def fresh(kind: str) -> str:
    """A SID that no other test uses: tests share servers and are apart by account and call."""
    return f"{kind}{next(_numbers):032x}"


def path_of(account: str, call: str, *, suffix: str = ".json", resource: str = "UserDefinedMessages") -> str:
    return f"/2010-04-01/Accounts/{account}/Calls/{call}/{resource}{suffix}"


def basic(username: str, token: str = TOKEN) -> tuple[str, str]:
    return "Authorization", "Basic " + base64.b64encode(f"{username}:{token}".encode()).decode()


def request(method: str, target: str, headers: Headers = (), body: bytes | None = None) -> bytes:
    """A request as bytes; with a body goes its Content-Length unless the headers frame it already."""
    names = {name.lower() for name, _ in headers}
    lines = [*([] if "host" in names else [("Host", "127.0.0.1")]), *headers]
    framed = names & {"content-length", "transfer-encoding"}
    if body is not None and not framed:
        lines.append(("Content-Length", str(len(body))))
    head = "".join(f"{name}: {value}\r\n" for name, value in lines)
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + (body or b"")


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


# --- what comes back


class MalformedReplyError(Exception):
    """What came back is not HTTP/1.1 as RFC 9112 writes it."""


@dataclass(frozen=True, kw_only=True)
class Reply:
    """A response; header names in lower case, in the order of the wire."""

    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str | None:
        """The value of a header that stands there at most once."""
        values = [value for other, value in self.headers if other == name]
        assert len(values) <= 1, self.headers
        return values[0] if values else None

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.headers]

    @property
    def text(self) -> str:
        return self.body.decode()

    def json(self) -> Any:  # noqa: ANN401  as json.loads
        return json.loads(self.body)


_STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) [\x20-\x7e]*\r\n")
_HEADER_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ([\x20-\x7e]*)\r\n")
_SIZE_LINE = re.compile(rb"([0-9a-f]+)\r\n")


def _match(pattern: re.Pattern[bytes], line: bytes) -> tuple[bytes, ...]:
    match = pattern.fullmatch(line)
    if match is None:
        raise MalformedReplyError(line[:200])
    return match.groups()


def _exactly(source: BinaryIO, size: int) -> bytes:
    data = source.read(size)
    if len(data) < size:
        raise MalformedReplyError(f"cut off: {len(data)} of {size} bytes")
    return data


def _chunks(source: BinaryIO) -> Iterator[bytes]:
    while size := int(_match(_SIZE_LINE, source.readline())[0], 16):
        yield _exactly(source, size)
        _match(re.compile(rb"\r\n"), source.readline())
    _match(re.compile(rb"\r\n"), source.readline())


def read_reply(source: BinaryIO, method: str = "POST") -> Reply | None:
    """The next response, read strictly; None at a clean end.

    Raises:
        MalformedReplyError: not a whole well-formed response.
    """
    first = source.readline()
    if not first:
        return None
    status = int(_match(_STATUS_LINE, first)[0])
    headers: list[tuple[str, str]] = []
    while (line := source.readline()) != b"\r\n":
        name, value = _match(_HEADER_LINE, line)
        headers.append((name.decode().lower(), value.decode()))
    by_name = dict(headers)
    if method == "HEAD" or status in (100, 204, 304):
        body = b""
    elif by_name.get("transfer-encoding") == "chunked":
        body = b"".join(_chunks(source))
    else:
        body = _exactly(source, int(by_name["content-length"]))
    return Reply(status=status, headers=headers, body=body)


class Connection:
    """A connection of our own: bytes out, replies in."""

    def __init__(self, address: tuple[str, int], wrap: Callable[[socket.socket], socket.socket] | None = None) -> None:
        self.socket = socket.create_connection(address, PATIENCE)
        if wrap is not None:
            self.socket = wrap(self.socket)
        self._source = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._source.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def finish(self) -> None:
        """Say that no more will come."""
        self.socket.shutdown(socket.SHUT_WR)

    def reset_when_closed(self) -> None:
        """Close with a reset, as a client that was killed does."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_BY_PEER)

    def next_reply(self, method: str = "POST") -> Reply | None:
        return read_reply(self._source, method)

    def reply(self, method: str = "POST") -> Reply:
        reply = self.next_reply(method)
        assert reply is not None, "the connection was closed without a response"
        return reply

    def is_closed(self) -> bool:
        """Whether the server has closed, and sent nothing before it."""
        return self._source.read(1) == b""


# --- the server


def address_of(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


@dataclass(frozen=True)
class Site:
    """An emulator that listens."""

    url: str

    @property
    def address(self) -> tuple[str, int]:
        return address_of(self.url)

    @property
    def https(self) -> str:
        """Its https address."""
        return str(self.get("/readyz").json()["addresses"][1])

    @property
    def proxy(self) -> str:
        """Its proxy's address."""
        return str(self.get("/readyz").json()["proxy"])

    def connect(self) -> Connection:
        return Connection(self.address)

    def ask(self, method: str, target: str, headers: Headers = (), body: bytes | None = None) -> Reply:
        """One request on a connection of its own."""
        with self.connect() as connection:
            connection.send(request(method, target, [("Connection", "close"), *headers], body))
            reply = connection.reply(method)
            assert connection.is_closed()
            return reply

    def get(self, target: str) -> Reply:
        return self.ask("GET", target)

    def delete(self, target: str) -> Reply:
        return self.ask("DELETE", target)

    def put_json(self, target: str, value: object) -> Reply:
        return self.ask("PUT", target, [("Content-Type", "application/json")], json.dumps(value).encode())


@dataclass(frozen=True)
class Caller:
    """An account in a call, and the emulator that they are at."""

    site: Site
    account: str = field(default_factory=lambda: fresh("AC"))
    call: str = field(default_factory=lambda: fresh("CA"))
    token: str = TOKEN

    @property
    def path(self) -> str:
        return path_of(self.account, self.call)

    @property
    def auth(self) -> tuple[str, str]:
        return basic(self.account, self.token)

    def headers(self, *more: tuple[str, str]) -> Headers:
        return [self.auth, ("Content-Type", FORM), *more]

    def ask(
        self,
        body: bytes | None = None,
        *,
        method: str = "POST",
        path: str | None = None,
        headers: Headers | None = None,
        more: Headers = (),
    ) -> Reply:
        """A request of this caller's, every part of which can be another; without a body, a good one."""
        body = urlencode({"Content": CONTENT}).encode() if body is None else body
        headers = self.headers(*more) if headers is None else headers
        return self.site.ask(method, self.path if path is None else path, headers, body)

    def send(self, content: str = CONTENT, key: str | None = None, *, path: str | None = None) -> Reply:
        """Create a message."""
        form = {"Content": content} | ({} if key is None else {"IdempotencyKey": key})
        return self.ask(urlencode(form).encode(), path=path)

    def raw(self, content: str = CONTENT, key: str | None = None, *more: tuple[str, str]) -> bytes:
        """The bytes of a create request, for connections driven by hand."""
        form = {"Content": content} | ({} if key is None else {"IdempotencyKey": key})
        return request("POST", self.path, self.headers(*more), urlencode(form).encode())

    def listing(self, **filters: object) -> Any:  # noqa: ANN401  JSON
        """The page of messages of this account."""
        query = urlencode({"account_sid": self.account, **filters})
        reply = self.site.get(f"/_emulator/messages?{query}")
        assert reply.status == 200, reply
        return reply.json()

    def messages(self, **filters: object) -> list[dict[str, Any]]:
        messages: list[dict[str, Any]] = self.listing(**filters)["messages"]
        return messages

    def requests(self, **filters: object) -> list[dict[str, Any]]:
        """The recorded requests of this account."""
        reply = self.site.get(f"/_emulator/requests?{urlencode({'account_sid': self.account, **filters})}")
        assert reply.status == 200, reply
        requests: list[dict[str, Any]] = reply.json()["requests"]
        return requests


class Running:
    """The real server in a thread of this process, so that coverage counts and time can be passed in."""

    def __init__(self, settings: Settings, **world: Any) -> None:  # noqa: ANN401  create_app's now and entropy
        addresses: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()
        self._listener = open_socket(settings.host, settings.port)
        self._entering = entering(settings)
        self._failures: list[BaseException] = []
        self._thread = threading.Thread(target=self._run, name="emulator", daemon=True)
        listeners = self._entering.__enter__()
        self.server = Server(create_app(settings, **world), self._listener, addresses.put, listeners)
        self._thread.start()
        self.site = Site(addresses.get(timeout=PATIENCE)[0])

    def _run(self) -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(self.server.run_until_stopped())
        except BaseException as error:  # noqa: BLE001  told to the test's thread, which raises it
            self._failures.append(error)
        finally:
            self._listener.close()
            self._entering.__exit__(None, None, None)

    @property
    def engine(self) -> Engine:
        """Its inside, to be looked at and touched."""
        found = self.server._app.services.engine
        assert isinstance(found, Engine)
        return found

    def stop(self) -> None:
        """Ask it to stop, without waiting."""
        self.server.should_exit = True

    def join(self) -> None:
        """Wait until it has stopped."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the server does not stop"
        assert self._failures == []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self.join()


Entropy = Callable[[int], bytes]


class Servers:
    """Servers in threads of this process, by their options.

    Tests share the server of equal options; all of these stop at the end of the run. A server with a clock or entropy
    of its own stops with its test: hundreds would exceed the number of files that a process may open.
    """

    def __init__(self) -> None:
        self._shared: dict[str, Running] = {}
        self._own: list[Running] = []

    def __call__(
        self,
        *,
        now: Callable[[], float] | None = None,
        entropy: Entropy | None = None,
        **options: Any,  # noqa: ANN401
    ) -> Site:
        """Return the server with these options; start it if it does not run yet."""
        world = {name: value for name, value in (("now", now), ("entropy", entropy)) if value is not None}
        if world:
            self._own.append(Running(Settings(port=0, **options), **world))
            return self._own[-1].site
        key = repr(sorted(options.items()))
        if key not in self._shared:
            self._shared[key] = Running(Settings(port=0, **options))
        return self._shared[key].site

    @contextlib.contextmanager
    def stopping_own(self) -> Iterator[None]:
        """Stop the servers with a clock or entropy of their own that were started in this context."""
        before = len(self._own)
        yield
        for running in self._own[before:]:
            running.stop()

    def end(self) -> None:
        """Stop all servers."""
        started = [*self._shared.values(), *self._own]
        for running in started:
            running.stop()
        for running in started:
            running.join()


@contextlib.contextmanager
def serving() -> Iterator[Servers]:
    """Servers that stop at the end."""
    servers = Servers()
    try:
        yield servers
    finally:
        servers.end()


# --- the command


_START_AND_STOP = re.compile(r"^\S+ INFO (?:serving|stopping) on .*\n", re.MULTILINE)


class Command:
    """`python -m emulator serve --port 0` in a process of its own."""

    def __init__(self, *flags: str, **environ: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("EMULATOR_")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "emulator", "serve", *(flags or ("--port", "0"))],
            cwd=_ROOT,
            env={**inherited, **environ},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def ready_line(self) -> str:
        """The first line of stdout; empty when it ended without one."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def site(self) -> Site:
        """The emulator, once it is ready."""
        return Site(self.ready_line().split()[1])

    def end(self, sent: int | None = None) -> tuple[int, str, str]:
        """Send a signal, if any, and wait for the end: exit code, the rest of stdout, stderr but for start and stop."""
        if sent is not None:
            self.process.send_signal(sent)
        out, self.stderr = self.process.communicate(timeout=10)
        return self.process.returncode, out, _START_AND_STOP.sub("", self.stderr)
