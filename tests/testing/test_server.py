"""An emulator in this process."""

import socket
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPSConnection
from urllib.parse import urlsplit

import pytest
from support.server import PATIENCE, Caller, Site, address_of

from emulator.server.bind import CannotListenError, CannotStartError
from emulator.server.server import Server
from emulator.settings import Settings, SettingsError
from emulator.testing import Emulator, UnreachableError


def seconds(*, between: tuple[str, str]) -> float:
    """The time from one state of an emulator to the next, with somebody connected."""
    emulator = Emulator()
    at = {"made": time.perf_counter()}
    with emulator:
        at["started"] = time.perf_counter()
        with Site(emulator.url).connect():
            emulator.client.messages()
            at["used"] = time.perf_counter()
            emulator.stop()
            at["stopped"] = time.perf_counter()
    return at[between[1]] - at[between[0]]


def test_messages_are_accepted_and_listed() -> None:
    with Emulator() as emulator:
        Caller(Site(emulator.url)).send()

        assert len(emulator.client.wait_for()) == 1


@pytest.mark.parametrize("between", [("made", "started"), ("used", "stopped")])
def test_start_and_stop_are_fast(between: tuple[str, str]) -> None:
    assert min(seconds(between=between) for _ in range(3)) < 0.3


def test_emulators_are_independent() -> None:
    with Emulator() as one, Emulator() as other:
        Caller(Site(one.url)).send()

        assert (len(one.client.messages()), len(other.client.messages())) == (1, 0)


def test_stop_leaves_nothing() -> None:
    before = set(threading.enumerate())
    with Emulator() as emulator:
        client = emulator.client
    emulator.stop()

    assert set(threading.enumerate()) <= before  # a thread of an earlier test may end meanwhile
    with pytest.raises(UnreachableError):
        client.messages()


def test_restarted_emulator_is_empty() -> None:
    emulator = Emulator()
    with emulator:
        Caller(Site(emulator.url)).send()
    with emulator:
        assert emulator.client.messages() == []


def test_stop_ends_waits() -> None:
    with ThreadPoolExecutor() as pool, Emulator() as emulator:
        waiting = pool.submit(emulator.client.wait_for, timeout=50.0)
        Site(emulator.url).get("/livez")
        while not emulator_waits(emulator):
            pass
        emulator.stop()

        with pytest.raises(AssertionError, match="stopped while waiting"):
            waiting.result()


def emulator_waits(emulator: Emulator) -> bool:
    assert emulator._thread is not None
    return len(emulator._thread._server._app.services.engine.waits) > 0


def test_options_are_parsed_like_flags() -> None:
    emulator = Emulator(idempotency_ttl="1h", journal_limit=7, show_secrets=True)

    assert (emulator.settings.idempotency_ttl, emulator.settings.journal_limit) == (3600, 7)
    assert emulator.settings.show_secrets


def test_options_change_the_settings_given() -> None:
    emulator = Emulator(Settings(content="lenient", calls="registered"), calls="any")

    assert (emulator.settings.content, emulator.settings.calls) == ("lenient", "any")


def test_settings_port_is_ignored() -> None:
    """The port of given settings is for the command; the in-process server uses a free one."""
    assert Emulator(Settings(port=2010)).settings.port == 0


def test_its_client_has_the_control_token() -> None:
    with Emulator(control_token="secret") as emulator:
        assert emulator.client.messages() == []
        assert emulator.client.aio is not None


def test_unknown_option_names_the_nearest() -> None:
    with pytest.raises(TypeError, match=r"unknown option journal_limits; did you mean journal_limit\?"):
        Emulator(journal_limits=1)


def test_invalid_value_is_an_error() -> None:
    with pytest.raises(SettingsError, match="expected one of any, registered"):
        Emulator(calls="none")


def test_port_in_use_allows_another_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        emulator = Emulator(port=taken.getsockname()[1])
        with pytest.raises(CannotListenError, match="in use"):
            emulator.start()
    with emulator:
        assert emulator.client.messages() == []


def status_over_tls(address: str, ca_pem: bytes, *, behind: str | None = None) -> int:
    """What /readyz says there, or, where the address is a proxy, behind it."""
    parts = urlsplit(address)
    assert parts.hostname is not None
    trust = ssl.create_default_context(cadata=ca_pem.decode())
    connection = HTTPSConnection(parts.hostname, parts.port, timeout=PATIENCE, context=trust)
    if behind:
        connection.set_tunnel(behind, 443)
    try:
        connection.request("GET", "/readyz" if behind is None else "/2010-04-01/Accounts")
        return connection.getresponse().status
    finally:
        connection.close()


def test_options_start_https_and_proxy() -> None:
    emulator = Emulator(tls_port=0, proxy_port=0)
    with emulator:
        urls = (emulator.url, emulator.https_url, emulator.proxy)
        assert emulator.https_url is not None
        assert emulator.proxy is not None
        assert emulator.ca_pem is not None

        assert len(set(urls)) == 3
        assert status_over_tls(emulator.https_url, emulator.ca_pem) == 200
        assert status_over_tls(emulator.proxy, emulator.ca_pem, behind="api.twilio.com") == 401
        assert [one.path for one in emulator.client.requests()] == ["/2010-04-01/Accounts"]
    for url in urls:
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(address_of(url or ""))


def test_each_listener_is_independent() -> None:
    with Emulator(tls_port=0) as tls, Emulator(proxy_port="0") as proxy, Emulator() as neither:
        assert (tls.https_url or "").startswith("https://127.0.0.1:")
        assert (tls.proxy, proxy.https_url) == (None, None)
        assert (proxy.proxy or "").startswith("http://127.0.0.1:")
        assert tls.ca_pem != proxy.ca_pem
        assert (neither.https_url, neither.proxy, neither.ca_pem) == (None, None, None)


@pytest.mark.parametrize("option", ["tls_port", "proxy_port"])
def test_listener_in_use_allows_a_restart(option: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        emulator = Emulator(**{option: taken.getsockname()[1]})
        with pytest.raises(CannotListenError, match=f"in use; --{option.replace('_', '-')} 0 selects a free port"):
            emulator.start()
    with emulator:
        assert emulator.client.messages() == []


def test_missing_extra_is_explained(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "emulator.server.listeners", None)

    with pytest.raises(CannotStartError, match="require the extra tls"):
        Emulator(tls_port=0).start()


def test_it_starts_once() -> None:
    with Emulator() as emulator, pytest.raises(RuntimeError, match="running already"):
        emulator.start()


def test_stopped_emulator_has_no_url() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Emulator().url


def test_failed_start_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_: Server, sockets: object) -> None:  # noqa: ARG001  uvicorn's signature
        raise OSError("no more files")

    before = set(threading.enumerate())
    monkeypatch.setattr(Server, "startup", fail)
    emulator = Emulator()

    with pytest.raises(OSError, match="no more files"):
        emulator.start()
    with pytest.raises(RuntimeError, match="not running"):
        _ = emulator.url
    assert set(threading.enumerate()) <= before
