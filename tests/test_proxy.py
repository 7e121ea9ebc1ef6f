"""The proxy over real sockets: what it joins, what it lets pass, what it refuses, and when it gives up."""

import asyncio
import contextlib
import signal
import socket
import ssl
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import pytest
import uvloop
from support.proxy import CONNECT, ESTABLISHED, through
from support.server import PATIENCE, Caller, Command, Connection, Running, Site, address_of, request
from support.tls import trusting

from emulator.adapters.tls import Tls
from emulator.server.proxy import policy
from emulator.server.proxy.policy import HeadReader, RefusedError, is_local, is_near, read_authority
from emulator.server.proxy.server import Proxy, ProxyTimeouts
from emulator.server.proxy.tunnel import IdleTimeouts
from emulator.server.tls_accept import TlsAcceptor
from emulator.settings import Settings


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """An emulator with a proxy and without https."""
    with Running(Settings(port=0, proxy_port=0)) as running:
        yield running.site


@pytest.fixture
def caller(site: Site) -> Caller:
    return Caller(site)


def say(proxy: str, data: bytes) -> tuple[bytes, bytes]:
    """Send this; the status line and the body of what comes back until the proxy closes."""
    with Connection(address_of(proxy)) as connection:
        connection.send(data)
        reply = connection._source.read()
    return reply.partition(b"\r\n")[0], reply.partition(b"\r\n\r\n")[2]


# --- Twilio's names


@pytest.mark.parametrize("name", ["api.twilio.com", "api.sydney.us1.twilio.com", "twilio.com", "API.TWILIO.COM"])
def test_connection_to_twilio_is_served_here(caller: Caller, name: str) -> None:
    with through(caller.site.proxy, trusting(caller.site), name) as connection:
        for _ in range(2):
            connection.send(caller.raw())
            assert connection.reply().status == 201

    assert len(caller.messages()) == 2


def test_200_connections_at_once_are_served(caller: Caller) -> None:
    proxy, trust = caller.site.proxy, trusting(caller.site)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(through(proxy, trust)) for _ in range(200)]
        for connection in connections:
            connection.send(caller.raw())
        statuses = [connection.reply().status for connection in connections]

    assert statuses == [201] * 200


def test_handshake_may_follow_immediately(caller: Caller) -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = trusting(caller.site).wrap_bio(incoming, outgoing, server_hostname="api.twilio.com")
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    with socket.create_connection(address_of(caller.site.proxy), PATIENCE) as connection:
        connection.sendall(CONNECT + outgoing.read())
        assert connection.recv(len(ESTABLISHED), socket.MSG_WAITALL) == ESTABLISHED
        while True:
            incoming.write(connection.recv(1 << 16))
            with contextlib.suppress(ssl.SSLWantReadError):
                tls.do_handshake()
                break

    assert tls.version() == "TLSv1.3"


def test_request_may_come_byte_by_byte(site: Site) -> None:
    with Connection(address_of(site.proxy)) as connection:
        for byte in CONNECT:
            connection.send(bytes([byte]))

        assert connection.socket.recv(len(ESTABLISHED), socket.MSG_WAITALL) == ESTABLISHED


def test_plain_http_to_twilio_is_served_once(caller: Caller) -> None:
    absolute = caller.raw().replace(b"POST /", b"POST http://api.twilio.com/", 1)
    with Connection(address_of(caller.site.proxy)) as connection:
        connection.send(absolute.replace(b"\r\n", b"\r\nProxy-Connection: keep-alive\r\n", 1))
        reply = connection.reply()
        closed = connection.is_closed()

    assert (reply.status, reply.header("connection"), closed) == (201, "close", True)
    assert len(caller.messages()) == 1


# --- what passes


