"""A minimal Voice SDK client of `/signal` on a blocking socket, with less overhead than `emulator.testing`."""

import json
import socket
from collections import deque
from types import TracebackType
from typing import Any, Self

from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.uri import parse_uri

_KEEPALIVE = "\n"


class VoiceClient:
    """A user; the constructor returns once it is connected and registered."""

    def __init__(self, port: int, identity: str) -> None:
        self._protocol = ClientProtocol(parse_uri(f"ws://127.0.0.1:{port}/signal"))
        self._frames: deque[Any] = deque()
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=30)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._protocol.send_request(self._protocol.connect())
        self._flush()
        while self._protocol.state is State.CONNECTING:
            self.read()
        self.send("listen", token=identity)
        self.send("register", media={"audio": True})
        self.receive("ready")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def fileno(self) -> int:
        """Return the socket's file descriptor, for `select`."""
        return self._socket.fileno()

    def send(self, kind: str, **payload: object) -> None:
        """Send a frame."""
        self._send_text(json.dumps({"type": kind, "version": "1.6", "payload": payload}))

    def receive(self, kind: str) -> Any:  # noqa: ANN401 - JSON
        """Return the payload of the next frame of this kind; skip other frames."""
        while True:
            while self._frames:
                frame = self._frames.popleft()
                if frame["type"] == kind:
                    return frame["payload"]
            self.read()

    def call(self) -> str:
        """Call an unconnected identity, which answers at once; return the CallSid."""
        self.send("invite", callsid="TJS1", sdp="v=0", twilio={"params": "To=nobody"})
        call_sid: str = self.receive("answer")["callsid"]
        return call_sid

    def read(self) -> None:
        """Read available frames, and answer keepalives."""
        data = self._socket.recv(1 << 16)
        if not data:
            raise RuntimeError("the server closed the WebSocket")
        self._protocol.receive_data(data)
        for event in self._protocol.events_received():
            if not isinstance(event, Frame) or event.opcode is not Opcode.TEXT:
                continue
            text = bytes(event.data).decode()
            if text == _KEEPALIVE:
                self._send_text(text)
            else:
                self._frames.append(json.loads(text))
        self._flush()

    def _send_text(self, text: str) -> None:
        self._protocol.send_text(text.encode())
        self._flush()

    def _flush(self) -> None:
        for data in self._protocol.data_to_send():
            self._socket.sendall(data)
