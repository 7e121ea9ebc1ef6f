"""HTTPS: the real names, over real sockets, with verification on."""

import contextlib
import io
import json
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.server import PATIENCE, Caller, Command, Connection, Running, Site, address_of, request
from support.tls import secure, trusting

from emulator.adapters import tls
from emulator.adapters.certificates import CertificatesError
from emulator.cli import run
from emulator.settings import Settings


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Running(Settings(port=0, tls_port=0, tls_names=frozenset({"emulator.test", "emulator"}))) as running:
        yield running.site


@pytest.fixture(scope="module")
def plain() -> Iterator[Site]:
    """One without https."""
    with Running(Settings(port=0)) as running:
        yield running.site


@pytest.fixture
def caller(site: Site) -> Caller:
    return Caller(site)


@pytest.mark.parametrize(
    "name",
    [
        "api.twilio.com",
        "twilio.com",
        "api.sydney.us1.twilio.com",
        "api.local.twilio.com",
        "API.Twilio.Com",
        "localhost",
        "127.0.0.1",
        "::1",
        "emulator",
        "emulator.test",
        "deep.emulator.test",
    ],
)
def test_trusted_ca_serves_all_names(caller: Caller, name: str) -> None:
    with secure(caller.site, name) as connection:
        connection.send(caller.raw())
        reply = connection.reply()

    assert reply.status == 201
    assert [message["sid"] for message in caller.messages()] == [reply.json()["sid"]]


def test_client_without_sni_is_served(caller: Caller) -> None:
    with secure(caller.site, None) as connection:
        connection.send(caller.raw())

        assert connection.reply().status == 201


@pytest.mark.parametrize("name", ["example.com", "api.twilio.com.evil.example", "eviltwilio.com"])
def test_other_name_does_not_verify(site: Site, name: str) -> None:
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        secure(site, name)


def test_untrusted_ca_does_not_verify(site: Site) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        secure(site, "api.twilio.com", ssl.create_default_context())


def test_paths_of_twilio_hosts_are_twilios(site: Site) -> None:
    with secure(site, "api.twilio.com") as connection:
        connection.send(b"GET /livez HTTP/1.1\r\nHost: api.twilio.com\r\n\r\n")
        twilios = connection.reply()
    with secure(site, "localhost") as connection:
        connection.send(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n")
        ours = connection.reply()

    assert (twilios.status, ours.status) == (401, 200)


def test_request_may_come_with_the_handshake(caller: Caller) -> None:
    context = trusting(caller.site)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname="api.twilio.com")

    def turn(act: Callable[[], object]) -> object:
        """Do it, and give the server's bytes to it until it is done."""
        while True:
            try:
                return act()
            except ssl.SSLWantReadError:
                connection.sendall(outgoing.read())
                incoming.write(connection.recv(1 << 16))

    with socket.create_connection(address_of(caller.site.https), PATIENCE) as connection:
        turn(tls.do_handshake)
        tls.write(caller.raw())
        connection.sendall(outgoing.read())  # the client's Finished and its first request are one piece
        first = turn(lambda: tls.read(1 << 16))
        tls.write(caller.raw())
        connection.sendall(outgoing.read())
        second = turn(lambda: tls.read(1 << 16))

    assert [bytes(reply)[:12] for reply in (first, second)] == [b"HTTP/1.1 201"] * 2  # type: ignore[call-overload]


def test_plain_http_on_the_https_port(site: Site) -> None:
    """The response says that the port expects TLS."""
    with Connection(address_of(site.https)) as connection:
        connection.send(b"GET / HTTP/1.1\r\n\r\n")
        reply = connection.reply()
        closed = connection.is_closed()

    assert (reply.status, reply.text, closed) == (400, "this port speaks TLS: write https:// in its address\n", True)


