"""The memory account counts at least what the interpreter allocates, for any input of a client."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from support.builders import CALLBACK, SOME_TIME, account, arrive, call, make_engine, notice, request, subscription

from emulator.engine.callbacks.deliveries import CallbackAttempt
from emulator.engine.engine import Engine
from emulator.engine.faults.kinds.quota import QuotaFault
from emulator.engine.faults.rules import FaultEffect, FaultRuleSpec, Match
from emulator.engine.journal.exchange import pack
from emulator.engine.journal.filters import RequestFilter
from emulator.engine.json_match import JsonSubset
from emulator.engine.scope import Scope
from emulator.engine.voice.auto_answer import AutoAnswer, Reaction
from emulator.engine.voice.call_legs import EndUserMessage
from emulator.engine.voice.clients import ClientConnection, ClientConnections
from emulator.wire import errors
from emulator.wire.messages import NewMessage
from emulator.wire.signalling import server_frames
from emulator.wire.subscriptions import NewSubscription

MANY = 300
WIDE = "\N{GRINNING FACE}"
"""A character that makes a Python string take four bytes per character."""
Fill = Callable[[Engine, int], object]


def ac(number: int) -> str:
    return f"AC{number:032x}"


def ca(number: int) -> str:
    return f"CA{number:032x}"


def wide(number: int, length: int) -> str:
    return f"{number}{WIDE}".ljust(length, "x")


def create(engine: Engine, number: int, content: str, key: str | None = None) -> None:
    body = bytes(200) + number.to_bytes(4, "big")
    sent_now = request(head=pack([(b"x-number", b"%d" % number)]), body=body, target=f"/{number:0100}")
    engine.create(arrive(engine, ac(number), ca(number)), sent_now, NewMessage(content, key))


def refuse(engine: Engine, number: int) -> None:
    body = f"IdempotencyKey={wide(number, 20_000)}&Content={wide(number, 20_000)}".encode()
    form = request(head=pack([(b"content-type", b"application/x-www-form-urlencoded")]), body=body)
    engine.refuse(arrive(engine, ac(number), ca(number)), form, errors.FORM_BROKEN, wide(number, 300))


def deliver(engine: Engine, number: int) -> None:
    deliveries = engine.callback_dispatcher.deliveries
    texts = {"account_sid": ac(number), "call_sid": ca(number), "sid": f"KX{number:032x}"}
    made = deliveries.open(
        subscription(id=f"{number:032x}", callback=f"{CALLBACK}/{number:0200}"),
        notice(content=wide(number, 2_000), **texts),
        ids=engine.ids,
        now=SOME_TIME,
    )
    for attempt in range(6):
        deliveries.attempted(
            made, CallbackAttempt(SOME_TIME + number, attempt / 7, error=f"{number} is {'refused' * 20}")
        )


def end_user_message(engine: Engine, number: int) -> None:
    said = EndUserMessage(ac(number), ca(number), f"user {number}", f"KX{number:032x}", wide(number, 2_000), "text/x")
    engine.receive_end_user_message(said)


def add_fault(engine: Engine, number: int) -> None:
    match = Match(scope=Scope(ac(number), ca(number)))
    engine.faults.add(
        FaultRuleSpec(match=match, then=FaultEffect(fault=QuotaFault(requests=10, window=60.0 + number)), seed=number)
    )


def subscribe(engine: Engine, number: int) -> None:
    new = NewSubscription(f"{CALLBACK}/{number:0300}", "POST", None)
    made = new.create(f"{number:032x}", ac(number), ca(number), SOME_TIME + number)
    engine.callback_dispatcher.subscriptions.add(made)


def place_call(engine: Engine, number: int) -> None:
    engine.calls.add(call(sid=ca(number), account_sid=ac(number)))


def wait(engine: Engine, number: int) -> None:
    content, contains = JsonSubset([number] * 50), wide(number, 500)
    wanted = RequestFilter(account_sid=ac(number), call_sid=ca(number), contains=contains, content=content)
    engine.waits.begin(wanted, at_least=1, at_most=None)


def read(engine: Engine, number: int) -> None:
    engine.events.open(RequestFilter(account_sid=ac(number), call_sid=ca(number), contains=wide(number, 500)))


def sequence(engine: Engine, number: int) -> None:
    engine.callback_dispatcher._sequences.take(ac(number), ca(number))


def behave(engine: Engine, number: int) -> None:
    engine.call_controller.auto_answers.put(wide(number, 100), AutoAnswer(Reaction.ANSWER, 1.0 + number))


def begin_voice_call(engine: Engine, number: int) -> None:
    leg = engine.call_controller._legs.begin(f"user {number}", ac(number), [])
    leg.sdp = "v=0" + "x" * 1_000 + str(number)


FILLS: dict[str, Fill] = {
    "short messages": lambda engine, number: create(engine, number, str(number)),
    "long messages": lambda engine, number: create(engine, number, wide(number, 10_000)),
    "messages with keys": lambda engine, number: create(engine, number, str(number), f"key {number}"),
    "messages with wide keys": lambda engine, number: create(engine, number, str(number), wide(number, 255)),
    "refusals": refuse,
    "deliveries": deliver,
    "messages of end users": end_user_message,
    "faults": add_fault,
    "subscriptions": subscribe,
    "calls": place_call,
    "waits": wait,
    "streams": read,
    "sequence numbers": sequence,
    "behaviours": behave,
    "voice calls": begin_voice_call,
    "resets": lambda engine, number: engine.reset(Scope(ac(number), ca(number))),
    "delayed responses": lambda engine, number: engine.delays.begin(Scope(ac(number), ca(number))),
}


def growth(engine: Engine, fill: Fill) -> tuple[int, int]:
    """Return the growth of the account and of the interpreter's memory, in bytes."""
    for number in range(10):  # warm up: exclude one-time allocations
        fill(engine, number)
    gc.collect()
    before = engine.memory.bytes
    tracemalloc.start()
    for number in range(10, 10 + MANY):
        fill(engine, number)
    gc.collect()
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return engine.memory.bytes - before, allocated


