"""Start the shop and, unless one is running, an emulator. Run: make example, in the clone."""

import os
import socket
from contextlib import ExitStack, closing, suppress

import uvicorn
from app import create_app
from twilio.rest import Client

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "0" * 32
"""The emulator accepts any account, with this AuthToken."""
HOST = os.environ.get("HOST", "127.0.0.1")


def listen(port: int) -> socket.socket:
    """Listen on this port, or on a free one if it is in use."""
    try:
        return socket.create_server((HOST, port))
    except OSError:
        return socket.create_server((HOST, 0))


def emulator_url(stack: ExitStack, port: int = 2010) -> str:
    """Return the URL of a running emulator, or start one that the stack stops."""
    if url := os.environ.get("TWILIO_BASE_URL"):
        return url.rstrip("/")
    from emulator.testing import Emulator, EmulatorClient, EmulatorError  # noqa: PLC0415  not in the shop's container

    url = f"http://127.0.0.1:{port}"
    try:
        EmulatorClient(url).requests(newest=1)
    except EmulatorError:
        with closing(listen(port)) as probe:
            port = probe.getsockname()[1]
        return stack.enter_context(Emulator(port=port)).url
    return url


def main() -> None:
    """Serve until ctrl-C."""
    with ExitStack() as stack:
        client = Client(ACCOUNT, TOKEN)
        client.api.base_url = emulator = emulator_url(stack)
        shim = os.environ.get("SHIM_URL", emulator)
        listener = stack.enter_context(closing(listen(8000)))
        shop = f"http://127.0.0.1:{listener.getsockname()[1]}"
        app = create_app(
            client,
            url=os.environ.get("SHOP_URL", shop),
            shim=f'<script src="{shim}/_emulator/voice-shim.js"></script>',
        )
        print(f"open {shop}, and {shim} to see the messages", flush=True)  # noqa: T201  the next step
        with suppress(KeyboardInterrupt):
            uvicorn.Server(uvicorn.Config(app, log_level="warning")).run([listener])


if __name__ == "__main__":
    main()