def test_invalid_handshake_is_closed(caller: Caller) -> None:
    with Connection(address_of(caller.site.https)) as connection:
        connection.send(b"\x16" + b"garbage" * 10)
        with contextlib.suppress(ConnectionResetError):
            assert not connection.socket.recv(1 << 16).startswith(b"HTTP")
    with secure(caller.site, "api.twilio.com") as connection:
        connection.send(caller.raw())

        assert connection.reply().status == 201


def test_malformed_request_gets_twilios_form(site: Site) -> None:
    with secure(site, "api.twilio.com") as connection:
        connection.send(b"\x00\r\n\r\n")

        assert (connection.reply().json()["code"], connection.is_closed()) == (20001, True)


def test_journal_has_the_peer(caller: Caller) -> None:
    with secure(caller.site, "api.twilio.com") as connection:
        here = connection.socket.getsockname()
        connection.send(caller.raw())
        sid = connection.reply().json()["sid"]
    (kept,) = caller.requests()

    whole = caller.site.get(f"/_emulator/requests/{kept['request_id']}").json()
    assert kept["message_sid"] == sid
    assert f"{here[0]}:{here[1]}" in json.dumps(whole)


@pytest.mark.parametrize(
    ("name", "pinned"),
    [("api.twilio.com", True), ("api.sydney.us1.twilio.com:443", True), ("localhost", False), ("127.0.0.1", False)],
)
def test_no_hsts_header(caller: Caller, name: str, *, pinned: bool) -> None:
    """A browser must not remember this host as HTTPS-only."""
    with secure(caller.site, "localhost") as connection:
        connection.send(caller.raw().replace(b"Host: 127.0.0.1", f"Host: {name}".encode()))
        reply = connection.reply()
    (kept,) = caller.requests()
    shown = caller.site.get(f"/_emulator/requests/{kept['request_id']}").text

    assert (reply.header("strict-transport-security") == "max-age=31536000") is pinned
    assert ("strict-transport-security" in shown) is pinned


def test_no_hsts_for_malformed_requests(site: Site) -> None:
    """A browser must not remember this host as HTTPS-only."""
    with secure(site, "localhost") as connection:
        connection.send(b"\x00\r\n\r\n")

        assert connection.reply().header("strict-transport-security") is None


# --- the authority's certificate


def test_certificate_is_served_without_key(site: Site) -> None:
    reply = site.get("/_emulator/ca.pem")

    assert (reply.status, reply.header("content-type")) == (200, "application/x-pem-file")
    assert reply.text.startswith("-----BEGIN CERTIFICATE-----\n")
    assert reply.text.count("-----BEGIN") == 1


def test_no_certificate_without_tls(plain: Site) -> None:
    reply = plain.get("/_emulator/ca.pem")
    ready = plain.get("/readyz").json()

    assert reply.status == 404
    assert "--tls-port" in reply.json()["error"]
    assert (ready["addresses"], ready["proxy"]) == ([plain.url], None)


def ca(*arguments: str, **environ: str) -> tuple[int, str]:
    out = io.StringIO()
    return run(["ca", *arguments], environ, out), out.getvalue()


def test_ca_command_reads_both_sources(site: Site, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text(pem := site.get("/_emulator/ca.pem").text)

    for told in (
        ca("--url", site.url),
        ca(EMULATOR_URL=site.url),
        ca("--tls-dir", str(tmp_path)),
        ca(EMULATOR_TLS_DIR=str(tmp_path)),
        ca("--url", site.url, EMULATOR_TLS_DIR="/nowhere"),
    ):
        assert told == (0, pem)


def test_ca_command_sends_the_control_token() -> None:
    with Running(Settings(port=0, tls_port=0, control_token="secret")) as running:
        without, told = ca("--url", running.site.url), ca("--url", running.site.url, EMULATOR_CONTROL_TOKEN="secret")

    assert without == (2, "")
    assert told[0] == 0


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["--url", "http://127.0.0.1:1"], "cannot reach an emulator at http://127.0.0.1:1", id="no server"),
        pytest.param(["--url", "https://127.0.0.1:1"], "expected its HTTP URL", id="https"),
        pytest.param(["--url", "http://[::1"], "expected a URL like", id="no url"),
        pytest.param(["--tls-dir", "/nowhere"], "/nowhere/ca.pem does not exist", id="no directory"),
        pytest.param(["--tls-dir", "{folder}"], "is not a single certificate", id="a key"),
    ],
)
def test_ca_command_errors_have_a_fix(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: list[str], line: str
) -> None:
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n")
    told = ca(*[argument.replace("{folder}", str(tmp_path)) for argument in arguments])
    (said,) = capsys.readouterr().err.splitlines()

    assert told == (2, "")
    assert line in said


