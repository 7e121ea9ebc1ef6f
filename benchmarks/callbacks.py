"""Callbacks: end users send messages at full speed; a receiver in a separate process counts the callbacks."""

import json
import secrets
import time
from contextlib import ExitStack
from pathlib import Path

import cores
import message
from connection import Connection
from rows import Effort, Reading
from servers import EMULATOR, Kind, running
from voice_client import VoiceClient

_CALLS = 50
_SHARE = 20  # divisor of the number of exchanges: 5,000 callbacks; the emulator queues at most 10,000
_RECEIVER = str(Path(__file__).with_name("receiver.py"))


def in_order(effort: Effort) -> Reading:
    """Measure the time per callback, from the first message to the last callback; check the order per call."""
    count = effort.exchanges // _SHARE
    receiving = Kind(name="receiver of callbacks", arguments=(_RECEIVER, str(count)))
    with (
        running(EMULATOR) as server,
        running(receiving, core=cores.DRIVER) as receiver,
        Connection(receiver.port) as outcome,
        ExitStack() as stack,
    ):
        calls = []
        for number in range(_CALLS):
            client = stack.enter_context(VoiceClient(server.port, f"user{number}"))
            calls.append((client, client.call()))
        with Connection(server.port) as connection:
            for _, call in calls:
                subscribe = message.subscribe(server.port, f"http://127.0.0.1:{receiver.port}/", call=call)
                connection.ask(subscribe, status=201)
        outcome.send(message.get(receiver.port, "/"))
        before = time.perf_counter()
        for number in range(count // _CALLS):
            for client, call in calls:
                _send_message(client, call, number)
            for client, _ in calls:
                client.receive("ack")
        misplaced = json.loads(outcome.reply(200))["misplaced"]
        elapsed = time.perf_counter() - before
    if misplaced:
        raise RuntimeError(f"{misplaced} of {count:,} callbacks came out of order")
    return Reading(
        value=elapsed / count * 1e3, details=f"{count:,} over {_CALLS} calls, in order, {count / elapsed:,.0f}/s"
    )


def _send_message(client: VoiceClient, call: str, number: int) -> None:
    client.send(
        "message",
        callsid=call,
        content={"number": number},
        contenttype="application/json",
        messagetype="user-defined-message",
        voiceeventsid=f"KX{secrets.token_hex(16)}",
    )
