"""Callbacks: end users send messages at full speed; a receiver in a separate process counts the callbacks."""

import json
import secrets
import time
from contextlib import ExitStack
from pathlib import Path

import cores
import message
from connection import Connection
from phone import Phone
from rows import Effort, Reading
from servers import EMULATOR, Kind, running

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
            phone = stack.enter_context(Phone(server.port, f"user{number}"))
            calls.append((phone, phone.call()))
        with Connection(server.port) as connection:
            for _, call in calls:
                subscribe = message.subscribe(server.port, f"http://127.0.0.1:{receiver.port}/", call=call)
                connection.ask(subscribe, status=201)
        outcome.send(message.get(receiver.port, "/"))
        before = time.perf_counter()
        for number in range(count // _CALLS):
            for phone, call in calls:
                _speak(phone, call, number)
            for phone, _ in calls:
                phone.hear("ack")
        misplaced = json.loads(outcome.reply(200))["misplaced"]
        elapsed = time.perf_counter() - before
    if misplaced:
        raise RuntimeError(f"{misplaced} of {count:,} callbacks came out of order")
    return Reading(
        value=elapsed / count * 1e3, details=f"{count:,} over {_CALLS} calls, in order, {count / elapsed:,.0f}/s"
    )


def _speak(phone: Phone, call: str, number: int) -> None:
    phone.say(
        "message",
        callsid=call,
        content={"number": number},
        contenttype="application/json",
        messagetype="user-defined-message",
        voiceeventsid=f"KX{secrets.token_hex(16)}",
    )
