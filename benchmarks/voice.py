"""Latency from a REST POST to `messageReceived` at the asyncio end user of `emulator.testing`."""

import asyncio
import time
from contextlib import AsyncExitStack
from functools import cache
from statistics import median, quantiles

import message
from connection import body_length
from rows import Effort, Reading
from servers import EMULATOR, running

from emulator.testing.async_end_user import AsyncEndUser, AsyncVoiceCall

_CALLS = 50
_PER_SECOND = 200


def usual(effort: Effort) -> Reading:
    """Measure the median latency."""
    return _reading(effort, [median(elapsed) for elapsed in _rounds(effort)])


def slowest_percent(effort: Effort) -> Reading:
    """Measure the 99th percentile in the same run."""
    return _reading(effort, [quantiles(elapsed, n=100)[-1] for elapsed in _rounds(effort)])


def _reading(effort: Effort, rounds: list[float]) -> Reading:
    """Return the median of the rounds, because other load on the machine affects single rounds."""
    what = f"{_PER_SECOND}/s over {_CALLS} calls, {effort.seconds} s each"
    return Reading(value=median(rounds), details=f"{what}; rounds: {', '.join(f'{ms:.2f}' for ms in rounds)}")


@cache
def _rounds(effort: Effort) -> list[list[float]]:
    """Return the milliseconds of every message, in consecutive rounds."""
    of_each = effort.seconds * _PER_SECOND // _CALLS
    with running(EMULATOR) as server:
        found = asyncio.run(_on_all_calls(server.port, effort.rounds * of_each))
    starts = range(0, effort.rounds * of_each, of_each)
    return [[elapsed for of_call in found for elapsed in of_call[start : start + of_each]] for start in starts]


async def _on_all_calls(port: int, of_each: int) -> list[list[float]]:
    async with AsyncExitStack() as stack:
        calls = []
        for number in range(_CALLS):
            user = AsyncEndUser(f"http://127.0.0.1:{port}", f"user{number}")
            await stack.enter_async_context(user)
            calls.append(await user.call())
        begin = time.perf_counter()
        starts = (begin + number / _PER_SECOND for number in range(_CALLS))
        return await asyncio.gather(
            *(_on_one_call(port, call, start, of_each) for call, start in zip(calls, starts, strict=True))
        )


async def _on_one_call(port: int, call: AsyncVoiceCall, start: float, count: int) -> list[float]:
    """Send messages at the intervals of this call; the first is a warm-up that opens connections."""
    request = message.create(port, call=call.sid)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    elapsed = []
    for number in range(count + 1):
        await asyncio.sleep(start + number * _CALLS / _PER_SECOND - time.perf_counter())
        before = time.perf_counter()
        writer.write(request)
        await call.wait_for(number + 1)
        elapsed.append((time.perf_counter() - before) * 1e3)
        await _created(reader)
    writer.close()
    return elapsed[1:]


async def _created(reader: asyncio.StreamReader) -> None:
    """Read a response; raise RuntimeError unless its status is 201."""
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 201 "):
        raise RuntimeError(f"expected 201, got {head!r}")
    await reader.readexactly(body_length(head))
