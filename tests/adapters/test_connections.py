"""Connections: what they make of replies, when they are used again and when they are closed."""

import asyncio
import ssl
import time

import pytest
from support.callback_receiver import DELIVERED, OK, Names, Received, ask, ask_once, receiving, run, script, status

from emulator.adapters import connections
from emulator.adapters.connections import Answer, Connections
from emulator.adapters.tls import Tls
from emulator.wire.connection_overrides import CallbackFailure, CallbackTimeouts


def certified() -> Tls:
    """A receiver's certificates, the one for `receiver.test` only for who asks for that name."""
    return Tls(["receiver.test"], None, time.time)


def test_https_verifies_the_original_name() -> None:
    async def play() -> None:
        tls = certified()
        trust = ssl.create_default_context(cadata=tls.ca_pem.decode())
        async with receiving(tls=tls.context) as receiver:
            url = receiver.url(scheme="https", host="receiver.test")
            made = Connections(resolve=Names(["127.0.0.1"]), tls=trust)

            assert [await ask(made, url), await ask(made, url)] == [DELIVERED, DELIVERED]
            assert receiver.opened == 1
            await made.aclose()

    run(play())


@pytest.mark.parametrize(
    ("host", "trusted", "reason"),
    [
        ("receiver.test", False, "certificate verify failed: unable to get local issuer certificate"),
        ("other.test", True, "certificate verify failed: Hostname mismatch"),
    ],
)
def test_untrusted_certificate_fails(host: str, *, trusted: bool, reason: str) -> None:
    async def play() -> None:
        tls = certified()
        trust = ssl.create_default_context(cadata=tls.ca_pem.decode()) if trusted else None
        async with receiving(tls=tls.context) as receiver:
            url = receiver.url(scheme="https", host=host)
            answer = await ask_once(url, resolve=Names(["127.0.0.1"]), tls=trust)

            assert answer.failure is CallbackFailure.CONNECT
            assert reason in str(answer.error)
            assert receiver.received == []

    run(play())


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        pytest.param(b"nonsense\r\n\r\n", (None, "rt", "illegal status line"), id="no HTTP"),
        pytest.param(None, (None, "rt", "Server disconnected without sending a response."), id="nothing"),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nConnection: close\r\n\r\nhalf",
            (200, "rt", "peer closed connection without sending complete message body"),
            id="half a body",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nX: " + b"x" * 200_000 + b"\r\n\r\n",
            (None, "rt", "receive buffer too long"),
            id="endless headers",
        ),
    ],
)
def test_malformed_response_is_a_failure(reply: bytes | None, expected: tuple[int, str, str]) -> None:
    async def play() -> None:
        async with receiving(script(reply)) as receiver:
            answer = await ask_once(receiver.url())

            assert (answer.status, answer.failure) == expected[:2]
            assert expected[2].lower() in str(answer.error).lower()

    run(play())


def test_stalled_response_times_out() -> None:
    async def play() -> None:
        async with receiving(script(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf")) as receiver:
            made = Connections()
            answer = await ask(made, receiver.url(), CallbackTimeouts(read=0.5))  # within which the head must have come

            assert answer == Answer(200, "the reply stopped for 0.5 s", CallbackFailure.READ)
            await receiver.all_closed.wait()

    run(play())


def test_long_response_is_cut_and_closed() -> None:
    """Only the beginning is read, and the connection is closed."""

    async def play() -> None:
        endless = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n" + b"x" * (connections.MAX_REPLY + 1)
        async with receiving(script(endless)) as receiver:
            made = Connections()

            assert await ask(made, receiver.url()) == DELIVERED
            await receiver.all_closed.wait()
            await made.aclose()

    run(play())


def test_connections_are_reused_per_receiver() -> None:
    async def play() -> None:
        async with receiving() as one, receiving() as other:
            made = Connections()
            for receiver in (one, other, one, other):
                await ask(made, receiver.url())

            assert (one.opened, other.opened) == (1, 1)
            await made.aclose()
            await one.all_closed.wait()
            await other.all_closed.wait()

    run(play())


def test_read_request_is_not_repeated() -> None:
    """Not even if the receiver closed the connection before it responded."""

    async def play() -> None:
        async with receiving(script(OK, None, OK)) as receiver:
            made = Connections()

            assert await ask(made, receiver.url()) == DELIVERED
            assert await ask(made, receiver.url()) == Answer(
                error="Server disconnected without sending a response.", failure=CallbackFailure.READ
            )
            assert [each.connection for each in receiver.received] == [1, 1]
            await made.aclose()

    run(play())


def test_dead_connection_costs_no_attempt() -> None:
    async def play() -> None:
        async with receiving() as receiver:
            made = Connections()
            await ask(made, receiver.url())
            ((idle,),) = made._idle.values()
            await idle._connection._network_stream.aclose()
            idle.has_expired = lambda: False  # as if it were closed just after the look at it

            assert await ask(made, receiver.url()) == DELIVERED
            assert [each.connection for each in receiver.received] == [1, 2]
            await made.aclose()

    run(play())


def test_closed_connection_is_not_reused() -> None:
    async def play() -> None:
        async with receiving(script(OK + b"", status(200))) as receiver:
            made = Connections()
            await ask(made, receiver.url())
            for idle in made._idle.values():
                idle[0]._connection._expire_at = 0

            assert await ask(made, receiver.url()) == DELIVERED
            assert receiver.opened == 2
            await made.aclose()

    run(play())


def test_idle_connections_are_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "KEEP_IDLE", 0.01)

    async def play() -> None:
        async with receiving() as receiver:
            made = Connections()
            await ask(made, receiver.url())
            await receiver.all_closed.wait()
            assert made._sweeping is not None
            await made._sweeping

            assert made._idle == {}
            await made.aclose()

    run(play())


def test_many_at_once_have_a_connection_each() -> None:
    async def play() -> None:
        all_here = asyncio.Event()

        async def together(_: Received) -> bytes:
            if len(receiver.received) == 20:
                all_here.set()
            await all_here.wait()
            return OK

        async with receiving(together) as receiver:
            made = Connections()
            answers = await asyncio.gather(*(ask(made, receiver.url()) for _ in range(20)))

            assert answers == [DELIVERED] * 20
            assert receiver.opened == 20
            await made.aclose()

    run(play())