def test_ca_command_without_tls(capsys: pytest.CaptureFixture[str], plain: Site) -> None:
    """The error names the missing options."""
    assert ca("--url", plain.url) == (2, "")
    assert "neither --tls-port nor --proxy-port is set" in capsys.readouterr().err


# --- the command


def test_ready_line_has_all_urls(tmp_path: Path) -> None:
    flags = ("--port", "0", "--tls-port", "0", "--proxy-port", "0", "--tls-dir", str(tmp_path / "tls"))
    pems = []
    for _ in range(2):
        with Command(*flags) as command:
            words = command.ready_line().split()
            site = Site(words[1])
            ready = site.get("/readyz").json()
            pems.append(site.get("/_emulator/ca.pem").text)
            idle = secure(site, "localhost")
            idle.send(request("GET", "/livez"))
            idle.reply()
            ended = command.end(signal.SIGTERM)
            idle.socket.close()

        assert words == ["ready", *ready["addresses"], "proxy", ready["proxy"]]
        assert [word.partition("://")[0] for word in words] == ["ready", "http", "https", "proxy", "http"]
        assert ended == (0, "", "")
    assert pems[0] == pems[1]


@pytest.mark.parametrize("flag", ["--tls-port", "--proxy-port"])
def test_port_in_use_writes_nothing(tmp_path: Path, flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        with Command("--port", "0", flag, port, "--tls-dir", str(tmp_path / "tls")) as command:
            code, out, err = command.end()

    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert f"port {port}" in err
    assert f"{flag} 0 selects a free port" in err
    assert not (tmp_path / "tls").exists()


def test_foreign_directory_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "ca-key.pem").write_text("garbage")
    with Command("--port", "0", "--tls-port", "0", "--tls-dir", str(tmp_path)) as command:
        code, out, err = command.end()

    assert (code, out, len(err.splitlines())) == (2, "", 1)
    assert str(tmp_path / "ca-key.pem") in err


WITHOUT = """
import sys
sys.modules["cryptography"] = None
from emulator.cli import main
main()
"""


