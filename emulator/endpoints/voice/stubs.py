"""Stand-ins for where a Voice SDK turns to besides the gateway, so that nothing leaves this machine.

Insights are counted and dropped; every sound is silent. Both are asked for by pages of any origin, as Twilio's are.
"""

from http import HTTPStatus

from emulator.endpoints.asgi import Receive, Scope, Send
from emulator.endpoints.voice.sounds import silence

INSIGHTS = "/eventgw"
# As a page may be told to ask, and as the SDK asks sdk.twilio.com (constants.ts).
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
        insights: how many reports were taken.
    """

    def __init__(self) -> None:
        self.insights = 0

    def serves(self, path: str) -> bool:
        """Whether a path is one of theirs."""
        if path.endswith(".mp3"):
            return path.startswith(_SOUNDS)
        return path == INSIGHTS or path.startswith(INSIGHTS + "/")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer."""
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
    """Read a request to its end and keep nothing of it."""
    while (await receive()).get("more_body", False):
        pass


async def _reply(send: Send, status: HTTPStatus, body: bytes = b"", media_type: bytes | None = None) -> None:
    headers = [*_CORS, (b"content-length", b"%d" % len(body))]
    if media_type is not None:
        headers.append((b"content-type", media_type))
    await send({"type": "http.response.start", "status": status.value, "headers": headers})
    await send({"type": "http.response.body", "body": body})
