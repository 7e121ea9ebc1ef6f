"""A bare ASGI application that reads the body and answers 201: the baseline of a create."""

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
    """Read the whole body of any request, then answer 201."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 201, "headers": _HEADERS})
    await send({"type": "http.response.body", "body": _BODY})


if __name__ == "__main__":
    serve(bare)
