"""Starting, listening, stopping: the real command in a process of its own, and the server's sockets."""

import re
import signal
import socket
from collections.abc import Iterator

import pytest
from support.server import CONTENT, LAST_CHUNK, Caller, Command, Running, Site, chunk, request

from emulator.server.bind import CannotListenError, open_socket, url_of
from emulator.settings import Settings


@pytest.fixture(scope="module")
def command() -> Iterator[tuple[Command, Site]]:
    """One process for all tests that do not stop it."""
    with Command() as command:
        site = command.site()
        assert f"serving on {site.url} (version" in stderr_line(command)
        yield command, site


@pytest.fixture(scope="module")
def running() -> Iterator[Running]:
    """A server in this process, shared."""
    with Running(Settings(port=0)) as running:
        yield running


@pytest.fixture
def caller(running: Running) -> Caller:
    """An account in a call that no other test knows."""
    return Caller(running.site)


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


def stderr_line(command: Command) -> str:
    assert command.process.stderr is not None
    return command.process.stderr.readline()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_ready_line_and_exit_code_0(
    sent: signal.Signals,
) -> None:
    """The ready line is the only output, and a signal ends the command with exit code 0."""
    with Command() as command:
        line = command.ready_line()
        url = line.removeprefix("ready ").removesuffix("\n")
        caller = Caller(Site(url))
        with caller.site.connect() as idle, caller.site.connect() as silent, caller.site.connect() as half_a_head:
            idle.send(caller.raw())
            assert idle.reply().status == 201
            half_a_head.send(b"POST /2010")
            ended = command.end(sent)
            closed = [one.is_closed() for one in (idle, silent, half_a_head)]

    assert line == f"ready {url}\n"
    assert url.startswith("http://127.0.0.1:")
    assert ended == (0, "", "")
    assert closed == [True] * 3


def test_incomplete_request_does_not_block() -> None:
    with Command() as command:
        caller = Caller(command.site())
        with caller.site.connect() as half_a_body:
            half_a_body.send(caller.raw(CONTENT, None, ("Expect", "100-continue")).partition(b"\r\n\r\n")[0])
            half_a_body.send(b"\r\n\r\n")
            assert half_a_body.reply().status == 100
            ended = command.end(signal.SIGTERM)

    assert ended == (0, "", "")


def test_accepted_request_is_answered() -> None:
    with Command() as command:
        caller = Caller(command.site())
        with caller.site.connect() as connection:
            connection.send(caller.raw())
            command.process.send_signal(signal.SIGTERM)
            reply = connection.reply()
            closed = connection.is_closed()
        ended = command.end()

    assert (reply.status, closed, ended) == (201, True, (0, "", ""))


def test_port_in_use_is_one_line_and_exit_2() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with Command("--port", port) as command:
            code, out, err = command.end()

    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert port in err
    assert "in use" in err


def test_refusal_is_one_log_line(command: tuple[Command, Site]) -> None:
    process, site = command
    caller = Caller(site)
    caller.send()
    caller.send("hello")
    first = stderr_line(process)
    caller.ask(path=caller.path + "?a=%0A", headers=[])
    second = stderr_line(process)

    assert all(text in first for text in ("POST", caller.path, "32702", "Invalid Content", "hello"))
    assert all(text in second for text in (caller.path + "?a=%0A", "20003", "No credentials provided"))


def test_malformed_request_is_one_log_line(command: tuple[Command, Site]) -> None:
    process, site = command
    with site.connect() as connection:
        connection.send(b"\x16\x03\x01\r\n\r\n")
        connection.reply()
    line = stderr_line(process)

    assert "20001" in line


@pytest.mark.parametrize(
    ("data", "status", "body"),
    [
        pytest.param(
            b"\x00\r\n\r\n",
            400,
            '{"code": 20001, "message": "Bad request", '
            '"more_info": "https://www.twilio.com/docs/errors/20001", "status": 400}',
            id="no HTTP",
        ),
        pytest.param(
            b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000 + b"\r\n\r\n",
            431,
            '{"message": "Request Header Fields Too Large", "status": 431}',
            id="a head over 64 KiB",
        ),
    ],
)
def test_malformed_request_gets_twilios_form(caller: Caller, data: bytes, status: int, body: str) -> None:
    with caller.site.connect() as connection:
        connection.send(data)
        reply = connection.reply()
        closed = connection.is_closed()

    assert (reply.status, reply.text, closed) == (status, body, True)
    assert reply.header("connection") == "close"
    assert reply.header("access-control-allow-origin") == "*"
    assert reply.header("server") is None


def test_a_head_without_end_is_ended(caller: Caller) -> None:
    with caller.site.connect() as connection, pytest.raises(ConnectionError):
        connection.send(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 10_000_000)

    assert caller.send().status == 201


def test_warning_level_hides_refusals() -> None:
    with Command("--port", "0", "--log-level", "warning") as command:
        caller = Caller(command.site())
        caller.send("hello")
        _, _, err = command.end(signal.SIGTERM)

    assert err == ""


def test_small_responses_are_sent_at_once(running: Running) -> None:
    with running.site.connect() as connection:
        connection.send(request("GET", "/livez"))
        connection.reply()
        own = connection.socket.getsockname()
        (accepted,) = (one for one in running.server._connections() if one._client == own)
        delay = accepted._transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    assert delay == 1


def test_a_reply_is_one_packet(caller: Caller) -> None:
    """Head and body in one segment: a client that reads once has the whole answer."""
    with caller.site.connect() as connection:
        connection.send(caller.raw())
        received = connection.socket.recv(65536)

    assert received.endswith(b'+0000"}')


def test_an_endless_chunked_upload_is_ended(caller: Caller) -> None:
    """More than is read and thrown away: the connection ends, whatever the client sends."""
    endless = request("POST", caller.path, caller.headers(("Transfer-Encoding", "chunked")))
    with caller.site.connect() as connection:
        connection.send(endless)
        with pytest.raises(ConnectionError):
            connection.send(chunk(b"a" * 65536) * 1000)

    assert caller.send().status == 201


def test_the_last_chunk_may_come_alone(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(request("POST", caller.path, caller.headers(("Transfer-Encoding", "chunked"))))
        connection.send(chunk(b"Content=%7B%7D"))
        connection.send(LAST_CHUNK)
        reply = connection.reply()

    assert reply.status == 201


@pytest.mark.parametrize(
    ("host", "url"),
    [
        pytest.param("127.0.0.1", "http://127.0.0.1:{}", id="IPv4"),
        pytest.param("::1", "http://[::1]:{}", id="IPv6"),
        pytest.param("0.0.0.0", "http://127.0.0.1:{}", id="any IPv4"),
    ],
)
def test_shown_address_is_usable(host: str, url: str) -> None:
    if host == "::1" and not has_ipv6():
        pytest.skip("no IPv6 on this machine")
    with open_socket(host, 0) as listener:
        shown = url_of(listener)
        port = listener.getsockname()[1]

    assert shown == url.format(port)


@pytest.mark.parametrize("host", ["no.such.host.invalid", "192.0.2.1"], ids=["an unknown name", "not ours"])
def test_unusable_address_is_named(host: str) -> None:
    with pytest.raises(CannotListenError, match=re.escape(f"cannot listen on {host}")):
        open_socket(host, 0)
