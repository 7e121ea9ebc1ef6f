"""Docker's HTTP API, as far as one container of the image needs it: starting it runs the image's command here."""

import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.server import Command

_ID = "c" * 64
_VERSION = {"Version": "28.0.0", "ApiVersion": "1.48", "MinAPIVersion": "1.24"}
Body = dict[str, Any]


class DockerEngine:
    """The state behind the API.

    Attributes:
        created: the body of the request that created the container.
        removed: whether it was removed.
    """

    def __init__(self, stack: ExitStack) -> None:
        self.created: Body = {}
        self.removed = False
        self._stack = stack
        self._port = ""
        self._routes: dict[str, Callable[[Body], tuple[int, Body]]] = {
            r"GET /version": lambda _: (200, _VERSION),
            r"GET /images/twilio-udm-emulator/json": lambda _: (200, {"Id": "sha256:" + "1" * 64}),
            r"POST /containers/create": self._create,
            rf"POST /containers/{_ID}/start": self._start,
            rf"GET /containers/{_ID}/json": self._inspect,
            rf"DELETE /containers/{_ID}": self._remove,
        }

    def answer(self, method: str, path: str, body: Body) -> tuple[int, Body]:
        path = re.sub(r"^/v[\d.]+", "", path.partition("?")[0])
        for route, handle in self._routes.items():
            if re.fullmatch(route, f"{method} {path}"):
                return handle(body)
        return 404, {"message": f"not emulated: {method} {path}"}

    def _create(self, body: Body) -> tuple[int, Body]:
        self.created = body
        return 201, {"Id": _ID, "Warnings": []}

    def _start(self, _: Body) -> tuple[int, Body]:
        running = self._stack.enter_context(Command("--port", "0"))
        self._port = running.site().url.rpartition(":")[2]
        return 204, {}

    def _inspect(self, _: Body) -> tuple[int, Body]:
        ports = {port: [{"HostIp": "127.0.0.1", "HostPort": self._port}] for port in self.created["ExposedPorts"]}
        state = {"Status": "running", "Running": True}
        return 200, {"Id": _ID, "State": state, "NetworkSettings": {"Ports": ports}, "Config": self.created}

    def _remove(self, _: Body) -> tuple[int, Body]:
        self.removed = True
        return 204, {}


@contextmanager
def docker_engine() -> Iterator[tuple[DockerEngine, dict[str, str]]]:
    """An engine, and the variables that make Testcontainers use it."""
    with ExitStack() as stack:
        engine = DockerEngine(stack)

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def _answer(self) -> None:
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                status, body = engine.answer(self.command, self.path, json.loads(data) if data else {})
                content = b"" if status == 204 else json.dumps(body).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815  the names that http.server calls

            def log_message(self, *_: object) -> None:
                pass

        server = stack.enter_context(ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
        stack.callback(server.shutdown)
        yield (
            engine,
            {
                "DOCKER_HOST": f"tcp://127.0.0.1:{server.server_port}",
                "TESTCONTAINERS_RYUK_DISABLED": "true",  # its helper container, which removes what a crash leaves
                "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
            },
        )
