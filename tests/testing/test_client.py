"""The blocking client, at a real emulator."""

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from support.server import Caller, Servers, Site, fresh

from emulator.endpoints.api.calls import Call
from emulator.testing import Emulator, EmulatorClient, EmulatorError, UnreachableError
from emulator.wire.errors import CONTENT_NOT_JSON


def test_messages_of_its_scope_oldest_first(client: EmulatorClient, caller: Caller) -> None:
    Caller(caller.site).send()
    for number in range(3):
        caller.send(f'{{"n":{number}}}')

    messages = client.messages()

    assert [one.json for one in messages] == [{"n": 0}, {"n": 1}, {"n": 2}]
    assert {(one.account_sid, one.call_sid) for one in messages} == {(caller.account, caller.call)}


def test_message_fields(client: EmulatorClient, caller: Caller) -> None:
    sid = caller.send('{"key":"value"}', key="k").json()["sid"]
    caller.send('{"key":"value"}', key="k")

    message = client.last()

    assert (message.sid, message.content, message.json) == (sid, '{"key":"value"}', {"key": "value"})
    assert (message.idempotency_key, message.replays, message.notes, message.schemas) == ("k", 1, (), ())
    assert message.received_at.tzinfo == dt.UTC
    assert client.messages() == [message]


def test_unknown_filter_is_an_error(client: EmulatorClient) -> None:
    with pytest.raises(EmulatorError, match="cal_sid"):
        client.messages(cal_sid="CA1")  # type: ignore[call-arg]


def test_wait_returns_its_message(client: EmulatorClient, caller: Caller) -> None:
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(client.wait_for, 2, timeout=30.0)
        caller.send('{"n":1}')
        caller.send('{"n":2}')
        messages = waiting.result()

    assert [one.json for one in messages] == [{"n": 1}, {"n": 2}]


def test_failed_wait_has_the_explanation(client: EmulatorClient, caller: Caller) -> None:
    caller.send("hello")

    with pytest.raises(AssertionError) as failure:
        client.wait_for(timeout=0)

    first, second, *_ = str(failure.value).splitlines()
    assert "wanted at least 1" in first
    assert all(text in second for text in ("refused", "32702", "hello"))


def test_expect_none_passes(client: EmulatorClient, caller: Caller) -> None:
    Caller(caller.site).send()

    client.expect_none(within=0.01)


def test_expect_none_fails_with_the_message(client: EmulatorClient, caller: Caller) -> None:
    sid = caller.send().json()["sid"]

    with pytest.raises(AssertionError, match=sid):
        client.expect_none(within=30.0)


def test_expect_none_after_a_message(client: EmulatorClient, caller: Caller) -> None:
    """`after` excludes earlier messages."""
    caller.send()

    client.expect_none(after=client.last().seq, within=0)


def test_the_last_is_the_newest(client: EmulatorClient, caller: Caller) -> None:
    caller.send('{"n":1}')
    caller.send('{"n":2}')

    assert client.last().json == {"n": 2}
    assert client.last(content={"n": 1}).json == {"n": 1}


def test_last_without_messages_explains(client: EmulatorClient) -> None:
    """The error has the explanation."""
    with pytest.raises(AssertionError, match="wanted at least 1"):
        client.last()


def test_requests_have_outcomes(client: EmulatorClient, caller: Caller) -> None:
    sid = caller.send('{"a":1}').json()["sid"]
    caller.send("hello" + "!" * 100)
    caller.ask(headers=[])

    created, refused, nobody = map(str, client.requests())

    assert created.endswith(f": POST {caller.path}: 201 created {sid}, Content '{{\"a\":1}}'")
    assert "refused with 400/32702 Invalid Content (rule content-not-json, assumed; " in refused
    assert refused.endswith(f"!…'. Advice: {CONTENT_NOT_JSON.advice}")
    assert "401" in nobody
    assert "Content" not in nobody


def test_reset_affects_its_scope_only(client: EmulatorClient, caller: Caller) -> None:
    other = Caller(caller.site)
    for one in (caller, other):
        one.send()
    client.calls.register()

    removed = client.reset()

    assert (removed.messages, removed.requests, removed.calls, removed.waits) == (1, 1, 1, 0)
    assert client.messages() == []
    assert len(other.messages()) == 1


