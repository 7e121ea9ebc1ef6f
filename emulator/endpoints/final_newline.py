"""Append a newline to JSON responses, for terminals and files."""

from collections.abc import Iterable, MutableMapping
from typing import Any

from emulator.endpoints.asgi import Send


def with_final_newline(send: Send) -> Send:
    """Wrap `send`: append a newline to JSON bodies of known length; leave streams and other types unchanged."""
    is_json = False

    async def send_line(message: MutableMapping[str, Any]) -> None:
        nonlocal is_json
        if message["type"] == "http.response.start":
            headers = dict(message["headers"])
            length = headers.get(b"content-length")
            is_json = length is not None and headers.get(b"content-type", b"").startswith(b"application/json")
            if is_json:
                message = {**message, "headers": _longer(message["headers"])}
        elif is_json and not message.get("more_body", False):
            message = {**message, "body": message.get("body", b"") + b"\n"}
        await send(message)

    return send_line


def _longer(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    return [(name, b"%d" % (int(value) + 1) if name == b"content-length" else value) for name, value in headers]
