"""Connections over real sockets: the laws of `http1/` hold there too, and whatever ends one, nothing of it is left."""

import asyncio
import contextlib
import gc
import signal
import socket
import struct
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.server import FORM, PATIENCE, Caller, Command, Connection, Reply, Running, address_of, fresh, request
from support.sse import until
from support.tls import trusting

from emulator.settings import Settings


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    with Running(Settings(port=0, tls_port=0, proxy_port=0)) as running:
        running.site.get("/readyz")
        yield running


# --- the laws over real sockets


class Case:
    """Create requests on one connection, each to a call of its own, and what follows them."""

    def __init__(self, running: Running, kinds: list[str]) -> None:
        self.caller = Caller(running.site)
        self.kinds = kinds
        self.calls = [fresh("CA") for _ in kinds]

    @property
    def data(self) -> bytes:
        return b"".join(self._request(kind, call) for kind, call in zip(self.kinds, self.calls, strict=True))

    def _request(self, kind: str, call: str) -> bytes:
        more = {
            "plain": [],
            "h2c": [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAAA")],
            "last": [("Connection", "close")],
            "chunked": [("Transfer-Encoding", "chunked")],
            "trailers": [("Transfer-Encoding", "chunked")],
        }
        body = b"Content=1"
        if kind in ("chunked", "trailers"):
            body = b"3\r\nCon\r\n6\r\ntent=1\r\n0\r\n" + (b"Host: y\r\n\r\n" if kind == "trailers" else b"\r\n")
        path = self.caller.path.replace(self.caller.call, call)
        return request("POST", path, [self.caller.auth, ("Content-Type", FORM), *more[kind]], body)

    def created(self) -> list[str]:
        """The calls that have a message, in order."""
        return [message["call_sid"] for message in self.caller.messages(limit=1000)]


def replies_of(connection: Connection) -> list[Reply]:
    replies = []
    while (reply := connection.next_reply()) is not None:
        replies.append(reply)
    return replies


kinds = st.sampled_from(["plain", "plain", "h2c", "chunked", "trailers", "last"])
tails = st.sampled_from([b"", b"garbage\r\n\r\n", b"POST / HTTP/1.1\r\nHo", b"GET http:// HTTP/1.1\r\nHost: x\r\n\r\n"])


@settings(max_examples=60, derandomize=True)
@given(kinds=st.lists(kinds, min_size=1, max_size=8), tail=tails, cuts=st.lists(st.integers(1, 2000), max_size=5))
def test_every_request_is_answered_in_order(running: Running, kinds: list[str], tail: bytes, cuts: list[int]) -> None:
    """A law of the connection: what was created is what was answered with 201, and the connection ends."""
    if "last" in kinds:
        kinds, tail = kinds[: kinds.index("last") + 1], b""
    case = Case(running, kinds)
    data = case.data + tail
    with running.site.connect() as connection:
        for cut in cuts:
            connection.send(data[:cut])
            data = data[cut:]
        connection.send(data)
        with contextlib.suppress(OSError):  # the server has closed
            connection.finish()
        replies = replies_of(connection)
    created = [reply for reply in replies if reply.status == 201]

    assert [reply.status for reply in replies] == [201] * len(kinds) + [400] * tail.endswith(b"\r\n\r\n")
    assert case.created() == case.calls
    assert len({reply.json()["sid"] for reply in created}) == len(kinds)


@settings(max_examples=30, derandomize=True)
@given(count=st.integers(1, 30), read=st.integers(0, 5000))
def test_the_journal_shows_what_was_lost(running: Running, count: int, read: int) -> None:
    """Whatever is not marked as lost has left for the client, in order: a client that resets loses only the last."""
    case = Case(running, ["plain"] * count)
    with running.site.connect() as connection:
        connection.send(case.data)
        connection.socket.recv(read + 1)
        connection.reset_when_closed()
    until(running.site, lambda: not tasks_of(running))
    exchanges = case.caller.requests(limit=1000)
    lost = [exchange["lost"] for exchange in exchanges]

    assert lost == sorted(lost)


def tasks_of(running: Running) -> set[asyncio.Task[None]]:
    return running.server.server_state.tasks


def test_many_pipelined_requests(running: Running) -> None:
    """Two thousand are answered."""
    case = Case(running, ["plain"] * 2000)
    with running.site.connect() as connection:
        connection.socket.settimeout(4 * PATIENCE)
        data = case.data
        for at in range(0, len(data), 50_000):
            connection.send(data[at : at + 50_000])
            for _ in range(data[at : at + 50_000].count(b"POST ") - 1):
                assert connection.reply().status == 201
        connection.finish()
        rest = replies_of(connection)

    assert {reply.status for reply in rest} == {201}
    assert len(case.created()) == 1000  # of one page
    assert running.site.get("/readyz").status == 200


# --- nothing is left

OURS = ("emulator.server.", "websockets.", "asyncio.sslproto", "uvloop.loop.SSLProtocol")
TIMERS = ("uvloop.loop.TimerHandle", "asyncio.events.TimerHandle")
_RESET = struct.pack("ii", 1, 0)
HANDSHAKE = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA=="),
]


def objects() -> Counter[str]:
    """How many objects of the server's classes, and timers, are in memory."""
    gc.collect()
    counts = Counter(map(type, gc.get_objects()))
    names = {f"{kind.__module__}.{kind.__qualname__}": count for kind, count in counts.items()}
    return Counter({name: count for name, count in names.items() if name.startswith(OURS) or name in TIMERS})


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
    sock.close()