def test_call_life_cycle(client: EmulatorClient, caller: Caller) -> None:
    """A call is registered, read and deleted."""
    call = client.calls.register(status="completed")

    assert call == Call(call_sid=caller.call, account_sid=caller.account, status="completed", client="voice-sdk")
    assert client.calls.get() == call
    assert client.calls.all() == [call]
    assert caller.send().status == 400

    client.calls.forget()

    assert client.calls.all() == []
    assert caller.send().status == 201


def test_call_sid_can_be_given(client: EmulatorClient) -> None:
    other = fresh("CA")
    client.calls.register(other, client="pstn")

    assert client.calls.get(other).client == "pstn"
    assert client.calls.all() == []


def test_client_without_call_needs_one(site: Site) -> None:
    with pytest.raises(ValueError, match="call_sid is required"):
        EmulatorClient(site.url).calls.register()


def test_clock_is_frozen_and_advanced(serve: Servers) -> None:
    clock = EmulatorClient(serve(content="lenient").url).clock  # an emulator of its own: time is everybody's
    start = dt.datetime(2026, 1, 2, 3, 4, 5, tzinfo=dt.UTC)

    assert clock.freeze(start) == start
    assert clock.advance(60) == start + dt.timedelta(seconds=60)
    assert clock.now() == start + dt.timedelta(seconds=60)
    assert clock.reset() != start + dt.timedelta(seconds=60)


def test_a_control_token_is_sent(serve: Servers) -> None:
    url = serve(control_token="secret").url

    assert EmulatorClient(url, control_token="secret").messages() == []
    with pytest.raises(EmulatorError, match="control token"):
        EmulatorClient(url).messages()


def test_threads_share_a_client(client: EmulatorClient, caller: Caller) -> None:
    together = threading.Barrier(8)

    def send_and_wait(number: int) -> object:
        together.wait()
        caller.send(f'{{"n":{number}}}')
        (message,) = client.wait_for(content={"n": number})
        return message.json

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(send_and_wait, range(8)))

    assert found == [{"n": number} for number in range(8)]


@pytest.mark.parametrize(
    "ask", [EmulatorClient.messages, EmulatorClient.wait_for, EmulatorClient.reset], ids=["messages", "wait", "reset"]
)
@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1", "http://no.such.host.invalid", "http://" + "a" * 70], ids=["port", "host", "no host"]
)
def test_unreachable_emulator_is_one_line(ask: Callable[[EmulatorClient], object], url: str) -> None:
    with pytest.raises(UnreachableError) as failure:
        ask(EmulatorClient(url))

    assert str(failure.value).startswith(f"cannot reach an emulator at {url} (")
    assert "start one with `twilio-udm-emulator`" in str(failure.value)
    assert "\n" not in str(failure.value)


def test_https_url_is_supported(site: Site) -> None:
    with pytest.raises(UnreachableError, match="SSL"):
        EmulatorClient(site.url.replace("http:", "https:")).messages()


@pytest.fixture(scope="module")
def secure() -> Iterator[Emulator]:
    with Emulator(tls_port=0) as emulator:
        yield emulator


def test_https_with_a_ca_file(secure: Emulator, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    ca.write_bytes(secure.ca_pem or b"")
    client = EmulatorClient(secure.https_url or "", ca=ca)

    assert client.messages() == asyncio.run(client.aio.messages()) == []


def test_untrusted_ca_is_one_line(secure: Emulator) -> None:
    client = EmulatorClient(secure.https_url or "")

    for ask in (client.messages, lambda: asyncio.run(client.aio.messages())):
        with pytest.raises(UnreachableError, match=r"certificate is not trusted: .*; name a file with its CA as ca="):
            ask()


@pytest.mark.parametrize("text", [None, "no certificate"], ids=["missing", "garbage"])
def test_invalid_ca_file_is_one_line(tmp_path: Path, text: str | None) -> None:
    ca = tmp_path / "ca.pem"
    if text is not None:
        ca.write_text(text)

    with pytest.raises(ValueError, match=r"ca\.pem' is not a file with a CA certificate \(.+\)$"):
        EmulatorClient("https://127.0.0.1:2010", ca=ca)
