"""Faults as a client's socket sees them: the very bytes, the resets, the half answers, and what the journal shows."""

import logging
import signal
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from support.faults import add_fault
from support.proxy import through
from support.server import (
    LAST_CHUNK,
    Caller,
    Command,
    Connection,
    Reply,
    Running,
    Site,
    chunk,
    request,
)
from support.sse import reset, until
from support.tls import secure, trusting

from emulator.endpoints.twilio import faults as performing
from emulator.server.http1 import asgi_request, protocol
from emulator.settings import Settings

GARBAGE = b"\x00\xffthis is not HTTP\r\n\r\n"
TIMELESS = {"delay": 600}
"""A delay that no test waits for."""
Connect = Callable[[], Connection]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """One that is reached by http, by https and through its proxy."""
    with Running(Settings(port=0, tls_port=0, proxy_port=0)) as running:
        yield running.site


@pytest.fixture
def alone() -> Iterator[Site]:
    """One that no other test uses."""
    with Running(Settings(port=0)) as running:
        yield running.site


@pytest.fixture
def caller(site: Site) -> Caller:
    return Caller(site)


@pytest.fixture(scope="module")
def trust(site: Site) -> ssl.SSLContext:
    return trusting(site)


@pytest.fixture(params=["http", "https", "proxy"])
def connect(request: pytest.FixtureRequest, site: Site, trust: ssl.SSLContext) -> Connect:
    """Connects by one of three ways."""
    ways: dict[str, Connect] = {
        "http": site.connect,
        "https": lambda: secure(site, "api.twilio.com", trust),
        "proxy": lambda: through(site.proxy, trust),
    }
    return ways[request.param]


def outcomes(caller: Caller) -> list[tuple[str, str | None, bool]]:
    """Of each request the outcome, the fault and whether its answer was lost."""
    return [(one["outcome"], one["fault"] and one["fault"]["name"], one["lost"]) for one in caller.requests()]


def rest(connection: Connection) -> bytes:
    """All bytes until the connection ends cleanly."""
    return connection._source.read()


def is_reset(connection: Connection) -> bool:
    """Whether the connection ends with a reset, and no reply came before it. Under TLS its tickets do come."""
    data = b""
    try:
        # As TCP has it: Python's TLS makes a reset a clean end.
        while piece := socket.socket.recv(connection.socket, 1 << 16):
            data += piece
    except ConnectionResetError:
        return b"HTTP/" not in data
    return False


def exchange(connect: Connect, caller: Caller, *more: bytes) -> bytes:
    """Send a create request, and more behind it; all bytes that come back until a clean end."""
    with connect() as connection:
        connection.send(b"".join([caller.raw(), *more]))
        return rest(connection)


# --- the bytes


def test_reply_fault_skips_processing(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {"reply": {"code": 20429, "retry_after": 7}}, times=1)
    with connect() as connection:
        connection.send(caller.raw())
        refused = connection.reply()
        connection.send(caller.raw())
        created = connection.reply()

    assert (refused.status, refused.header("retry-after"), refused.header("content-type")) == (
        429,
        "7",
        "application/json",
    )
    assert refused.text == (
        '{"code": 20429, "message": "Too Many Requests", '
        '"more_info": "https://www.twilio.com/docs/errors/20429", "status": 429}'
    )
    assert {"twilio-request-id", "twilio-request-duration", "x-powered-by"} <= set(refused.names)
    assert created.status == 201
    assert outcomes(caller) == [("faulted", "reply", False), ("created", None, False)]
    assert len(caller.messages()) == 1


def test_page_of_a_gateway(caller: Caller, connect: Connect) -> None:
    """It has no headers of Twilio."""
    add_fault(caller, {"reply": {"status": 502, "retry_after": 3}}, times=1)
    with connect() as connection:
        connection.send(caller.raw())
        page = connection.reply()
        connection.send(caller.raw())
        assert connection.reply().status == 201

    assert page.names == ["date", "content-type", "content-length", "retry-after"]
    assert (page.status, page.header("content-type"), page.header("retry-after")) == (502, "text/html", "3")
    assert page.text == (
        "<html><head><title>502 Bad Gateway</title></head>"
        "<body><center><h1>502 Bad Gateway</h1></center></body></html>\n"
    )


@pytest.mark.parametrize(
    ("given", "media_type", "body"),
    [
        pytest.param({"status": 200, "body": "hello"}, "text/html", "hello", id="a page that says all is well"),
        pytest.param({"status": 500, "body": ' {"a": "é"}'}, "application/json", ' {"a": "é"}', id="json"),
        pytest.param({"status": 500, "body": "", "content_type": "a/b; c=d"}, "a/b; c=d", "", id="a type of its own"),
        pytest.param(
            {"status": 599, "content_type": "text/plain"},
            "text/plain",
            "<html><head><title>599 Unknown</title></head><body><center><h1>599 Unknown</h1></center></body></html>\n",
            id="a status without a name",
        ),
    ],
)
def test_page_is_sent_unchanged(caller: Caller, given: dict[str, Any], media_type: str, body: str) -> None:
    add_fault(caller, {"reply": given})
    reply = caller.send()

    assert (reply.status, reply.header("content-type"), reply.text) == (given["status"], media_type, body)


