"""A Voice SDK's side of `/signal`, by the client of the library `websockets`."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Self

from support.server import PATIENCE, Site
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

KX = "KX" + "c" * 32


class Phone:
    """A Voice SDK's side of the wire."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def say(self, kind: str, **payload: object) -> Self:
        self.socket.send(json.dumps({"type": kind, "version": "1.6", "payload": payload}))
        return self

    def hear(self, kind: str) -> Any:  # noqa: ANN401  JSON
        """The payload of the next frame of this kind."""
        while True:
            frame = json.loads(self.socket.recv(timeout=PATIENCE))
            if frame["type"] == kind:
                return frame["payload"]

    def send_message(self, call_sid: str, content: object, sid: str = KX) -> Self:
        """Say something in a call, and wait until it is acknowledged."""
        self.say(
            "message",
            callsid=call_sid,
            content=content,
            contenttype="application/json",
            voiceeventsid=sid,
            messagetype="user-defined-message",
        )
        self.hear("ack")
        return self

    def call(self, to: str = "nobody") -> Any:  # noqa: ANN401  JSON
        """Call and be answered."""
        self.say("invite", callsid="TJS1", sdp="v=0", twilio={"params": f"To={to}"})
        return self.hear("answer")

    def close_code(self) -> int | None:
        """Read to the end."""
        while True:
            try:
                self.socket.recv(timeout=PATIENCE)
            except ConnectionClosed as closed:
                return None if closed.rcvd is None else closed.rcvd.code


@contextlib.contextmanager
def phone(site: Site, token: str | None = "alice", *, origin: str | None = None) -> Iterator[Phone]:
    url = site.url.replace("http", "ws", 1) + "/signal"
    with connect(url, compression=None, origin=origin, open_timeout=PATIENCE) as socket:  # type: ignore[arg-type]
        made = Phone(socket)
        if token is not None:
            made.say("listen", token=token).hear("connected")
        yield made
