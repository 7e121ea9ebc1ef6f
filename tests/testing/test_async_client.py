"""The client to be awaited: the same as the blocking one."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from support.server import Caller, Site
from support.sse import until

from emulator.testing import AsyncEmulatorClient, EmulatorClient, UnreachableError

QUESTIONS: dict[str, Callable[[Any], Any]] = {
    "messages": lambda one: one.messages(contains="1"),
    "requests": lambda one: one.requests(newest=2),
    "wait_for": lambda one: one.wait_for(2, timeout=0),
    "expect_none": lambda one: one.expect_none(within=0, contains="nothing"),
    "last": lambda one: one.last(),
    "register": lambda one: one.calls.register(client="pstn"),
    "get": lambda one: one.calls.get(),
    "all": lambda one: one.calls.all(),
}


def test_same_results_as_the_sync_client(client: EmulatorClient, caller: Caller) -> None:
    caller.send("1")
    caller.send("2")
    client.calls.register(client="pstn")

    for name, ask in QUESTIONS.items():
        assert asyncio.run(ask(client.aio)) == ask(client), name


def test_a_wait_lets_the_loop_run_on(client: EmulatorClient, caller: Caller) -> None:
    async def wait_and_send() -> object:
        waiting = asyncio.ensure_future(client.aio.wait_for(timeout=30.0))
        await asyncio.to_thread(caller.send)
        return await waiting

    assert asyncio.run(wait_and_send()) == client.messages()


def test_a_hundred_wait_at_once(client: EmulatorClient, caller: Caller) -> None:
    async def wait_all() -> list[object]:
        waits = [asyncio.ensure_future(client.aio.wait_for(timeout=30.0)) for _ in range(100)]
        await asyncio.to_thread(caller.send)
        return await asyncio.gather(*waits)

    assert asyncio.run(wait_all()) == [client.messages()] * 100


def test_cancelled_wait_ends_at_once(client: EmulatorClient) -> None:
    async def give_up() -> None:
        async with asyncio.timeout(0.05):
            await client.aio.wait_for(timeout=60.0)

    with pytest.raises(TimeoutError):
        asyncio.run(give_up())


def failing(ask: Awaitable[object]) -> None:
    async def run() -> None:
        await ask

    asyncio.run(run())


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://" + "a" * 70], ids=["port", "no host"])
def test_unreachable_emulator_is_one_line(url: str) -> None:
    with pytest.raises(UnreachableError, match="start one with `twilio-udm-emulator`") as failure:
        failing(AsyncEmulatorClient(url).messages())

    assert "\n" not in str(failure.value)


def test_https_url_is_supported(site: Site) -> None:
    with pytest.raises(UnreachableError, match="SSL"):
        failing(AsyncEmulatorClient(site.url.replace("http:", "https:")).messages())


def streams(client: EmulatorClient) -> int:
    (bound,) = (each for each in client.ready().memory.bounds if each.name == "event_streams")
    return bound.entries


def test_events_are_followed(client: EmulatorClient, caller: Caller) -> None:
    async def follow() -> list[str]:
        kinds = []
        stream = client.aio.events(after=0)
        async for event in stream:
            kinds.append(event.kind)
            if len(kinds) == 2:
                break
        await stream.aclose()
        return kinds

    caller.send()
    assert asyncio.run(follow()) == ["request", "message"]
    until(caller.site, lambda: streams(client) == 0)


def test_events_of_nobody_are_an_error() -> None:
    async def follow() -> None:
        async for _ in AsyncEmulatorClient("http://127.0.0.1:9").events():
            pass

    with pytest.raises(UnreachableError):
        asyncio.run(follow())
