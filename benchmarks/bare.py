"""The bare ASGI application: reads the body, answers 201. What a create is compared with."""

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from announced import serve

_BODY = b'{"sid": "KX00000000000000000000000000000000"}'
_HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(_BODY))]

_Message = MutableMapping[str, Any]


async def bare(
    scope: _Message,
    receive: Callable[[], Awaitable[_Message]],
    send: Callable[[_Message], Awaitable[None]],
) -> None:
    """Answer any request, once its body is there."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 201, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    serve(bare)