def evicted() -> dict[str, int]:
    """Return the use of memory after many large contents and keys with a small memory limit."""
    engine = make_engine(memory_limit=2 * 1024**2)

    def fill(engine: Engine, number: int) -> None:
        create(engine, number, wide(number, 10_000), wide(number, 255))

    _, allocated = growth(engine, fill)
    fill(engine, 10)
    memory = engine.memory
    keys, journal = memory["idempotency_keys"].entries, memory["journal"].entries
    return {"bytes": memory.bytes, "limit": memory.limit, "allocated": allocated, "keys": keys, "journal": journal}


async def measure() -> None:
    """Print all measurements as JSON; `measured` runs this in a separate process."""
    grown = {name: growth(make_engine(), fill) for name, fill in FILLS.items()}
    print(json.dumps({"growth": grown, "evicted": evicted()}))  # noqa: T201


@pytest.fixture(scope="module")
def measured() -> Any:  # noqa: ANN401  JSON
    """Measurements from a process without other allocations, for example servers of other tests or coverage."""
    script = "import asyncio, test_memory; asyncio.run(test_memory.measure())"
    folder = Path(__file__).parent
    path = os.pathsep.join(map(str, (folder, folder.parent)))
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        cwd=folder.parents[1],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("name", FILLS)
def test_account_counts_all_allocations(measured: Any, name: str) -> None:  # noqa: ANN401  JSON
    counted, allocated = measured["growth"][name]

    assert counted >= allocated
    assert counted <= 4 * allocated


@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_a_reset_of_all_releases_all(fill: Fill) -> None:
    async def run() -> int:
        engine = make_engine()
        for number in range(20):
            fill(engine, number)
        for wait in list(engine.waits):
            engine.waits.end_wait(wait)
        for reader in list(engine.events):
            engine.events.close(reader)
        for held in [held for held, _ in engine.delays.items()]:
            engine.delays.remove(held)
        engine.reset(Scope())
        return engine.memory.bytes - engine.memory["event_notes"].bytes  # notes of resets remain for streams

    assert asyncio.run(run()) == 0


def test_evicted_message_keeps_replay_data(measured: Any) -> None:  # noqa: ANN401  JSON
    left = measured["evicted"]

    assert left["bytes"] <= left["limit"]
    assert left["allocated"] <= left["limit"]
    assert left["keys"] > 2 * left["journal"]


def test_unread_frames_are_counted() -> None:
    memory = account()
    known, line = ClientConnections(memory), ClientConnection()
    known.put(line, "alice")
    alone = memory["connected_users"].bytes
    line.put(server_frames.ServerMessage(call_sid=ca(1), sid="KX", content="x" * 5_000))
    waiting = memory["connected_users"].bytes
    line.take()

    assert waiting - alone > 5_000
    assert memory["connected_users"].bytes == alone
