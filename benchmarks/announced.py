"""uvicorn with the emulator's settings and ready line; runs the servers that the emulator is compared with."""

import socket
from typing import Any

import uvicorn


class _Announced(uvicorn.Server):
    """Prints the emulator's ready line, so that one function can wait for every server."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        host, port = self.servers[0].sockets[0].getsockname()
        print(f"ready http://{host}:{port}", flush=True)


def serve(app: Any) -> None:  # noqa: ANN401 - uvicorn takes any ASGI callable, and names its type privately
    """Serve the application on a free loopback port until a signal is received."""
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=0,
        loop="uvloop",
        http="httptools",
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        log_level="warning",
    )
    _Announced(config).run()