def test_a_reply_in_xml_is_twilios_too(caller: Caller) -> None:
    add_fault(caller, {"reply": {"status": 503, "message": "a < b"}})
    reply = caller.send(path=caller.path.removesuffix(".json"))

    assert (reply.status, reply.header("content-type")) == (503, "application/xml")
    assert "<Code>20503</Code><Message>a &lt; b</Message>" in reply.text


def test_drop_before_skips_processing(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {"drop": "before"}, times=1)
    with connect() as connection:
        connection.send(caller.raw(key="k"))
        assert is_reset(connection)

    assert outcomes(caller) == [("faulted", "drop-before", True)]
    assert caller.messages() == []
    (lost,) = caller.requests()
    assert (lost["status"], lost["code"], lost["message_sid"]) == (None, None, None)
    assert caller.site.get(f"/_emulator/requests/{lost['request_id']}").json()["reply"] is None


def test_drop_after_creates_the_message(caller: Caller, connect: Connect) -> None:
    """The same key finds the message afterwards."""
    add_fault(caller, {"drop": "after"}, times=1)
    with connect() as connection:
        connection.send(caller.raw(key="k"))
        assert is_reset(connection)
    again = caller.send(key="k")

    (message,) = caller.messages()
    assert again.json()["sid"] == message["sid"]
    assert message["replays"] == 1
    assert outcomes(caller) == [("created", "drop-after", True), ("replayed", None, False)]
    assert [one["status"] for one in caller.requests()] == [201, 201]


@pytest.mark.parametrize("length", [0, 1, 40, 10_000])
def test_truncate_sends_a_part_of_the_body(caller: Caller, connect: Connect, length: int) -> None:
    """It sends the complete head, and never the complete body."""
    add_fault(caller, {"truncate": length}, times=1)
    data = exchange(connect, caller)

    head, _, body = data.partition(b"\r\n\r\n")
    (sent,) = caller.requests()
    whole = caller.site.get(f"/_emulator/requests/{sent['request_id']}").json()["reply"]["body"].encode()
    assert head.startswith(b"HTTP/1.1 201 Created\r\n")
    assert f"content-length: {len(whole)}".encode() in head.split(b"\r\n")
    assert body == whole[: min(length, len(whole) - 1)]
    assert outcomes(caller) == [("created", "truncate", True)]


def test_garbage_is_not_http(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {"garbage": True}, times=1)

    assert exchange(connect, caller) == GARBAGE
    assert outcomes(caller) == [("created", "garbage", True)]


def test_a_close_is_clean_and_without_a_byte(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {"close": True}, times=1)

    assert exchange(connect, caller) == b""
    assert outcomes(caller) == [("faulted", "close", True)]


# --- who comes behind


@pytest.mark.parametrize(
    ("then", "end"), [({"garbage": True}, GARBAGE), ({"close": True}, b""), ({"truncate": 0}, None)], ids=str
)
def test_fault_keeps_earlier_responses(
    caller: Caller, connect: Connect, then: dict[str, Any], end: bytes | None
) -> None:
    """Requests behind it are not read."""
    add_fault(caller, then, skip_first=1, times=1)
    with connect() as connection:
        connection.send(caller.raw() * 3)
        first = connection.reply()
        data = rest(connection)

    assert first.status == 201
    assert data == end if end is not None else data.endswith(b"\r\n\r\n")
    assert len(caller.requests()) == 2


def test_pipelined_requests_behind_a_reply(caller: Caller, connect: Connect) -> None:
    """They are answered in their order."""
    add_fault(caller, {"reply": {"status": 500}}, skip_first=1, times=2)
    with connect() as connection:
        connection.send(b"".join(caller.raw(f"[{number}]") for number in range(5)))
        statuses = [connection.reply().status for _ in range(5)]

    assert statuses == [201, 500, 500, 201, 201]
    assert [message["content"] for message in caller.messages()] == ["[0]", "[3]", "[4]"]


def test_faults_apply_to_chunked_bodies(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {"garbage": True}, match={"content": {"a": 1}}, times=1)
    head = request("POST", caller.path, caller.headers(("Transfer-Encoding", "chunked")), b"")
    with connect() as connection:
        for piece in (head, chunk(b"Content=%7B"), chunk(b"%22a%22%3A1%7D"), LAST_CHUNK):
            connection.send(piece)
        assert rest(connection) == GARBAGE

    assert [message["json"] for message in caller.messages()] == [{"a": 1}]


