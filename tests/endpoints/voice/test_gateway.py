"""`/signal` of the served emulator, asked by the client of the library `websockets`; and what lies beside it."""

import base64
import json
import socket
import struct
import subprocess
import sys

import pytest
from support.server import PATIENCE, Caller, Command, Running, Servers, Site, address_of, request
from support.signal_client import KX, SignalClient, signal_client
from support.tls import trusting
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from emulator.endpoints.voice.gateway import Gateway
from emulator.engine.voice import clients
from emulator.settings import Settings
from emulator.wire.signalling import MAX_FRAME

HANDSHAKE = [
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", base64.b64encode(bytes(16)).decode()),
]


def masked(text: str) -> bytes:
    data = text.encode()
    return struct.pack("!BB4x", 0x81, 0x80 | len(data)) + data  # the mask is all zeros


def test_messages_pass_in_both_directions(site: Site) -> None:
    with signal_client(site) as alice:
        call = alice.call()["callsid"]
        caller = Caller(site, call=call)
        created = caller.send('{"n":1.00}').json()
        delivered = alice.receive("message")
        alice.send("message", callsid=call, content=1, voiceeventsid=KX, messagetype="user-defined-message")
        ack = alice.receive("ack")
        alice.send("hangup", callsid=call).send("register", media={"audio": False}).receive("offline")
        refused = caller.send()

    assert (delivered["voiceeventsid"], delivered["content"]) == (created["sid"], {"n": 1.0})
    assert ack == {"acktype": "message", "callsid": call, "voiceeventsid": KX}
    assert (refused.status, refused.json()["code"]) == (400, 21220)


def test_edge_is_kept_for_a_reconnect(site: Site) -> None:
    host, port = address_of(site.url)
    address = f"ws://voice-js.localhost:{port}/signal?.twilio.com/signal"
    with connect(address, sock=socket.create_connection((host, port))) as alice:
        connected = SignalClient(alice).send("listen", token="alice").receive("connected")

    assert connected["edge"] == f"localhost:{port}/signal?"


def test_two_users_talk(site: Site) -> None:
    with signal_client(site, "carol") as carol, signal_client(site, "dave") as dave:
        dave.send("register", media={"audio": True}).receive("ready")
        carol.send("invite", callsid="TJS1", sdp="v=0", twilio={"params": "To=client%3Adave"})
        incoming = dave.receive("invite")
        dave.send("answer", callsid=incoming["callsid"], sdp="v=0")
        answer = carol.receive("answer")
        carol.send("hangup", callsid=answer["callsid"])

        assert incoming["parameters"]["From"] == "client:carol"
        assert dave.receive("hangup") == {"callsid": incoming["callsid"]}


def test_a_call_outlives_its_socket(site: Site) -> None:
    with signal_client(site) as alice:
        answer = alice.call()
    with signal_client(site) as again:
        again.send("invite", callsid=answer["callsid"], sdp="v=0", reconnect=answer["reconnect"], twilio={})

        assert again.receive("answer") == {"callsid": answer["callsid"], "reconnect": answer["reconnect"]}


def test_insights_url_is_local(site: Site) -> None:
    with signal_client(site, None) as alice:
        home = alice.send("listen", token="x").receive("connected")["home"]

    assert home == f"localhost:{site.address[1]}/eventgw?"


@pytest.mark.parametrize(
    "origin",
    ["http://localhost:3000", "https://app.localhost", "http://127.0.0.1", "http://[::1]:8080", "http://ok.example"],
)
def test_allowed_pages_may_connect(serve: Servers, origin: str) -> None:
    with signal_client(serve(allowed_origins=frozenset({"http://ok.example"})), origin=origin) as page:
        page.send("register").receive("ready")


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "ftp://localhost", "http://localhost.evil.example"])
def test_other_pages_may_not_connect(site: Site, origin: str) -> None:
    with pytest.raises(InvalidStatus) as caught, signal_client(site, origin=origin):
        pass

    assert caught.value.response.status_code == 403


