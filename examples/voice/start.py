"""The shop, with an emulator beside it unless TWILIO_BASE_URL says where one is; both until ctrl-C."""

import os
from contextlib import ExitStack

import uvicorn
from app import create_app
from twilio.rest import Client

ACCOUNT, TOKEN = "AC" + "0" * 31 + "1", "0" * 32
"""The emulator knows any account; the AuthToken of all is this."""
EMULATOR, SHOP = "http://127.0.0.1:2010", "http://127.0.0.1:8000"
"""Where a browser finds them."""


def main() -> None:
    """Start both."""
    with ExitStack() as stack:
        api = os.environ.get("TWILIO_BASE_URL")
        if api is None:
            from emulator.testing import Emulator  # noqa: PLC0415  the container of the shop has none

            stack.enter_context(Emulator(port=2010))
        client = Client(ACCOUNT, TOKEN)
        client.api.base_url = api or EMULATOR
        shim = f'<script src="{EMULATOR}/_emulator/voice-shim.js"></script>'
        app = create_app(client, url=os.environ.get("SHOP_URL", SHOP), shim=shim)
        print(f"open {SHOP}, and {EMULATOR} to look on", flush=True)  # noqa: T201  what to do next
        uvicorn.run(app, host=os.environ.get("HOST", "127.0.0.1"), port=8000, log_level="warning")


if __name__ == "__main__":
    main()
