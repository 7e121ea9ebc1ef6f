"""Accepting connections up to a limit, on both event loops."""

import asyncio
import contextlib
import errno
import os
import resource
import signal
import socket
import ssl
import struct
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import uvloop
from support.server import PATIENCE, Command, Connection, Running, address_of, request
from support.tls import trusting

from emulator.engine.capacity import CapacityError, MemoryAccount
from emulator.server.acceptor import CONNECTION_SIZE, TLS_SIZE, Acceptor
from emulator.server.bind import open_socket
from emulator.server.open_files import connections_within
from emulator.settings import Settings

GREETING = b"hello"
_RESET = struct.pack("ii", 1, 0)


class Greeter(asyncio.Protocol):
    """Greets, and records its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        transport.write(GREETING)


Loop = Callable[[], asyncio.AbstractEventLoop]


@pytest.fixture(params=[uvloop.new_event_loop, asyncio.SelectorEventLoop], ids=["uvloop", "asyncio"])
def loop(request: pytest.FixtureRequest) -> Loop:
    return request.param  # type: ignore[no-any-return]


@contextlib.contextmanager
def listeners(count: int) -> Iterator[list[socket.socket]]:
    with contextlib.ExitStack() as sockets:
        yield [sockets.enter_context(open_socket("127.0.0.1", 0)) for _ in range(count)]


class Client:
    """A connection whose greeting can be waited for."""

    def __init__(self, listener: socket.socket) -> None:
        self.socket = socket.create_connection(listener.getsockname(), PATIENCE)
        self.socket.settimeout(0)

    async def is_greeted(self) -> bool:
        async with asyncio.timeout(PATIENCE):
            return await asyncio.get_running_loop().sock_recv(self.socket, 100) == GREETING

    def is_waiting(self) -> bool:
        try:
            self.socket.recv(100)
        except BlockingIOError:
            return True
        return False

    def close(self) -> None:
        self.socket.close()

    def reset(self) -> None:
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.socket.close()


async def passes(count: int = 20) -> None:
    """Let the event loop run."""
    for _ in range(count):
        await asyncio.sleep(0)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110  a socket's end at the other side is no event here
            await asyncio.sleep(0)


def run(loop: Loop, test: Callable[[], Any]) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(test())


@pytest.mark.parametrize("end", [Client.close, Client.reset])
def test_connection_waits_at_the_limit(loop: Loop, end: Callable[[Client], None]) -> None:
    """The limit is of all listeners together."""

    async def test() -> None:
        with listeners(2) as sockets:
            acceptor = Acceptor(2)
            for sock in sockets:
                acceptor.add(sock, Greeter)
            clients = [Client(sockets[number % 2]) for number in range(2)]
            assert [await client.is_greeted() for client in clients] == [True, True]
            late = [Client(sock) for sock in sockets]
            await passes()
            assert (acceptor.open, [client.is_waiting() for client in late]) == (2, [True, True])
            end(clients[0])
            await until(lambda: sum(not client.is_waiting() for client in late) == 1)
            await passes()
            assert acceptor.open == 2
            for client in clients[1:] + late:
                client.close()
            await until(lambda: acceptor.open == 0)
            acceptor.close()

    run(loop, test)


def test_burst_is_accepted_up_to_the_limit(loop: Loop) -> None:
    async def test() -> None:
        with listeners(1) as sockets:
            clients = [Client(sockets[0]) for _ in range(100)]
            acceptor = Acceptor(70)
            acceptor.add(sockets[0], Greeter)
            await until(lambda: acceptor.open == 70)
            await passes()
            assert acceptor.open == 70
            for client in clients:
                client.close()
            await until(lambda: acceptor.open == 0)
            acceptor.close()

    run(loop, test)


@pytest.mark.parametrize("limit", [1, 5])
def test_closed_listeners_keep_connections(loop: Loop, limit: int) -> None:
    """Paused (limit 1) or not."""

    async def test() -> None:
        with listeners(1) as sockets:
            address = sockets[0].getsockname()
            acceptor = Acceptor(limit)
            acceptor.add(sockets[0], Greeter)
            client = Client(sockets[0])
            assert await client.is_greeted()
            acceptor.close()
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection(address, PATIENCE)
            assert acceptor.open == 1
            client.close()
            await until(lambda: acceptor.open == 0)

    run(loop, test)


class Exhausted(socket.socket):
    """A listening socket whose first calls of accept() fail."""

    errors: list[int]

    def accept(self) -> Any:  # noqa: ANN401  the base's type
        if self.errors:
            number = self.errors.pop(0)
            raise OSError(number, os.strerror(number))
        return super().accept()


@pytest.mark.parametrize(
    ("number", "logged"),
    [(errno.EMFILE, ["cannot accept a connection: Too many open files"]), (errno.ECONNABORTED, [])],
)
def test_a_failure_to_accept_is_tried_again(
    loop: Loop, number: int, logged: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        with listeners(1) as sockets, Exhausted(fileno=sockets[0].detach()) as sock:
            sock.errors = [number]
            sock.settimeout(0)
            acceptor = Acceptor(5, retry=0)
            acceptor.add(sock, Greeter)
            client = Client(sock)
            assert await client.is_greeted()
            client.close()
            acceptor.close()

    run(loop, test)

    assert [text for text in caplog.messages if "accept" in text] == logged


def test_close_cancels_an_accept_retry(loop: Loop) -> None:
    """When descriptors are exhausted, closing ends the retries."""

    async def test() -> None:
        with listeners(1) as sockets, Exhausted(fileno=sockets[0].detach()) as sock:
            sock.errors = [errno.ENFILE]
            sock.settimeout(0)
            acceptor = Acceptor(5, retry=0)
            acceptor.add(sock, Greeter)
            client = Client(sock)
            await until(lambda: not sock.errors)
            acceptor.close()
            await passes()
            assert acceptor.open == 0
            client.close()

    run(loop, test)


class Secured(Greeter):
    """Counts as TLS before it greets."""

    acceptor: Acceptor

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        with contextlib.suppress(CapacityError):
            self.acceptor.begin_tls(transport)  # type: ignore[arg-type]
        super().connection_made(transport)


@pytest.mark.parametrize("end", [Client.close, Client.reset])
def test_tls_counts_until_a_connection_ends(loop: Loop, end: Callable[[Client], None]) -> None:
    """Without room for another connection, none is accepted."""

    async def test() -> None:
        memory = MemoryAccount()["connections"]
        memory.max_bytes = 2 * (CONNECTION_SIZE + TLS_SIZE)
        with listeners(1) as sockets:
            acceptor = Acceptor(100, memory)
            secured = type("Protocol", (Secured,), {"acceptor": acceptor})
            acceptor.add(sockets[0], secured)
            clients = [Client(sockets[0]) for _ in range(2)]
            assert [await client.is_greeted() for client in clients] == [True, True]
            assert (memory.entries, memory.bytes) == (2, memory.max_bytes)
            clients.append(Client(sockets[0]))
            await passes()
            assert (acceptor.open, clients[2].is_waiting()) == (2, True)
            end(clients[0])
            assert await clients[2].is_greeted()
            for client in clients[1:]:
                client.close()
            await until(lambda: acceptor.open == 0)
            assert (memory.entries, memory.bytes) == (0, 0)
            acceptor.close()

    run(loop, test)


# --- the server


def test_handshake_without_room_is_refused() -> None:
    with Running(Settings(port=0, tls_port=0)) as running:
        site = running.site
        https, trust = address_of(site.https), trusting(site)

        def connect() -> ssl.SSLSocket:
            return trust.wrap_socket(socket.create_connection(https, PATIENCE), server_hostname="localhost")

        memory = running.server._app.services.engine.memory["connections"]
        memory.max_bytes = 4 * CONNECTION_SIZE + TLS_SIZE
        with connect():
            with pytest.raises((ssl.SSLError, ConnectionError)):
                connect()
            assert site.get("/livez").status == 200


def whole(connection: Connection) -> int:
    connection.send(request("GET", "/livez"))
    return connection.reply("GET").status


def test_the_limit_is_of_all_ports_together() -> None:
    with Running(Settings(port=0, tls_port=0, proxy_port=0, connections_limit=4)) as running:
        site = running.site
        ready = site.get("/readyz").json()
        https, proxy = address_of(ready["addresses"][1]), address_of(ready["proxy"])
        with contextlib.ExitStack() as stack:
            kept = [stack.enter_context(site.connect()) for _ in range(2)]
            assert [whole(one) for one in kept] == [200, 200]
            unsecured = stack.enter_context(Connection(https))
            unsecured.send(b"GET / HTTP/1.1\r\n\r\n")  # is answered and closed: this port wants TLS
            assert unsecured.reply("GET").status == 400
            stack.enter_context(Connection(proxy))  # 3
            silent = stack.enter_context(Connection(proxy))  # 4
            silent.send(b"GET http://localhost/ HTTP/1.1\r\n\r\n")
            assert silent.reply("GET").status == 501  # the proxy lets it read that, and waits for its end
            late = stack.enter_context(site.connect())
            late.send(request("GET", "/readyz"))
            late.socket.settimeout(0)
            with pytest.raises(BlockingIOError):
                late.socket.recv(1)
            late.socket.settimeout(PATIENCE)
            kept[0].socket.close()
            kept[0]._source.close()
            ready = late.reply("GET").json()

    assert ready["connections_limit"] == 4
    assert 2 <= ready["connections"] <= 4


def test_command_stops_at_the_limit() -> None:
    with Command("--port", "0", "--connections-limit", "1") as command:
        site = command.site()
        with site.connect() as first, site.connect() as waiting:
            assert whole(first) == 200
            waiting.send(request("GET", "/livez"))
            ended = command.end(signal.SIGTERM)

    assert ended == (0, "", "")


@pytest.mark.parametrize(
    ("files", "wanted", "expected"),
    [
        (None, 20_000, 20_000),
        (1 << 20, 20_000, 20_000),
        (4096, 20_000, 3096),
        (256, 20_000, 128),
        (1, 20_000, 1),
        (4096, 5, 5),
    ],
)
def test_limit_leaves_spare_descriptors(files: int | None, wanted: int, expected: int) -> None:
    assert connections_within(files, wanted) == expected


def test_lower_system_limit_is_logged() -> None:
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    wanted = min(files, 1_000_000)
    with Command("--port", "0", "--connections-limit", str(wanted)) as command:
        limit = command.site().get("/readyz").json()["connections_limit"]
        command.end(signal.SIGTERM)

    assert limit < wanted
    assert f"connections_limit is {limit}: RLIMIT_NOFILE is {files}" in command.stderr
