"""Stubs of the other hosts that a Voice SDK sends requests to, so that no request leaves this machine.

Insights are counted and dropped; every sound is silent. Pages of any origin may request both, as with Twilio.
"""

from http import HTTPStatus

from emulator.endpoints.asgi import Receive, Scope, Send
from emulator.endpoints.voice.sounds import silence

INSIGHTS = "/eventgw"
# The second path is that of sdk.twilio.com (the SDK's constants.ts).
_SOUNDS = ("/sounds/", "/js/client/sounds/")
_SILENCE = silence()
_CORS = [
    (b"access-control-allow-origin", b"*"),
    (b"access-control-allow-methods", b"GET, POST, OPTIONS"),
    (b"access-control-allow-headers", b"content-type, x-twilio-token"),
    (b"access-control-max-age", b"600"),
    # A page from a public address must ask before it may ask this machine (wicg.github.io/private-network-access).
    (b"access-control-allow-private-network", b"true"),
]


class VendorStubs:
    """A plain ASGI application for insights and sounds.

    Attributes:
        insights: the number of reports received.
    """

    def __init__(self) -> None:
        self.insights = 0

    def serves(self, path: str) -> bool:
        """Whether a stub serves this path."""
        if path.endswith(".mp3"):
            return path.startswith(_SOUNDS)
        return path == INSIGHTS or path.startswith(INSIGHTS + "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve insights or a sound."""
        await _drain(receive)
        method, sound = scope["method"], scope["path"].endswith(".mp3")
        if method == "OPTIONS":
            await _reply(send, HTTPStatus.NO_CONTENT)
        elif sound and method in ("GET", "HEAD"):
            await _reply(send, HTTPStatus.OK, _SILENCE, b"audio/wav")
        elif not sound and method == "POST":
            self.insights += 1
            await _reply(send, HTTPStatus.OK, b"{}", b"application/json")
        else:
            await _reply(send, HTTPStatus.METHOD_NOT_ALLOWED)


async def _drain(receive: Receive) -> None:
    """Read and discard a request body."""
    while (await receive()).get("more_body", False):
        pass


async def _reply(send: Send, status: HTTPStatus, body: bytes = b"", media_type: bytes | None = None) -> None:
    headers = [*_CORS, (b"content-length", b"%d" % len(body))]
    if media_type is not None:
        headers.append((b"content-type", media_type))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
