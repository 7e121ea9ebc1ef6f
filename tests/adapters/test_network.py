"""Which addresses callbacks go to, whatever a URL, a resolver or an allowance says."""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from support.callback_receiver import DELIVERED, Names, ask, ask_once, nobody, receiving, run

from emulator.adapters.connections import Answer, Connections
from emulator.adapters.network import LOOK_UPS, resolve
from emulator.wire.connection_overrides import CallbackFailure, CallbackTimeouts


@pytest.mark.parametrize(
    "host",
    [
        "0.0.0.0",
        "0",
        "[::]",
        "169.254.169.254",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "0xA9.0376.43518",
        "[fe80::1]",
        "[::ffff:169.254.169.254]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[64:ff9b::169.254.169.254]",
        "[2002:a9fe:a9fe::]",
        "224.0.0.1",
        "255.255.255.255",
        "[ff02::1]",
    ],
)
def test_no_spelling_reaches_a_forbidden_ip(host: str) -> None:
    async def play() -> None:
        async with receiving() as receiver:
            answer = await ask_once(receiver.url(host=host))

            assert answer.error is not None
            assert answer.error.endswith("never called")
            assert (answer.status, answer.failure, receiver.opened) == (None, None, 0)

    run(play())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1"])
def test_every_spelling_of_loopback_works(host: str) -> None:
    async def play() -> None:
        async with receiving() as receiver:
            assert await ask_once(receiver.url(host=host)) == DELIVERED
            assert receiver.received[0].headers["host"] == f"{host}:{receiver.port}"

    run(play())


@pytest.mark.parametrize("host", ["metadata.google.internal", "metadata", "169.254.169.254.nip.example", "localhost."])
def test_allowed_name_of_a_forbidden_ip(host: str) -> None:
    async def play() -> None:
        names = Names(["169.254.169.254"])
        answer = await ask_once(f"http://{host}:80/", resolve=names, allowed=frozenset({host.rstrip(".")}))

        assert answer.error == (
            "169.254.169.254 is link-local, where clouds keep their metadata, which is never called"
        )
        assert names.asked == [(host, 80)]

    run(play())


def test_public_ip_requires_allowed_host() -> None:
    async def play() -> None:
        answer = await ask_once("https://example.com/", resolve=Names(["192.0.2.1"]))

        assert answer == Answer(
            error="192.0.2.1 is neither loopback nor private; the option callback_hosts can allow example.com"
        )

    run(play())


def test_resolved_address_is_pinned() -> None:
    """The resolver is called once; the connection uses its address and the original name."""

    async def play() -> None:
        async with receiving() as receiver:
            names = Names(["127.0.0.1"], ["169.254.169.254"])
            made = Connections(resolve=names)
            url = receiver.url(host="rebinding.test")

            assert [await ask(made, url), await ask(made, url)] == [DELIVERED, DELIVERED]
            assert names.asked == [("rebinding.test", receiver.port)]
            assert {each.headers["host"] for each in receiver.received} == {f"rebinding.test:{receiver.port}"}
            await made.aclose()

    run(play())


@pytest.mark.parametrize("addresses", [["127.0.0.1", "192.0.2.1"], ["192.0.2.1", "127.0.0.1"]])
def test_one_forbidden_address_rejects_all(addresses: list[str]) -> None:
    async def play() -> None:
        async with receiving() as receiver:
            answer = await ask_once(receiver.url(host="two.test"), resolve=Names(addresses))

            assert "192.0.2.1 is neither loopback nor private" in str(answer.error)
            assert receiver.opened == 0

    run(play())


def test_first_reachable_address_is_used() -> None:
    async def play() -> None:
        async with receiving() as receiver:
            names = Names(["127.0.0.2", "127.0.0.1"])

            assert await ask_once(receiver.url(host="two.test"), resolve=names) == DELIVERED

    run(play())


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.2", "127.0.0.1"]])
def test_refused_connection_fails(addresses: list[str]) -> None:
    async def play() -> None:
        with nobody() as port:
            answer = await ask_once(f"http://gone.test:{port}/", resolve=Names(addresses))

        assert answer == Answer(error="Connection refused", failure=CallbackFailure.CONNECT)

    run(play())


def test_unresolvable_name_fails() -> None:
    async def unknown(_host: str, _port: int) -> Sequence[str]:
        raise OSError("Name or service not known")

    async def play() -> None:
        assert await ask_once("http://gone.test/", resolve=unknown) == Answer(
            error="gone.test cannot be resolved: Name or service not known", failure=CallbackFailure.CONNECT
        )
        assert await ask_once("http://gone.test/", resolve=Names([])) == Answer(
            error="gone.test has no address", failure=CallbackFailure.CONNECT
        )

    run(play())


def test_slow_lookups_do_not_block_addresses(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of concurrent lookups is limited."""
    real, go_on, looked_up = socket.getaddrinfo, threading.Event(), list[str]()

    def slow(all_busy: Callable[[], object]) -> Callable[..., Any]:
        def find(host: str, *args: Any, **options: Any) -> Any:  # noqa: ANN401  as the real one
            if not host.endswith(".test") or options.get("flags") == socket.AI_NUMERICHOST:
                return real(host, *args, **options)
            looked_up.append(host)
            if len(looked_up) == LOOK_UPS:
                all_busy()
            go_on.wait(30)
            return real("127.0.0.1", *args, **options)

        return find

    async def play() -> None:
        loop, all_busy = asyncio.get_running_loop(), asyncio.Event()
        monkeypatch.setattr(socket, "getaddrinfo", slow(lambda: loop.call_soon_threadsafe(all_busy.set)))
        names = [f"slow{number}.test" for number in range(LOOK_UPS + 1)]
        waiting = [asyncio.create_task(resolve(name, 80)) for name in names]
        try:
            await all_busy.wait()
            async with receiving() as receiver:
                for host in ("127.0.0.1", "2130706433", "localhost", "LocalHost"):
                    assert await ask_once(receiver.url(host=host)) == DELIVERED
            assert await resolve("::1", 80) == ["::1"]
            assert sorted(looked_up) == sorted(names[:-1])
        finally:
            go_on.set()
        assert await asyncio.gather(*waiting) == [["127.0.0.1"]] * len(names)

    run(play())


def test_slow_resolver_times_out() -> None:
    async def play() -> None:
        never = asyncio.Event()

        async def slow(_host: str, _port: int) -> Sequence[str]:
            await never.wait()
            return []

        answer = await ask(Connections(resolve=slow), "http://slow.test/", CallbackTimeouts(connect=0.01))

        assert answer == Answer(error="no connection within 0.01 s", failure=CallbackFailure.CONNECT)

    run(play())
