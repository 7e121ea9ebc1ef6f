"""What who runs it sees: lines of the log, and a stop while others wait."""

import json
import logging
import re
import signal
import socket
from contextlib import ExitStack
from typing import Any

import pytest
from support.server import Caller, Command, Site, request
from support.sse import Stream

from emulator import __version__
from emulator.testing import Emulator

OPEN = 100
"""As many streams and as many waits."""


def log_of(*flags: str) -> tuple[Caller, list[str]]:
    """A message, a replay and a refusal, and what was logged."""
    with Command("--port", "0", *flags) as command:
        caller = Caller(command.site())
        for content, key in (("{}", "k"), ("{}", "k"), ("hello", None)):
            caller.send(content, key)
        caller.site.ask("GET", "/livez", [("Origin", "https://evil.example")])
        code, _, err = command.end(signal.SIGTERM)
    assert code == 0
    return caller, err.splitlines()


def test_json_log_has_a_line_per_request() -> None:
    caller, log = log_of("--log-format", "json")
    lines: list[dict[str, Any]] = [json.loads(line) for line in log]

    exchanges = [line for line in lines if "outcome" in line]
    assert [(line["outcome"], line["status"], line["code"]) for line in exchanges] == [
        ("created", 201, None),
        ("replayed", 201, None),
        ("refused", 400, 32702),
    ]
    assert all(line["request_id"].startswith("RQ") and 0 < line["duration"] < 5 for line in exchanges)
    assert {line["account_sid"] for line in exchanges} == {caller.account}
    assert exchanges[2]["rule"] == "content-not-json"
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    assert [line["level"] for line in lines if "evil.example" in line["message"]] == ["warning"]


TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d\d:\d\d"
"""RFC 3339 with milliseconds and the zone."""


def start_and_stop(sent: signal.Signals, *flags: str, **environ: str) -> tuple[Site, list[str]]:
    """What is logged of one answered request, one that waits, and a signal."""
    with Command("--port", "0", *flags, **environ) as command:
        site = command.site()
        site.get("/livez")
        with Stream(site):
            command.end(sent)
    return site, command.stderr.splitlines()


@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
def test_start_and_stop_are_json_records(sent: signal.Signals) -> None:
    site, log = start_and_stop(
        sent, "--proxy-port", "0", "--log-format", "json", "--connections-limit", "50", TZ="Asia/Kolkata"
    )
    start, stop = map(json.loads, log)

    assert all(re.fullmatch(TIME, line["time"]) and line["time"].endswith("+05:30") for line in (start, stop))
    assert start == {
        "time": start["time"],
        "level": "info",
        "message": f"serving on {site.url}, proxy {start['proxy']} (version {__version__})",
        "event": "start",
        "version": __version__,
        "addresses": [site.url],
        "proxy": start["proxy"],
        "connections_limit": 50,
    }
    assert start["proxy"].startswith("http://127.0.0.1:")
    assert stop == {
        "time": stop["time"],
        "level": "info",
        "message": f"stopping on {sent.name}; requests: 1 answered, 1 in progress",
        "event": "stop",
        "reason": sent.name,
        "answered": 1,
        "in_progress": 1,
    }


def test_start_and_stop_are_lines_of_text() -> None:
    site, (start, stop) = start_and_stop(signal.SIGTERM, "--port", "0", "--connections-limit", "50")

    assert re.fullmatch(rf"{TIME} INFO serving on {re.escape(site.url)} \(version {re.escape(__version__)}\)", start)
    assert re.fullmatch(rf"{TIME} INFO stopping on SIGTERM; requests: 1 answered, 1 in progress", stop)


def test_in_process_emulator_logs_no_start(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "emulator")
    with Emulator():
        pass

    assert caplog.records == []


def test_text_log_has_a_line_per_refusal() -> None:
    caller, log = log_of()

    told = [line for line in log if caller.path in line]
    assert len(told) == 1
    assert all(text in told[0] for text in ("refused", "32702", "hello"))
    assert not [line for line in log if line.startswith("{")]


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_no_secret_is_logged(log_format: str) -> None:
    with Command("--port", "0", "--log-format", log_format, "--log-level", "debug") as command:
        wrong = Caller(command.site(), token="s3cret")
        wrong.send()
        wrong.ask(path=f"{wrong.path}?AuthToken=s3cret", headers=[("X-Api-Key", "s3cret")])
        _, _, err = command.end(signal.SIGTERM)

    assert wrong.account in err
    assert "s3cret" not in err
    assert wrong.auth[1].removeprefix("Basic ") not in err


def test_stop_ends_waits_and_streams_in_time() -> None:
    with Command() as command, ExitStack() as stack:
        site = command.site()
        streams = [stack.enter_context(Stream(site)) for _ in range(OPEN)]
        waiters = [stack.enter_context(site.connect()) for _ in range(OPEN)]
        for waiter in waiters:
            waiter.send(request("GET", "/livez"))
            assert waiter.reply("GET").status == 200
        for place, waiter in enumerate(waiters):
            bounds = "at_least=1&timeout=60" if place % 2 else "at_most=0&within=60"
            waiter.send(request("GET", f"/_emulator/messages?{bounds}"))
        code, _, err = command.end(signal.SIGTERM)
        answers = [waiter.reply("GET") for waiter in waiters]
        ends = [stream.next() for stream in streams]

    assert (code, err.count("Traceback")) == (0, 0)
    assert {answer.status for answer in answers} == {200}
    assert {(answer.json()["satisfied"], answer.json()["ended"]) for answer in answers} == {(False, "stopped")}
    assert ends == [None] * OPEN


def test_stop_ignores_a_stuck_client() -> None:
    with Command() as command:
        caller = Caller(command.site())
        with Stream(caller.site) as stream, caller.site.connect() as connection:
            stream.response.fp.raw._sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # type: ignore[attr-defined]
            for _ in range(300):
                connection.send(caller.raw('"' + "x" * 9000 + '"'))
                assert connection.reply().status == 201
            code, _, _ = command.end(signal.SIGTERM)

    assert code == 0
