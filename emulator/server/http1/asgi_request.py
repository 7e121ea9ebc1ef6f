"""The ASGI interface of one request (asgi.readthedocs.io, HTTP 2.3)."""

import asyncio
import logging
from collections.abc import Callable
from typing import Any, Protocol
from urllib.parse import unquote

from starlette.requests import ClientDisconnect

from emulator.endpoints.asgi import CONNECTION, HALF_CLOSED, Receive, RenderedResponse, Scope, Send
from emulator.server.http1.connection import Http1Connection
from emulator.server.http1.request_cycle import RequestCycle
from emulator.server.http1.response_head import STATUS_LINES
from emulator.server.http1.states import Response
from emulator.wire.masking import mask_text

_DISCONNECT = {"type": "http.disconnect"}
_log = logging.getLogger("emulator.server")


class Carrier(Protocol):
    """The part of the connection's asyncio protocol that a request uses."""

    machine: Http1Connection
    writable: asyncio.Event

    def flush(self) -> None:
        """Send pending output, and end the connection if the state machine requires it."""

    def flush_later(self) -> None:
        """Send with the other responses of this loop iteration."""

    def follow(self) -> int:
        """Continue reading, or serve the next request, if the limits allow it."""

    def finish(self, cycle: RequestCycle) -> None:
        """Count a request whose application has returned; complete or reset a response that it left open."""


class AsgiRequest:
    """One request in progress; also the `Connection` in its scope's extensions."""

    def __init__(self, carrier: Carrier, cycle: RequestCycle, scope: Scope) -> None:
        self._carrier = carrier
        self._machine = carrier.machine
        self._cycle = cycle
        self._changed = asyncio.Event()
        self._ended = False  # the end of the body was received
        self._saw_eof = False
        self._extensions: dict[str, Any] = {CONNECTION: self}
        self._scope = _scope_of(cycle, scope, self._extensions)
        cycle.notify = self._changed.set

    async def run(self, app: Callable[[Scope, Receive, Send], Any]) -> None:
        """Run the application, and ensure that a response is sent."""
        try:
            await app(self._scope, self.receive, self.send)
        except ClientDisconnect:
            pass  # before its request was complete
        except Exception:  # noqa: BLE001  the server continues
            _log.exception("unexpected failure at %s %s", self._cycle.method, mask_text(self._cycle.target))
        finally:
            # Break the reference cycle with the task, so that requests do not wait for the garbage collector.
            self._extensions.clear()
            self._carrier.finish(self._cycle)

    async def receive(self) -> dict[str, Any]:
        """Receive a piece of the body; after a disconnect or the complete response, `http.disconnect`."""
        cycle, machine = self._cycle, self._machine
        while cycle.is_open:
            self._changed.clear()
            if cycle.pieces or (cycle.is_whole and not self._ended):
                body = machine.take_body(cycle)
                self._ended = cycle.is_whole
                self._carrier.follow()
                return {"type": "http.request", "body": body, "more_body": not self._ended}
            if machine.received_eof and not self._saw_eof:
                self._saw_eof = True
                self._extensions[HALF_CLOSED] = {}
                return {"type": "http.request", "body": b"", "more_body": not self._ended}
            if not cycle.is_whole:
                machine.send_continue(cycle)
                self._carrier.flush()
            await self._changed.wait()
        return _DISCONNECT

    async def send(self, message: Any) -> None:  # noqa: ANN401  an ASGI message
        """Send a part of the response; do nothing when the client is disconnected."""
        if not self._carrier.writable.is_set():
            await self._carrier.writable.wait()
        if message["type"] == "http.response.start":
            self._machine.send_head(self._cycle, message["status"], list(message.get("headers", ())))
            self._carrier.flush_later()
        else:
            more = message.get("more_body", False)
            self._machine.send_body(self._cycle, message.get("body", b""), more=more)
            self._sent()

    # --- Connection

    def respond(self, response: RenderedResponse) -> None:
        """Send a complete response."""
        self._machine.send_response(self._cycle, response.status, response.head, response.body, response.on_lost)
        self._sent()

    def write_raw(self, data: bytes) -> None:
        """Send these bytes instead of the response, and close."""
        self._machine.send_raw(self._cycle, data)
        self._sent()

    def truncate(self, response: RenderedResponse, length: int) -> None:
        """Send a head and the beginning of its body, and close."""
        self.write_raw(b"%b%b\r\n%b" % (STATUS_LINES[response.status], response.head, response.body[:length]))

    def reset(self) -> None:
        """Reset the connection."""
        self._machine.reset(self._cycle)
        self._sent()

    def _sent(self) -> None:
        self._changed.set()  # wakes a task that waits for a disconnect
        self._carrier.flush()
        if self._cycle.response is Response.COMPLETE:
            self._carrier.follow()


def _scope_of(cycle: RequestCycle, connection: Scope, extensions: dict[str, Any]) -> Scope:
    path, _, query = cycle.target.partition("?")
    return {
        **connection,
        "type": "http",
        "http_version": cycle.version,
        "method": cycle.method,
        "path": unquote(path) if "%" in path else path,
        "raw_path": path.encode("latin-1"),
        "query_string": query.encode("latin-1"),
        "headers": cycle.headers,
        "extensions": extensions,
    }
