"""A Voice SDK's side of `/signal`, by the client of the library `websockets`."""

import contextlib
import json
from collections.abc import Iterator
from typing import Any, Self

from support.server import PATIENCE, Site
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from emulator.wire.signalling import CONTENT_TYPE, MESSAGE_TYPE
from emulator.wire.signalling.client_frames import ClientInvite, ClientMessage

KX = "KX" + "c" * 32


class SignalClient:
    """A Voice SDK's end of a connection to the gateway; it sends frames with any members, also wrong ones."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    def send(self, kind: str, **payload: object) -> Self:
        self.socket.send(json.dumps({"type": kind, "version": "1.6", "payload": payload}))
        return self

    def receive(self, kind: str) -> Any:  # noqa: ANN401  JSON
        """The payload of the next frame of this kind."""
        while True:
            frame = json.loads(self.socket.recv(timeout=PATIENCE))
            if frame["type"] == kind:
                return frame["payload"]

    def send_message(self, call_sid: str, content: object, sid: str = KX) -> Self:
        """Send a message in a call, and wait until it is acknowledged."""
        text = json.dumps(content)
        frame = ClientMessage(
            call_sid=call_sid, sid=sid, content=text, content_type=CONTENT_TYPE, message_type=MESSAGE_TYPE
        )
        self.socket.send(frame.encode())
        self.receive("ack")
        return self

    def call(self, to: str = "nobody") -> Any:  # noqa: ANN401  JSON
        """Call and be answered."""
        self.socket.send(ClientInvite(call_sid="TJS1", sdp="v=0", parameters={"To": to}).encode())
        return self.receive("answer")

    def close_code(self) -> int | None:
        """Read to the end."""
        while True:
            try:
                self.socket.recv(timeout=PATIENCE)
            except ConnectionClosed as closed:
                return None if closed.rcvd is None else closed.rcvd.code


@contextlib.contextmanager
def signal_client(site: Site, token: str | None = "alice", *, origin: str | None = None) -> Iterator[SignalClient]:
    url = site.url.replace("http", "ws", 1) + "/signal"
    with connect(url, compression=None, origin=origin, open_timeout=PATIENCE) as socket:  # type: ignore[arg-type]
        client = SignalClient(socket)
        if token is not None:
            client.send("listen", token=token).receive("connected")
        yield client