@pytest.mark.parametrize("method", ["OPTIONS", "HEAD", "GET"])
@pytest.mark.parametrize("then", [{"reply": {"status": 503}}, {"drop": "before"}, TIMELESS], ids=str)
def test_other_methods_have_no_fault(caller: Caller, method: str, then: dict[str, Any]) -> None:
    plain = caller.ask(method=method)
    add_fault(caller, then)
    reply = caller.ask(method=method)

    assert (reply.status, reply.body) == (plain.status, plain.body)
    assert all(one["fault"] is None for one in caller.requests())


@pytest.mark.parametrize("then", [{"drop": "before"}, {"reply": {"status": 503}}, TIMELESS], ids=str)
@pytest.mark.parametrize(
    "ask",
    [
        pytest.param(lambda caller: caller.ask(headers=[]), id="no credentials"),
        pytest.param(lambda caller: caller.send("hello"), id="no JSON"),
        pytest.param(lambda caller: caller.ask(b"a" * (3 << 20)), id="too large"),
        pytest.param(lambda caller: caller.send(path=caller.path.replace("Calls", "Cals")), id="no such path"),
    ],
)
def test_refused_request_has_no_fault(caller: Caller, ask: Callable[[Caller], Reply], then: dict[str, Any]) -> None:
    plain = ask(caller)
    add_fault(caller, then)
    reply = ask(caller)

    assert (reply.status, reply.body) == (plain.status, plain.body)
    assert 400 <= reply.status < 500


# --- delays


@contextmanager
def delayed(caller: Caller, connect: Connect | None = None, data: bytes | None = None) -> Iterator[Connection]:
    """A connection whose request is held back."""
    before = len(caller.requests())
    with (connect or caller.site.connect)() as connection:
        connection.send(data or caller.raw())
        until(caller.site, lambda: len(caller.requests()) > before)
        yield connection


def test_delayed_response_is_the_same(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {"delay": {"uniform": [0.001, 0.002]}}, seed=1)
    with connect() as connection:
        connection.send(caller.raw() * 2)
        statuses = [connection.reply().status for _ in range(2)]

    delays = [one["fault"]["delay"] for one in caller.requests()]
    assert statuses == [201, 201]
    assert all(0.001 <= delay <= 0.002 for delay in delays)
    early = 0.001  # uvloop's timers count whole milliseconds
    assert all(one["duration"] >= one["fault"]["delay"] - early for one in caller.requests())
    assert outcomes(caller) == [("created", "delay", False)] * 2


def test_reset_releases_delayed_responses(caller: Caller, connect: Connect) -> None:
    add_fault(caller, TIMELESS)
    with delayed(caller, connect) as connection:
        reset(caller.site, account_sid=caller.account)
        reply = connection.reply()

    assert reply.status == 201
    assert caller.requests() == []


@pytest.mark.parametrize(
    ("then", "end"),
    [
        ({"reply": {"status": 503}}, b"HTTP/1.1 503 Service Unavailable"),
        ({"garbage": True}, GARBAGE[:10]),
        ({"truncate": 1}, b"HTTP/1.1 201 Created"),
        ({"close": True}, b""),
    ],
    ids=str,
)
def test_delay_combines_with_other_faults(caller: Caller, connect: Connect, then: dict[str, Any], end: bytes) -> None:
    add_fault(caller, {**TIMELESS, **then})
    with delayed(caller, connect) as connection:
        reset(caller.site, account_sid=caller.account)
        connection.send(b"")

        assert connection.socket.recv(len(end) or 1) == end


def test_delayed_reset(caller: Caller, connect: Connect) -> None:
    add_fault(caller, {**TIMELESS, "drop": "after"})
    with delayed(caller, connect) as connection:
        reset(caller.site, account_sid=caller.account)

        assert is_reset(connection)


@pytest.mark.parametrize("politely", [False, True])
@pytest.mark.parametrize("then", [{}, {"drop": "after"}, {"garbage": True}, {"truncate": 3}], ids=str)
def test_client_that_leaves_loses_response(
    caller: Caller, connect: Connect, then: dict[str, Any], caplog: pytest.LogCaptureFixture, *, politely: bool
) -> None:
    add_fault(caller, {**TIMELESS, **then})
    with delayed(caller, connect) as connection:
        if not politely:
            connection.reset_when_closed()
    until(caller.site, lambda: caller.requests()[0]["lost"])

    assert [lost for _, _, lost in outcomes(caller)] == [True]
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_half_closed_client_is_answered(caller: Caller) -> None:
    """It counts as gone during a delay, but gets its response."""
    add_fault(caller, TIMELESS)
    with delayed(caller) as connection:
        connection.finish()
        until(caller.site, lambda: caller.requests()[0]["lost"])
        reset(caller.site, account_sid=caller.account)

        assert connection.reply().status == 201


