"""Subscriptions and what comes of them, as tests from outside see it: a receiver in a thread, and short ways to ask."""

import asyncio
import queue
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from support.callback_receiver import Received, Receiver, Reply, ok, receiving
from support.server import PATIENCE, Caller, Headers
from support.server import Reply as Answer
from support.sse import post_json

RESOURCE = "UserDefinedMessageSubscriptions"
CALLBACK = "http://127.0.0.1:9/messages"
"""Nobody listens there, and nothing is said that would make anybody ask."""
LONG = 60
"""Nobody waits for so long here: a wait that is not woken fails the test."""


@dataclass
class Listener:
    """A receiver of callbacks in a thread of its own."""

    receiver: Receiver
    loop: asyncio.AbstractEventLoop

    @property
    def received(self) -> list[Received]:
        return self.receiver.received

    def url(self, path: str = "/cb", **options: str) -> str:
        return self.receiver.url(path, **options)


class Hold:
    """Lets a receiver take requests and answer none, until it is told to; to be made anywhere."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._go_on: asyncio.Event | None = None
        self.here = threading.Event()
        self._is_over = False

    async def __call__(self, request: Received) -> bytes:
        """Hold a request."""
        if not self._is_over:
            if self._go_on is None:
                self._loop, self._go_on = asyncio.get_running_loop(), asyncio.Event()
            self.here.set()
            await self._go_on.wait()
        return await ok(request)

    def release(self) -> None:
        """Answer all that is held, and hold no more."""
        self._is_over = True
        if self._loop is not None and self._go_on is not None:
            self._loop.call_soon_threadsafe(self._go_on.set)


@contextmanager
def listening(reply: Reply = ok) -> Iterator[Listener]:
    """A receiver on any free port while the block runs; what is told there should be settled before the end of it."""
    ready: queue.SimpleQueue[tuple[Listener, asyncio.Event]] = queue.SimpleQueue()

    async def serve() -> None:
        over = asyncio.Event()
        async with receiving(reply) as receiver:
            ready.put((Listener(receiver, asyncio.get_running_loop()), over))
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="receiver", daemon=True)
    thread.start()
    listener, over = ready.get(timeout=PATIENCE)
    try:
        yield listener
    finally:
        listener.loop.call_soon_threadsafe(over.set)
        thread.join(PATIENCE)
        assert not thread.is_alive()


def path_of(caller: Caller, sid: str | None = None, suffix: str = ".json") -> str:
    """The path of a caller's subscriptions, or of one."""
    whole = f"/2010-04-01/Accounts/{caller.account}/Calls/{caller.call}/{RESOURCE}"
    return f"{whole}{suffix}" if sid is None else f"{whole}/{sid}{suffix}"


def subscribe(
    caller: Caller, callback: str | None = CALLBACK, *, suffix: str = ".json", more: Headers = (), **parameters: str
) -> Answer:
    """Create a subscription."""
    form = ({} if callback is None else {"Callback": callback}) | parameters
    return caller.ask(urlencode(form).encode(), path=path_of(caller, suffix=suffix), more=more)


def subscribed(caller: Caller, callback: str = CALLBACK, **parameters: str) -> str:
    """The SID of a subscription that was created."""
    reply = subscribe(caller, callback, **parameters)
    assert reply.status == 201, reply
    sid: str = reply.json()["sid"]
    return sid


def unsubscribe(caller: Caller, sid: str, *, suffix: str = ".json", more: Headers = ()) -> Answer:
    """Delete a subscription."""
    with caller.site.connect() as connection:
        lines = [("Host", "127.0.0.1"), ("Connection", "close"), caller.auth, *more]
        head = "".join(f"{name}: {value}\r\n" for name, value in lines)
        connection.send(f"DELETE {path_of(caller, sid, suffix)} HTTP/1.1\r\n{head}\r\n".encode("latin-1"))
        reply = connection.reply("DELETE")
        assert connection.is_closed()
        return reply


def say(caller: Caller, content: str = "{}", **more: object) -> Any:  # noqa: ANN401  JSON
    """Let the end user of the caller's call say something."""
    reply = speak(caller, content, **more)
    assert reply.status == 201, reply
    return reply.json()


def speak(caller: Caller, content: object = "{}", **more: object) -> Answer:
    """Ask for it, whatever comes of it."""
    return post_json(caller.site, f"/_emulator/calls/{caller.call}/end-user/messages", {"content": content, **more})


def subscriptions(caller: Caller) -> list[Any]:
    """All of an account."""
    listed: list[Any] = caller.site.get(f"/_emulator/subscriptions?account_sid={caller.account}").json()[
        "subscriptions"
    ]
    return listed


def deliveries(caller: Caller, **query: object) -> Any:  # noqa: ANN401  JSON
    """The page of an account's deliveries."""
    reply = caller.site.get(f"/_emulator/deliveries?{urlencode({'account_sid': caller.account, **query})}")
    assert reply.status == 200, reply
    return reply.json()


def settled(caller: Caller, outcome: str = "delivered", count: int = 1) -> list[Any]:
    """The account's deliveries, once so many of this outcome are there."""
    page = deliveries(caller, outcome=outcome, at_least=count, timeout=PATIENCE)
    assert page["satisfied"], page
    found: list[Any] = page["deliveries"]
    return found
