"""A server application that gets callbacks, in a thread."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import SimpleQueue
from urllib.parse import parse_qsl


@dataclass(frozen=True)
class Callback:
    """A request of the emulator's."""

    form: dict[str, str]
    signature: str


@contextmanager
def receiving() -> Iterator[tuple[str, SimpleQueue[Callback]]]:
    """Listen; yields the address, and what comes there."""
    received: SimpleQueue[Callback] = SimpleQueue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            received.put(Callback(dict(parse_qsl(body)), self.headers["X-Twilio-Signature"]))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01], daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/said", received
        finally:
            server.shutdown()
            thread.join()
