"""Apply the faults that the engine chose to the client's connection."""

import asyncio
from contextlib import suppress
from typing import Any

from emulator.endpoints.asgi import CONNECTION, HALF_CLOSED, Connection, Receive, RenderedResponse, Scope, until_gone
from emulator.endpoints.twilio.request_log import log
from emulator.engine.capacity import CapacityError
from emulator.engine.engine import Engine
from emulator.engine.faults.fault import InjectedFault
from emulator.engine.faults.fault_kind import ConnectionFault
from emulator.engine.journal.exchange import RequestContext
from emulator.engine.scope import Scope as Owner


async def hold(context: RequestContext, seconds: float, engine: Engine, scope: Scope, receive: Receive) -> None:
    """Wait for `seconds`; return early when the scope is reset, the emulator stops, or the client disconnects.

    A client that sends EOF during the delay probably gave up. It may also have sent EOF after its request, so the
    response is still sent when the delay ends.
    """
    owner = Owner(context.account_sid, context.call_sid)
    try:
        held = engine.delays.begin(owner)
    except CapacityError as error:
        log.warning("a response is not delayed: %s", error)
        return
    leaving = asyncio.ensure_future(until_gone(scope, receive))
    try:
        either: set[asyncio.Future[Any]] = {held, leaving}
        due = asyncio.get_running_loop().time() + seconds
        await asyncio.wait(either, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            engine.client_left(context)
            if HALF_CLOSED in scope.get("extensions", {}):
                await asyncio.wait({held}, timeout=due - asyncio.get_running_loop().time())
                context.was_left = False  # it may still read; the connection reports it otherwise
    finally:
        leaving.cancel()
        engine.delays.remove(held)


def apply(fault: InjectedFault, response: RenderedResponse | None, scope: Scope) -> bool:
    """Apply a fault to the connection instead of sending the response. If that fails, the connection is closed.

    Returns:
        False when the server does not expose its connections; nothing was done.
    """
    assert isinstance(fault.action, ConnectionFault)
    connection: Connection | None = scope.get("extensions", {}).get(CONNECTION)
    if connection is None:
        log.error(
            "cannot apply %s (%s): this server does not give access to its connections; run the emulator's own server",
            fault.name,
            fault.rule,
        )
        return False
    try:
        fault.action.apply(connection, response)
    except Exception:  # noqa: BLE001  the server goes on
        log.exception("unexpected failure of %s (%s)", fault.name, fault.rule)
        with suppress(RuntimeError):  # the response is complete: the connection has ended already
            connection.write_raw(b"")
    return True
