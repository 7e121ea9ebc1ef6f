"""Two runs of the same requests, byte for byte: with clock and seed only the measured duration differs."""

import json
import re
from collections.abc import Callable
from urllib.parse import urlencode

import pytest
from support.builders import ACCOUNT, CALL, OTHER_CALL, Time
from support.server import FORM, Caller, Connection, Servers, Site, basic, request

CLOCK = 1767323045.0  # 2026-01-02T03:04:05Z
JSON = ("Content-Type", "application/json")
DURATION = re.compile(rb"(?<=twilio-request-duration: )[0-9.]+")


def one_run(site: Site) -> list[bytes]:
    """Some of everything, each on a connection of its own."""
    caller = Caller(site, account=ACCOUNT, call=CALL)
    sent = [caller.raw(content, key) for content, key in (("{}", None), ("[1]", "k"), ("[1]", "k"), ("[2]", "k"))]
    sent += [
        caller.raw("hello"),
        caller.raw("{}", None, ("Accept-Charset", "utf-8")),
        request("OPTIONS", caller.path),
        request("GET", caller.path, [caller.auth]),
        request("POST", caller.path, [basic(ACCOUNT, "wrong")], b""),
        request("POST", caller.path.removesuffix(".json"), caller.headers(), urlencode({"Content": "{}"}).encode()),
        request("PUT", f"/_emulator/calls/{OTHER_CALL}", [JSON], b'{"status": "completed"}'),
        Caller(site, account=ACCOUNT, call=OTHER_CALL).raw(),
        request("POST", "/_emulator/check", [JSON], json.dumps({"path": caller.path}).encode()),
        b"nonsense\r\n\r\n",
        request("PUT", "/_emulator/clock", [JSON], b'{"advance": 86400}'),
        caller.raw("[1]", "k"),
        request("GET", "/_emulator/messages"),
        request("GET", "/_emulator/rules"),
    ]
    return [everything(site, data) for data in sent]


def everything(site: Site, data: bytes) -> bytes:
    """All bytes that come back, but for what is measured."""
    with Connection(site.address) as connection:
        connection.send(data.replace(b"Host:", b"Connection: close\r\nHost:", 1))
        received = b""
        while piece := connection.socket.recv(65536):
            received += piece
    return DURATION.sub(b"", received)


def by_option(serve: Servers) -> Site:
    return serve(now=Time(), clock=CLOCK, seed=7)


def by_call(serve: Servers) -> Site:
    site = serve(now=Time())
    site.put_json("/_emulator/clock", {"freeze": "2026-01-02T03:04:05Z"})
    site.put_json("/_emulator/seed", {"seed": 7})
    return site


@pytest.mark.parametrize("again", [by_option, by_call])
def test_two_runs_are_the_same_byte_for_byte(serve: Servers, again: Callable[[Servers], Site]) -> None:
    first, second = one_run(by_option(serve)), one_run(again(serve))

    assert all(first)
    assert any(b"Fri, 02 Jan 2026 03:04:05" in reply for reply in first)
    assert first == second


def test_a_reset_is_a_second_run(serve: Servers) -> None:
    site = by_option(serve)
    first = [reply for reply in one_run(site) if b"last_seq" not in reply]  # places go on
    site.ask("POST", "/_emulator/reset")
    second = [reply for reply in one_run(site) if b"last_seq" not in reply]

    assert first == second


def test_other_seed_or_time_changes_the_run(serve: Servers) -> None:
    first = one_run(by_option(serve))

    assert one_run(serve(now=Time(), clock=CLOCK, seed=8)) != first
    assert one_run(serve(now=Time(), clock=CLOCK + 1, seed=7)) != first


def test_duration_is_all_that_is_left_out(serve: Servers) -> None:
    with Connection(by_option(serve).address) as connection:
        connection.send(request("POST", "/2010-04-01/x", [("Content-Type", FORM)], b""))
        reply = connection.reply()

    assert reply.header("twilio-request-duration") is not None