def test_pipelined_requests_wait_for_a_delay(caller: Caller) -> None:
    add_fault(caller, TIMELESS, times=1)
    with delayed(caller, data=caller.raw("[1]") + caller.raw("[2]")) as connection:
        assert len(caller.requests()) == 1
        reset(caller.site, account_sid=caller.account)

        assert [connection.reply().status for _ in range(2)] == [201, 201]
    assert [message["content"] for message in caller.messages()] == ["[2]"]


def test_500_delays_do_not_block_others(alone: Site) -> None:
    slow, quick = Caller(alone), Caller(alone)
    add_fault(slow, TIMELESS)
    with ExitStack() as stack:
        connections = [stack.enter_context(alone.connect()) for _ in range(500)]
        for connection in connections:
            connection.send(slow.raw())
        until(alone, lambda: slow.listing()["count"] == 500)
        others = [quick.send().status for _ in range(20)]
        reset(alone, account_sid=slow.account)
        statuses = {connection.reply().status for connection in connections}

    assert (others, statuses) == ([201] * 20, {201})


def test_delays_beyond_the_limit_are_skipped(running: Running, caplog: pytest.LogCaptureFixture) -> None:
    running.engine.memory["delayed_responses"].max_entries = 0
    caller = Caller(running.site)
    add_fault(caller, TIMELESS)

    assert caller.send().status == 201
    assert "a response is not delayed" in caplog.text


def test_sigterm_releases_delayed_responses() -> None:
    with Command() as command:
        caller = Caller(command.site())
        add_fault(caller, TIMELESS)
        with delayed(caller) as connection:
            command.process.send_signal(signal.SIGTERM)
            reply = connection.reply()
            assert connection.is_closed()
        code, _, _ = command.end()

    assert (reply.status, reply.header("connection"), code) == (201, "close", 0)


# --- calls that pick their fault


def magic(site: Site, ending: str) -> Caller:
    return Caller(site, call="CA" + "0" * 24 + ending)


def test_magic_call_selects_a_status(site: Site) -> None:
    caller = magic(site, "FA110404")
    reply = caller.send()

    assert (reply.status, reply.json()["status"], reply.json()["code"]) == (404, 404, 20404)
    (seen,) = caller.requests()
    assert (seen["outcome"], seen["fault"]["rule"]) == ("faulted", "magic-fa110404")
    assert caller.path in reply.json()["message"]


def test_magic_call_selects_a_reset(site: Site, connect: Connect) -> None:
    caller = magic(site, "fa11dead")
    with connect() as connection:
        connection.send(caller.raw())
        assert is_reset(connection)

    assert outcomes(caller) == [("faulted", "drop-before", True)]


def test_magic_call_delays_the_response(site: Site) -> None:
    caller = magic(site, "fa115100")
    with delayed(caller) as connection:
        (seen,) = caller.requests()
        reset(site, account_sid=caller.account)
        assert connection.reply().status == 201

    effect = "The response was delayed by 5.00 s."
    fault = {"rule": "magic-fa115100", "name": "delay", "delay": 5.0, "effect": effect}
    assert (seen["fault"], seen["duration"]) == (fault, None)


def test_magic_can_be_switched_off() -> None:
    with Running(Settings(port=0, magic="off")) as running:
        assert magic(running.site, "fa110500").send().status == 201


# --- when a fault fails


@pytest.mark.parametrize(
    ("then", "part"), [({"drop": "after"}, "reset"), ({"truncate": 1}, "truncate")], ids=["drop", "truncate"]
)
def test_failing_fault_is_logged(
    alone: Site,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    then: dict[str, Any],
    part: str,
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr(asgi_request.AsgiRequest, part, fail)
    caller = Caller(alone)
    rule = add_fault(caller, then, times=1)["id"]

    assert exchange(alone.connect, caller) == b""
    assert caller.send().status == 201
    (record,) = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert rule in record.message
    assert record.exc_info is not None


def test_failing_reset_closes_the_connection(
    alone: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(protocol, "_RESET", "no bytes")
    caller = Caller(alone)
    add_fault(caller, {"drop": "before"}, times=1)

    assert exchange(alone.connect, caller) == b""
    assert "unexpected failure of drop-before" in caplog.text
    assert caller.send().status == 201


def test_a_fault_is_one_line_of_the_log(caller: Caller, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, performing.log.name)  # type: ignore[attr-defined]
    rule = add_fault(caller, {"reply": {"status": 503}}, times=1)["id"]
    caller.send()

    (line,) = [record.message for record in caplog.records if record.name == performing.log.name]  # type: ignore[attr-defined]
    assert line == f"faulted POST {caller.path}: 503/20503 The service is unavailable; reply by {rule}"