@pytest.mark.parametrize(
    ("host", "origin", "status"),
    [
        pytest.param("emulator:2010", "http://emulator:2010", b"101", id="a page of our own"),
        pytest.param("emulator:2010", "http://emulator:3000", b"403", id="not of our port"),
        pytest.param("evil.example", "http://evil.example", b"403", id="a name bound to us"),
        pytest.param("evil.example", None, b"101", id="no page at all"),
    ],
)
def test_own_page_under_any_host_may_connect(site: Site, host: str, origin: str | None, status: bytes) -> None:
    headers = [*HANDSHAKE, *([] if origin is None else [("Origin", origin)])]
    with site.connect() as connection:
        connection.send(request("GET", "/signal", headers).replace(b"Host: 127.0.0.1", f"Host: {host}".encode()))

        assert connection.socket.recv(4096).split(b" ")[1] == status


def test_large_frame_closes_one_connection(site: Site) -> None:
    with signal_client(site, "erin") as erin, signal_client(site, "frank") as frank:
        erin.socket.send("x" * MAX_FRAME)
        assert erin.receive("error")["error"]["code"] == 31100
        erin.socket.send("x" * (MAX_FRAME + 1))

        assert erin.close_code() == 1009
        frank.send("register").receive("ready")


def test_a_frame_in_bytes_is_malformed(site: Site) -> None:
    with signal_client(site) as alice:
        alice.socket.send(b"\x00")

        assert alice.receive("error")["error"]["code"] == 31100


def test_invalid_utf_8_closes_the_connection(site: Site) -> None:
    with signal_client(site) as alice:
        with alice.socket.send_context():  # its send encodes text
            alice.socket.protocol.send_text(b"\xff")

        assert alice.close_code() == 1007


def test_strict_mode_requires_valid_tokens(serve: Servers) -> None:
    with signal_client(serve(voice_token="strict"), None) as alice:
        assert alice.send("listen", token="foo").receive("error")["error"]["code"] == 31204


def test_connection_lost_within_a_frame(site: Site) -> None:
    """It is not an internal failure."""
    with signal_client(site, "grace") as grace:
        grace.socket.socket.sendall(b"\x81\xfe")
        grace.socket.socket.shutdown(2)
    with signal_client(site) as alice:
        alice.send("register").receive("ready")


def test_frames_sent_with_the_handshake(site: Site) -> None:
    """They are not lost."""
    with site.connect() as connection:
        connection.send(request("GET", "/signal?x", HANDSHAKE) + masked('{"type":"listen"}'))
        answer = b""
        while b"31102" not in answer:
            answer += connection.socket.recv(4096)

    assert answer.startswith(b"HTTP/1.1 101 ")


@pytest.mark.parametrize(
    ("method", "target", "headers", "status"),
    [
        pytest.param("GET", "/signal", [], 404, id="no upgrade"),
        pytest.param("GET", "/signals", HANDSHAKE, 404, id="another path"),
        pytest.param("POST", "/signal", HANDSHAKE, 404, id="another method"),
        pytest.param("GET", "/signal", [("Upgrade", "h2c"), ("Connection", "Upgrade")], 404, id="another protocol"),
        pytest.param("GET", "/readyz", HANDSHAKE, 200, id="a page of ours"),
    ],
)
def test_other_requests_are_ordinary(
    site: Site, method: str, target: str, headers: list[tuple[str, str]], status: int
) -> None:
    with site.connect() as connection:
        connection.send(request(method, target, headers))

        assert connection.reply(method).status == status


def test_upgrade_on_twilio_paths_is_ignored(caller: Caller) -> None:
    with caller.site.connect() as connection:
        connection.send(caller.raw('{"key":"value"}', None, *HANDSHAKE))

        assert connection.reply().status == 201


def test_handshake_without_key_is_rejected(site: Site) -> None:
    with site.connect() as connection:
        connection.send(request("GET", "/signal", HANDSHAKE[:3]))

        assert connection.reply("GET").status == 400


