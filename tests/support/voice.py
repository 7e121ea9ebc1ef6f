"""Voice SDKs for tests: users on connections of a call_controller, and a time that passes when it is told to."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from emulator.engine.capacity import MemoryAccount
from emulator.engine.config import Unregistered
from emulator.engine.ids import IdGenerator
from emulator.engine.state.calls import CallRegistry, Status
from emulator.engine.voice.call_control import CallController
from emulator.engine.voice.clients import ClientConnection
from emulator.wire.signalling import client_frames, server_frames

if TYPE_CHECKING:
    from emulator.engine.voice.call_legs import EndUserMessage

KX = "KX" + "1" * 32
F = TypeVar("F")


@dataclass(eq=False)
class Timer:
    due: float
    callback: Callable[[], None]
    timers: "Timers"

    def cancel(self) -> None:
        if self in self.timers.waiting:
            self.timers.waiting.remove(self)


@dataclass
class Timers:
    """`later` without a clock."""

    now: float = 0.0
    waiting: list[Timer] = field(default_factory=list)

    def later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = Timer(self.now + seconds, callback, self)
        self.waiting.append(timer)
        return timer

    def pass_by(self, seconds: float) -> None:
        self.now += seconds
        for timer in [timer for timer in self.waiting if timer.due <= self.now]:
            timer.cancel()
            timer.callback()


class User:
    """A user on a connection: acts, and reads what it is told."""

    def __init__(self, harness: "CallHarness", identity: str, account_sid: str | None, timeout: float) -> None:
        self._controller = harness.controller
        self.connection = ClientConnection()
        self._controller.connect(self.connection, identity=identity, account_sid=account_sid, reconnect_timeout=timeout)

    def register(self) -> "User":
        self._controller.register(self.connection, available=True)
        self.connection.take()
        return self

    def call(self, to: str | None = "bob", alias: str = "TJS1", **parameters: str) -> str:
        """Call somebody and take what is said first; returns the CallSid."""
        given = parameters if to is None else {"To": to, **parameters}
        self._controller.invite(self.connection, client_frames.ClientInvite(call_sid=alias, sdp="", parameters=given))
        return (
            self.connection.aliases[alias]
            if alias in self.connection.aliases
            else self.peek(server_frames.Ringing).call_sid
        )

    def answer(self, call_sid: str) -> None:
        self._controller.answer(self.connection, call_sid)

    def reject(self, call_sid: str) -> None:
        self._controller.reject(self.connection, call_sid)

    def hang_up(self, call_sid: str) -> None:
        self._controller.hang_up(self.connection, call_sid)

    def disconnect(self) -> None:
        self._controller.disconnect(self.connection)

    def reconnect(self, call_sid: str, token: str) -> None:
        self._controller.reconnect(self.connection, call_sid, token)

    def send_message(self, call_sid: str, content: str = "{}", kind: str = "user-defined-message") -> None:
        frame = client_frames.ClientMessage(
            call_sid=call_sid, sid=KX, content=content, content_type="application/json", message_type=kind
        )
        self._controller.receive_message(self.connection, frame)

    def peek(self, kind: type[F]) -> F:
        return next(frame for frame in self.connection._outbox if isinstance(frame, kind))

    def take(self) -> list[server_frames.ServerFrame]:
        return self.connection.take()

    def kinds(self) -> list[str]:
        return [type(frame).__name__ for frame in self.take()]

    def take_one(self, kind: type[F]) -> F:
        """The one frame of this kind among what waits, all of which is taken."""
        (frame,) = [frame for frame in self.take() if isinstance(frame, kind)]
        return frame


class CallHarness:
    """A call_controller, its calls, its time and what its users said."""

    def __init__(self) -> None:
        self.memory = MemoryAccount()
        self.calls = CallRegistry(self.memory, Unregistered.REGISTERED)
        self.timers = Timers()
        self.ids = IdGenerator(random.Random(0).randbytes)
        self.controller = CallController(self.memory, self.calls, self.ids, later=self.timers.later)
        self.received: list[EndUserMessage] = []
        self.controller.on_message = self.received.append

    def user(self, identity: str = "alice", account_sid: str | None = None, timeout: float = 0) -> User:
        return User(self, identity, account_sid, timeout)

    def status(self, call_sid: str) -> Status:
        call = self.calls.get(call_sid)
        assert call is not None
        return call.status

    @property
    def live(self) -> set[str]:
        """The CallSids of what rings or is in progress."""
        return {leg.call_sid for leg in self.controller.legs}
