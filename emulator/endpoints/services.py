"""The parts that the endpoints and the server share. `create_app` makes them; `app.state.services` holds them."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from emulator.adapters.callbacks import Callbacks
from emulator.adapters.schema_queue import SchemaQueue
from emulator.engine.engine import Engine
from emulator.wire.masking import Masking
from emulator.wire.replies import Header, Reply
from emulator.wire.rules import Rule


class DryRunner(Protocol):
    """Evaluates a request on the Twilio surface without storing it."""

    def dry_run(
        self, method: str, target: str, headers: list[Header], body: bytes
    ) -> tuple[Reply, list[Header], list[tuple[Rule, bool]]]:
        """Return the reply, its headers, and each evaluated rule with whether the request passed it."""


class ConnectionCounter(Protocol):
    """The number of open connections on all ports, and its limit."""

    open: int
    limit: int


@dataclass(slots=True, eq=False)
class Listening:
    """Where the application is served; only our own server fills it in.

    Attributes:
        addresses: base URLs.
        proxy: the proxy's URL.
        ca_pem: the certificate authority of the https port and the proxy, in PEM.
        connections: open connections.
    """

    addresses: list[str] = field(default_factory=list)
    proxy: str | None = None
    ca_pem: bytes | None = None
    connections: ConnectionCounter | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The parts of one application.

    Attributes:
        started_at: when the application was made, in seconds of the monotonic clock.
        insights: returns how many insight events Voice SDKs have sent.
    """

    engine: Engine
    masking: Masking
    callbacks: Callbacks
    dry_runner: DryRunner
    schema_queue: SchemaQueue
    insights: Callable[[], int]
    connections_limit: int
    started_at: float
    listening: Listening = field(default_factory=Listening)