def test_unread_connection_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clients, "MAX_BEHIND", 10)
    with (
        Running(Settings(port=0)) as running,
        running.site.connect() as deaf,
        signal_client(running.site, "ivan") as ivan,
    ):
        call_controller = running.engine.call_controller
        deaf.send(request("GET", "/signal", HANDSHAKE) + masked('{"type":"listen","payload":{"token":"heidi"}}'))
        deaf.send(masked('{"type":"invite","payload":{"callsid":"TJS1"}}'))
        heard = b""
        while b'"answer"' not in heard:
            heard += deaf.socket.recv(4096)
        call = ivan.call()["callsid"]
        heidi = next(leg.call_sid for leg in call_controller.legs if leg.call_sid != call)
        for _ in range(1000):  # what the kernel takes for a client that does not read is a few MB
            Caller(running.site, call=heidi).send(json.dumps("x" * 9000))
            if len(list(call_controller.connections)) == 1:
                break

        assert [connection.identity for connection in call_controller.connections] == ["ivan"]
        ivan.send("register").receive("ready")


def test_idle_connection_gets_keepalives(monkeypatch: pytest.MonkeyPatch, serve: Servers) -> None:
    monkeypatch.setattr(Gateway.__init__, "__kwdefaults__", {"keepalive": 0.1})
    with signal_client(serve(now=lambda: 0.0)) as alice:
        assert alice.socket.recv(timeout=PATIENCE) == "\n"
        alice.socket.send("\n")
        assert alice.socket.recv(timeout=PATIENCE) == "\n"


def test_client_that_never_listens_is_closed(monkeypatch: pytest.MonkeyPatch, serve: Servers) -> None:
    monkeypatch.setattr(Gateway.__init__, "__kwdefaults__", {"keepalive": 0.1})
    site = serve(now=lambda: 0.0)
    with signal_client(site) as alice:
        with signal_client(site, None) as stranger:
            assert stranger.close_code() == 1001
        heard = [alice.socket.recv(timeout=PATIENCE) for _ in range(5)]

    assert heard == ["\n"] * 5


def test_internal_error_keeps_the_call(caplog: pytest.LogCaptureFixture) -> None:
    with Running(Settings(port=0)) as running, signal_client(running.site) as alice:
        running.engine.call_controller.on_message = lambda _message: 1 / 0
        call = alice.call()["callsid"]
        alice.send("message", callsid=call, content=1, voiceeventsid=KX, messagetype="user-defined-message")
        error = alice.receive("error")["error"]
        alice.send("reinvite", callsid=call, sdp="v=0").receive("answer")

    assert error["code"] == 31000
    assert "ZeroDivisionError" in caplog.text


def test_gateway_works_over_tls(serve: Servers) -> None:
    site = serve(tls_port=0)
    trust = trusting(site)
    url = site.https.replace("https", "wss", 1) + "/signal"
    with connect(url, ssl=trust, compression=None, open_timeout=PATIENCE) as socket:
        answer = SignalClient(socket).send("listen", token="alice").receive("connected")

    assert answer["home"] == f"localhost:{address_of(site.https)[1]}/eventgw?"


def test_users_are_notified_of_a_stop() -> None:
    with Command() as command:
        with signal_client(command.site()) as alice:
            command.process.terminate()

            assert alice.close_code() == 1012  # RFC 6455's registry: service restart
        assert command.end()[0] == 0


def test_websockets_is_imported_lazily() -> None:
    program = (
        "import sys; sys.path.insert(0, 'tests')\n"
        "from support.server import Caller, Running, request\n"
        "from emulator.settings import Settings\n"
        "with Running(Settings(port=0)) as running:\n"
        "    assert Caller(running.site).send().status == 201\n"
        "    print('websockets' in sys.modules)\n"
        "    with running.site.connect() as connection:\n"
        f"        connection.send(request('GET', '/signal', {HANDSHAKE!r}))\n"
        "        assert connection.socket.recv(9) == b'HTTP/1.1 '\n"
        "    print('websockets' in sys.modules)\n"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=30)

    assert (run.stdout.split(), run.stderr) == (["False", "True"], "")