@contextlib.contextmanager
def echo(host: str = "127.0.0.1") -> Iterator[tuple[str, int]]:
    """Sends back what comes until its client has said all, and then a last word."""
    server = socket.create_server((host, 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = server.accept()
                with connection:
                    while data := connection.recv(1 << 16):
                        connection.sendall(data)
                    connection.sendall(b"bye")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield server.getsockname()[:2]
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(PATIENCE)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_tunnel_passes_half_closes(site: Site, host: str) -> None:
    with echo() as (_, port), Connection(address_of(site.proxy)) as connection:
        connection.send(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode() + b"early")
        first = connection._source.read(len(ESTABLISHED) + 5)
        connection.send(b"later")
        second = connection._source.read(5)
        connection.finish()
        rest = connection._source.read()

    assert (first, second, rest) == (ESTABLISHED + b"early", b"later", b"bye")


def test_tunnel_carries_large_data(site: Site) -> None:
    data = bytes(range(256)) * (1 << 16)
    with echo() as (host, port), Connection(address_of(site.proxy)) as connection:
        connection.send(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
        assert connection._source.read(len(ESTABLISHED)) == ESTABLISHED
        sending = threading.Thread(target=lambda: (connection.send(data), connection.finish()))
        sending.start()
        received = connection._source.read()
        sending.join(PATIENCE)

    assert received == data + b"bye"


@pytest.mark.parametrize(
    ("address", "near"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("10.0.0.1", True),
        ("172.16.0.1", True),
        ("172.32.0.1", False),
        ("192.168.1.1", True),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("8.8.8.8", False),
        ("::1", True),
        ("fd00::1", True),
        ("fe80::1%eth0", False),
        ("fd00:ec2::254", False),
        ("::ffff:169.254.169.254", False),
        ("::ffff:127.0.0.1", True),
        ("::ffff:8.8.8.8", False),
        ("2001:4860:4860::8888", False),
    ],
)
def test_near_is_local_or_private(address: str, near: bool) -> None:  # noqa: FBT001  a table
    assert is_near(address) is near


@pytest.mark.parametrize(
    ("address", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.9.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("10.0.0.1", False),
        ("::ffff:10.0.0.1", False),
        ("fe80::1%eth0", False),
    ],
)
def test_local_is_this_machine_alone(address: str, local: bool) -> None:  # noqa: FBT001  a table
    assert is_local(address) is local


# --- what does not


@pytest.mark.parametrize(
    ("data", "status", "text"),
    [
        pytest.param("CONNECT 8.8.8.8:443 HTTP/1.1", 403, "proxy_passthrough", id="elsewhere"),
        pytest.param("CONNECT api.twilio.com.evil.example:443 HTTP/1.1", 403, "evil.example", id="look-alike"),
        pytest.param("CONNECT eviltwilio.com:443 HTTP/1.1", 403, "eviltwilio.com", id="look-alike without a dot"),
        pytest.param("CONNECT 169.254.169.254:80 HTTP/1.1", 403, "169.254.169.254", id="a cloud's secrets"),
        pytest.param("CONNECT [2001:db8::1]:443 HTTP/1.1", 403, "2001:db8::1", id="IPv6"),
        pytest.param("CONNECT api.twilio.com:8443 HTTP/1.1", 403, "port 443 only", id="Twilio's other ports"),
        pytest.param("CONNECT 127.0.0.1:1 HTTP/1.1", 502, "Connection refused", id="nobody there"),
        pytest.param("CONNECT api.twilio.com HTTP/1.1", 400, "host:port", id="no port"),
        pytest.param("CONNECT api.twilio.com:0 HTTP/1.1", 400, "host:port", id="port 0"),
        pytest.param("CONNECT api.twilio.com:99999 HTTP/1.1", 400, "host:port", id="no such port"),
        pytest.param("CONNECT a@api.twilio.com:443 HTTP/1.1", 400, "host:port", id="a user"),
        pytest.param("CONNECT https://api.twilio.com:443 HTTP/1.1", 400, "host:port", id="a url"),
        pytest.param(
            "GET http://example.com/ HTTP/1.1",
            501,
            "add example.com to NO_PROXY, or unset HTTP_PROXY",
            id="plain http elsewhere",
        ),
        pytest.param("GET http://api.twilio.com:8080/ HTTP/1.1", 501, "Twilio only", id="plain http, other port"),
        pytest.param("GET / HTTP/1.1", 400, "not the emulator", id="taken for the emulator"),
        pytest.param("GET ftp://api.twilio.com/ HTTP/1.1", 400, "not the emulator", id="another scheme"),
        pytest.param("hello", 400, "not an HTTP request", id="garbage"),
        pytest.param("CONNECT api.twilio.com:443 HTTP/2.0", 400, "not an HTTP request", id="another version"),
        pytest.param("CONNECT api.twilio.com:443 HTTP/1.1\r\nbad header", 400, "malformed header", id="bad header"),
        pytest.param("CONNECT api.twilio.com:443 HTTP/1.1\n", 400, "not an HTTP request", id="bare line ends"),
        pytest.param("\x16\x03\x01\x02", 400, "uses plain HTTP", id="TLS"),
        pytest.param("GET /" + "a" * 20_000, 431, "16 KiB", id="a head without end"),
    ],
)
def test_refusal_is_one_clear_line(site: Site, data: str, status: int, text: str) -> None:
    first, body = say(site.proxy, data.encode() + b"\r\n\r\n")

    assert first.startswith(b"HTTP/1.1 %d " % status)
    assert text in body.decode()
    assert first.partition(b" %d " % status)[2] + b"\n" == body
    assert body.count(b"\n") == 1


def test_bad_request_line_is_rejected_early(site: Site) -> None:
    first, _ = say(site.proxy, b"hello\r\n")

    assert first.startswith(b"HTTP/1.1 400 ")


# --- by hand: time, names and numbers passed in


class World:
    """A proxy in a loop of its own, whose Twilio is an echo of our own."""

    def __init__(self, proxy: Proxy, server: asyncio.Server) -> None:
        self.proxy = proxy
        self.address = server.sockets[0].getsockname()

    async def connect(self, sent: bytes = b"") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection(*self.address)
        writer.write(sent)
        return reader, writer

    async def left(self, most: int = 0) -> None:
        """Return once there are not more connections than that."""
        while len(self.proxy._open) > most:  # noqa: ASYNC110  the proxy has no event for it
            await asyncio.sleep(0)

    async def say(self, sent: bytes) -> bytes:
        reader, writer = await self.connect(sent)
        answer = await reader.read()
        writer.close()
        return answer


def names(**known: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(host: str, _port: int) -> Sequence[str]:
        return [known[host.replace(".", "_")]] if host.replace(".", "_") in known else []

    return resolve


@contextlib.asynccontextmanager
async def world(limits: ProxyTimeouts | None = None, **options: Any) -> AsyncIterator[World]:  # noqa: ANN401  Proxy's
    joining = TlsAcceptor(asyncio.Protocol, set(), Tls([], None, lambda: 1_800_000_000).context, handshake=0.05)
    proxy = Proxy(joining, limits=limits, **options)
    server = await asyncio.get_running_loop().create_server(proxy.listener, "127.0.0.1", 0)
    try:
        async with asyncio.timeout(PATIENCE):
            yield World(proxy, server)
    finally:
        server.close()
        joining.stop()
        proxy.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)


Play = Callable[[Callable[[], Awaitable[None]]], None]


@pytest.fixture(params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Play:
    """Runs it on one of the event loops."""

    def run(scene: Callable[[], Awaitable[None]]) -> None:
        async def act() -> None:
            await scene()

        with asyncio.Runner(loop_factory=request.param) as runner:
            runner.run(act())

    return run


@pytest.mark.parametrize(
    "sent", [b"", b"CONNECT api.twil", CONNECT[:-2], CONNECT], ids=["nothing", "less", "almost", "no TLS"]
)
def test_silent_client_is_closed(play: Play, sent: bytes) -> None:
    async def scene() -> None:
        async with world(ProxyTimeouts(head=0.05)) as there:
            reader, writer = await there.connect(sent)
            try:
                said = await reader.read()
            except ConnectionResetError:
                said = b""
            assert said in (b"", ESTABLISHED)
            writer.close()
            await there.left()

    play(scene)


def test_idle_tunnel_is_closed(play: Play) -> None:
    patience = IdleTimeouts(open=0.1, half_closed=0.05)

    async def scene() -> None:
        with echo() as (host, port):
            async with world(ProxyTimeouts(tunnel=patience)) as there:
                for half in (False, True):
                    reader, writer = await there.connect(f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode())
                    assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED
                    if half:
                        writer.write_eof()
                    with contextlib.suppress(ConnectionResetError):
                        await reader.read()
                    writer.close()
                await there.left()

    play(scene)


def test_too_many_connections_get_503(play: Play) -> None:
    async def scene() -> None:
        async with world(ProxyTimeouts(connections=2)) as there:
            waiting = [await there.connect(b"CONNECT") for _ in range(2)]
            refused = await there.say(b"")
            waiting[0][1].close()
            await there.left(1)
            served = await there.say(b"GET / HTTP/1.1\r\n\r\n")
            waiting[1][1].close()
        assert refused.startswith(b"HTTP/1.1 503 the proxy has 2 connections already\r\n")
        assert served.startswith(b"HTTP/1.1 400 ")

    play(scene)


def test_name_is_resolved_once_and_checked(play: Play) -> None:
    async def scene() -> None:
        with echo() as (_, port):
            async with world(resolve=names(near_test="127.0.0.1", far_test="192.0.2.1")) as there:
                reader, writer = await there.connect(f"CONNECT near.test:{port} HTTP/1.1\r\n\r\nhi".encode())
                assert await reader.readexactly(len(ESTABLISHED) + 2) == ESTABLISHED + b"hi"
                writer.close()
                for host in ("far.test", "unknown.test"):
                    refused = await there.say(f"CONNECT {host}:443 HTTP/1.1\r\n\r\n".encode())
                    assert refused.startswith(b"HTTP/1.1 403 ")

    play(scene)


def test_slow_lookup_times_out(play: Play) -> None:
    async def forever(_host: str, _port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    async def scene() -> None:
        async with world(ProxyTimeouts(connect=0.05), resolve=forever) as there:
            assert (await there.say(b"CONNECT slow.test:443 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 504 ")

    play(scene)


def test_head_timeout_ends_with_the_head(play: Play) -> None:
    async def slow(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(0.2)
        return []

    async def scene() -> None:
        async with world(ProxyTimeouts(head=0.05), resolve=slow) as there:
            assert (await there.say(b"CONNECT slow.test:443 HTTP/1.1\r\n\r\n")).startswith(b"HTTP/1.1 403 ")

    play(scene)


def test_lookup_and_connect_share_a_timeout(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    async def slow(_host: str, _port: int) -> Sequence[str]:
        await asyncio.sleep(0.06)
        return ["127.0.0.1", "127.0.0.1"]

    async def connect(*_: object) -> None:
        await asyncio.sleep(0.06)
        raise OSError("refused")

    async def scene() -> None:
        async with world(ProxyTimeouts(connect=0.1), resolve=slow) as there:
            monkeypatch.setattr(Proxy, "_connect", connect)
            assert (await there.say(b"CONNECT slow.test:443 HTTP/1.1\r\n\r\n")).startswith(
                b"HTTP/1.1 504 slow.test port 443 does not answer the proxy\r\n"
            )

    play(scene)


@pytest.mark.parametrize("passthrough", [False, True])
def test_remote_clients_reach_twilio_only(
    play: Play,
    monkeypatch: pytest.MonkeyPatch,
    passthrough: bool,  # noqa: FBT001  a table
) -> None:
    monkeypatch.setattr(policy, "is_local", lambda _address: False)

    async def scene() -> None:
        with echo() as (_, port):
            async with world(passthrough=passthrough, resolve=names(any_test="127.0.0.1")) as there:
                for host in (f"127.0.0.1:{port}", f"any.test:{port}", "10.0.0.1:1", "8.8.8.8:443"):
                    refused = await there.say(f"CONNECT {host} HTTP/1.1\r\n\r\n".encode())
                    assert refused.startswith(
                        b"HTTP/1.1 403 the proxy connects programs on other machines to Twilio only"
                    )
                reader, writer = await there.connect(CONNECT)
                assert await reader.readexactly(len(ESTABLISHED)) == ESTABLISHED
                writer.close()

    play(scene)


@pytest.mark.parametrize("address", ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1%eth0", "fd00:ec2::254"])
def test_link_local_is_always_rejected(play: Play, address: str) -> None:
    async def scene() -> None:
        async with world(passthrough=True, resolve=names(cloud_test=address)) as there:
            refused = await there.say(b"CONNECT cloud.test:80 HTTP/1.1\r\n\r\n")
            assert refused.startswith(b"HTTP/1.1 403 the proxy never connects to link-local addresses: cloud.test\r\n")

    play(scene)


def test_disconnect_during_connect(play: Play) -> None:
    looking = asyncio.Event()

    async def forever(_host: str, _port: int) -> Sequence[str]:
        looking.set()
        await asyncio.Event().wait()
        return []

    async def scene() -> None:
        async with world(resolve=forever) as there:
            _, writer = await there.connect(b"CONNECT slow.test:443 HTTP/1.1\r\n\r\n")
            await looking.wait()
            there.proxy.stop()
            await there.left()
            writer.close()

    play(scene)


def test_passthrough_never_reaches_twilio(play: Play) -> None:
    async def scene() -> None:
        with echo() as (_, port):
            async with world(passthrough=True, resolve=names(any_test="127.0.0.1")) as there:
                reader, writer = await there.connect(f"CONNECT any.test:{port} HTTP/1.1\r\n\r\nhi".encode())
                assert await reader.readexactly(len(ESTABLISHED) + 2) == ESTABLISHED + b"hi"
                writer.close()
                for host, status in (("api.twilio.com:80", 403), ("twilio.com.:8443", 403), ("unknown.test:1", 502)):
                    refused = await there.say(f"CONNECT {host} HTTP/1.1\r\n\r\n".encode())
                    assert refused.startswith(b"HTTP/1.1 %d " % status)

    play(scene)


# --- the rest


def test_server_stops_in_time() -> None:
    with Command("--port", "0", "--proxy-port", "0") as command, echo() as (host, port):
        site = Site(command.ready_line().split()[1])
        tunnel = f"CONNECT {host}:{port} HTTP/1.1\r\n\r\n".encode()
        beginnings = [b"", b"CONNECT", CONNECT, tunnel]
        with contextlib.ExitStack() as stack:
            clients = [stack.enter_context(Connection(address_of(site.proxy))) for _ in beginnings]
            idle = stack.enter_context(through(site.proxy, trusting(site)))
            idle.send(request("GET", "/livez"))
            idle.reply()
            for client, beginning in zip(clients, beginnings, strict=True):
                client.send(beginning)
                if beginning in (CONNECT, tunnel):
                    assert client._source.read(len(ESTABLISHED)) == ESTABLISHED
            code, out, err = command.end(signal.SIGTERM)

    assert (code, out, err) == (0, "", "")


def test_proxied_request_before_stop_is_done() -> None:
    with Command("--port", "0", "--proxy-port", "0") as command:
        caller = Caller(Site(command.ready_line().split()[1]))
        with through(caller.site.proxy, trusting(caller.site)) as connection:
            connection.send(caller.raw())
            command.process.send_signal(signal.SIGTERM)
            reply = connection.reply()
        ended = command.end()

    assert (reply.status, ended) == (201, (0, "", ""))


def test_documented_limits() -> None:
    limits = ProxyTimeouts()

    assert (limits.connections, limits.head, limits.tunnel.open) == (500, 10.0, 600.0)
    assert replace(limits, head=1.0).head == 1.0


@pytest.mark.parametrize("data", [b"\r\n" + CONNECT, CONNECT.replace(b"1.1", b"1.0")])
def test_what_rfc_9112_allows_is_read(data: bytes) -> None:
    found = HeadReader().receive(data)

    assert found is not None
    assert read_authority(found[0].target) == ("api.twilio.com", 443)


def test_a_head_is_read_however_it_is_cut() -> None:
    data = b"\r\nGET http://x/ HTTP/1.1\r\nA: \t b \r\nC:\r\n\r\nrest"
    expected = ("GET", "http://x/", [(b"A", b"b "), (b"C", b"")])
    for size in (1, 3, len(data)):
        reader = HeadReader()
        found = [reader.receive(data[at : at + size]) for at in range(0, max(1, len(data) - 4), size)]
        assert [head[0] for head in found if head is not None] == [expected]


def test_a_head_is_read_in_linear_time() -> None:
    """Byte by byte, a head as large as allowed; and spaces before what is no value."""
    reader = HeadReader()
    data = b"GET http://x/ HTTP/1.1\r\n" + b"A: b\r\n" * 2600
    start = time.process_time()
    for at in range(len(data)):
        reader.receive(data[at : at + 1])
    with pytest.raises(RefusedError, match="malformed header"):
        reader.receive(b"A:" + b" " * 500 + b"\x00\r\n")

    assert time.process_time() - start < 1


def test_stray_line_ends_have_a_bound() -> None:
    reader = HeadReader()
    for _ in range(16):
        assert reader.receive(b"\r\n" * 512) is None
    with pytest.raises(RefusedError, match="16 KiB"):
        reader.receive(b"\r\n")


def test_head_is_limited_even_at_once() -> None:
    with pytest.raises(RefusedError, match="16 KiB"):
        HeadReader().receive(b"CONNECT a:1 HTTP/1.1\r\nX: " + b"a" * 20_000 + b"\r\n\r\n")