def test_missing_extra_is_one_line() -> None:
    command = [sys.executable, "-c", WITHOUT, "--port", "0", "--tls-port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)

    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert done.stderr.endswith(": pip install cryptography\n")


def test_no_tls_import_without_tls() -> None:
    script = (
        "import sys, emulator.cli, emulator.server.server; print([name for name in sys.modules if 'crypto' in name])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n"


def test_endless_handshake_does_not_block() -> None:
    with (
        Command("--port", "0", "--tls-port", "0", "--proxy-port", "0") as command,
        Connection(address_of(command.ready_line().split()[2])) as silent,
    ):
        ended = command.end(signal.SIGTERM)

        assert silent.is_closed()
    assert ended == (0, "", "")


def test_unloadable_certificate_is_an_alert(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    with Running(Settings(port=0, tls_port=0)) as running:
        context = trusting(running.site)

        @contextlib.contextmanager
        def nowhere(_data: bytes) -> Iterator[Path]:
            raise CertificatesError("no place")
            yield Path()

        monkeypatch.setattr(tls, "readable_file", nowhere)
        with pytest.raises(OSError, match=r"reset|EOF|internal error"):
            secure(running.site, "api.sydney.us1.twilio.com", context)
        monkeypatch.undo()
        with secure(running.site, "api.sydney.us1.twilio.com", context) as connection:
            connection.send(request("GET", "/livez", [("Host", "localhost")]))
            status = connection.reply("GET").status

    assert status == 200
    assert "TLS handshake failed: no place" in caplog.messages


def hello(name: bytes) -> bytes:
    """The first record of a client that asks for this name."""
    names = b"\0" + len(name).to_bytes(2) + name
    extension = (len(names) + 2).to_bytes(2) + len(names).to_bytes(2) + names
    extensions = b"\0\0" + extension + b"\x00\x0a\x00\x04\x00\x02\x00\x17" + b"\x00\x0d\x00\x04\x00\x02\x04\x03"
    message = b"\x03\x03" + bytes(33) + b"\x00\x02\xc0\x2b" + b"\x01\x00" + len(extensions).to_bytes(2) + extensions
    message = b"\x01" + len(message).to_bytes(3) + message
    return b"\x16\x03\x01" + len(message).to_bytes(2) + message


ALERT_UNRECOGNIZED_NAME = b"\x15\x03\x03\x00\x02\x02\x70"


@pytest.mark.parametrize("name", [b"\xff\xfe.twilio.com", b"a" * 256 + b".twilio.com", b"a\0b.twilio.com", b"a b"])
@pytest.mark.parametrize("way", ["https", "proxy"])
@pytest.mark.parametrize("pieces", [1, 3])
def test_invalid_server_name_is_an_alert(name: bytes, way: str, pieces: int, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "emulator.server")
    with Running(Settings(port=0, tls_port=0, proxy_port=0)) as running:
        with Connection(address_of(getattr(running.site, way))) as connection:
            if way == "proxy":
                connection.send(b"CONNECT api.twilio.com:443 HTTP/1.1\r\n\r\n")
                assert connection._source.readline().startswith(b"HTTP/1.1 200")
                assert connection._source.readline() == b"\r\n"
            record = hello(name)
            for start in range(pieces):
                connection.send(record[start * 30 : (start + 1) * 30 if start + 1 < pieces else None])
            reply = connection._source.read()
        with secure(running.site, "api.twilio.com") as another:
            another.send(request("GET", "/livez", [("Host", "localhost")]))
            status = another.reply("GET").status

    assert (reply, status) == (ALERT_UNRECOGNIZED_NAME, 200)
    assert len([text for text in caplog.messages if "TLS handshake failed: the server name" in text]) == 1


def test_a_valid_server_name_is_answered() -> None:
    """The record above is one that is answered when its name is good."""
    with Running(Settings(port=0, tls_port=0)) as running, Connection(address_of(running.site.https)) as connection:
        connection.send(hello(b"api.twilio.com"))
        kind = connection._source.read(1)

    assert kind == b"\x16"


HELLO = hello(b"localhost")


@pytest.mark.parametrize("sent", [b"", HELLO[:1], HELLO[:-1], HELLO, HELLO + b"x"], ids=len)
@pytest.mark.parametrize("way", ["https", "proxy"])
@pytest.mark.parametrize("reset", [True, False])
def test_broken_handshake_leaves_nothing(sent: bytes, way: str, *, reset: bool) -> None:
    with Running(Settings(port=0, tls_port=0, proxy_port=0)) as running:
        for _ in range(5):
            with Connection(address_of(getattr(running.site, way))) as connection:
                if way == "proxy":
                    connection.send(b"CONNECT api.twilio.com:443 HTTP/1.1\r\n\r\n")
                    assert connection._source.readline().startswith(b"HTTP/1.1 200")
                connection.send(sent)
                if reset:
                    connection.reset_when_closed()
        with running.site.connect() as connection:
            counts = set()
            while 1 not in counts:
                connection.send(request("GET", "/readyz"))
                counts.add(connection.reply("GET").json()["connections"])

    assert running.server._acceptor.open == 0