def drain(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sock.recv(65536):
            pass


End = Callable[[Running, Caller], None]


def _http(*sent: bytes, finish: bool = False, read: bool = True, with_reset: bool = False) -> End:
    def end(running: Running, caller: Caller) -> None:
        with running.site.connect() as connection:
            for data in sent:
                connection.send(data or caller.raw())
            if finish:
                connection.finish()
            if read:
                drain(connection.socket)
            if with_reset:
                reset(connection.socket)

    return end


def _ordinary(running: Running, caller: Caller) -> None:
    with running.site.connect() as connection:
        connection.send(caller.raw())
        assert connection.reply().status == 201


def _faulty(ending: str) -> End:
    def end(running: Running, caller: Caller) -> None:
        magic = Caller(running.site, caller.account, caller.call[:-8] + ending)
        with running.site.connect() as connection:
            connection.send(magic.raw())
            drain(connection.socket)

    return end


def _unread(running: Running, caller: Caller) -> None:
    with running.site.connect() as connection:
        connection.send(caller.raw() * 20)
        reset(connection.socket)


def _websocket(*, with_reset: bool) -> End:
    def end(running: Running, _caller: Caller) -> None:
        with running.site.connect() as connection:
            connection.send(request("GET", "/signal", HANDSHAKE))
            assert b" 101 " in connection.socket.recv(4096)
            if with_reset:
                reset(connection.socket)

    return end


def _long_poll(running: Running, caller: Caller) -> None:
    with running.site.connect() as connection:
        connection.send(request("GET", f"/_emulator/events?account_sid={caller.account}"))
        connection.socket.recv(100)
        reset(connection.socket)


def _timeout(running: Running, caller: Caller) -> None:
    with running.site.connect() as connection:
        connection.send(caller.raw() + b"POST / HTTP")
        assert connection.reply().status == 201
        loop = running.server._connections()[0]._loop

        def pass_time() -> None:
            for second in (0, 1000):
                for protocol in running.server._connections():
                    protocol.check_timeouts(loop.time() + second)

        loop.call_soon_threadsafe(pass_time)
        drain(connection.socket)


def _tls(*, handshake: bool, with_reset: bool) -> End:
    def end(running: Running, caller: Caller) -> None:
        sock = socket.create_connection(address_of(running.site.https), PATIENCE)
        if not handshake:
            sock.sendall(b"\x16\x03\x01\x02\x00\x01")
        else:
            trust = trusting(running.site)
            sock = trust.wrap_socket(sock, server_hostname="localhost")
            sock.sendall(caller.raw())
            assert b" 201 " in sock.recv(4096)
        if with_reset:
            reset(sock)
        sock.close()

    return end


def _proxy(running: Running, caller: Caller) -> None:
    with Connection(address_of(running.site.proxy)) as connection:
        connection.send(request("CONNECT", "api.twilio.com:80", [("Host", "api.twilio.com:80")]))
        connection.socket.recv(4096)
        connection.send(caller.raw())
        connection.socket.recv(4096)


ENDS: dict[str, End] = {
    "close": _ordinary,
    "nothing sent": _http(read=False),
    "nothing sent, reset": _http(read=False, with_reset=True),
    "half-close": _http(b"", finish=True),
    "half a head, half-close": _http(b"POST / HT", finish=True),
    "half a body, reset": _http(
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nx", read=False, with_reset=True
    ),
    "malformed": _http(b"\x00\r\n\r\n"),
    "requests and malformed": _http(b"", b"\x00\r\n\r\n", finish=True),
    "unread responses": _unread,
    "reset by a fault": _faulty("fa11dead"),
    "an upgrade": _websocket(with_reset=False),
    "an upgrade, reset": _websocket(with_reset=True),
    "a stream": _long_poll,
    "timeout": _timeout,
    "half a TLS handshake": _tls(handshake=False, with_reset=False),
    "half a TLS handshake, reset": _tls(handshake=False, with_reset=True),
    "TLS": _tls(handshake=True, with_reset=False),
    "TLS, reset": _tls(handshake=True, with_reset=True),
    "a tunnel": _proxy,
}
TIMES = 20


@pytest.mark.parametrize("kind", ENDS)
def test_ended_connections_leave_nothing(running: Running, kind: str) -> None:
    """Connections, tasks, timers, file descriptors and memory are as before, whatever ended it."""
    caller = Caller(running.site)
    state = running.server.server_state
    for _ in range(2):
        ENDS[kind](running, caller)
    until(running.site, lambda: len(state.connections) <= 1)
    before, open_before = objects(), descriptors()
    for _ in range(TIMES):
        ENDS[kind](running, caller)

    def has_ended() -> bool:
        return len(state.connections) <= 1 and descriptors() <= open_before and not state.tasks

    running.site.get("/livez")  # accepted after all of them
    until(running.site, has_ended)
    until(running.site, lambda: max((objects() - before).values(), default=0) < TIMES // 2)


def test_uvicorns_protocols_are_not_imported() -> None:
    """The connection is this project's own; of uvicorn it uses what is public."""
    script = """
import sys, threading
sys.path.insert(0, "tests")
from support.server import Caller, Running
from emulator.settings import Settings
with Running(Settings(port=0)) as running:
    assert Caller(running.site).send().status == 201
print([name for name in sys.modules if name.startswith("uvicorn.protocols")])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)

    assert (done.stdout, done.returncode) == ("[]\n", 0), done.stderr


def test_unread_client_ends_with_the_server() -> None:
    with Command("--port", "0") as command, socket.socket() as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        sock.connect(command.site().address)
        sock.sendall(request("GET", "/openapi.json") * 60)
        time.sleep(0.3)  # until the emulator waits for this client
        ended = command.end(signal.SIGTERM)

    assert ended == (0, "", "")
