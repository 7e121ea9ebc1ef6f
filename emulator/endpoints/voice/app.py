"""All requests of Voice SDKs. They bypass router and guard, because they come from pages of any origin."""

from emulator.endpoints.asgi import Receive, Scope, Send
from emulator.endpoints.voice.gateway import PATH, Gateway
from emulator.endpoints.voice.vendor_stubs import VendorStubs


class VoiceApp:
    """The gateway and the stubs."""

    def __init__(self, gateway: Gateway, stubs: VendorStubs) -> None:
        self._gateway = gateway
        self._stubs = stubs

    def serves(self, scope: Scope) -> bool:
        """Whether a request is one of a Voice SDK."""
        if scope["type"] == "websocket":
            return bool(scope["raw_path"] == PATH.encode())
        return scope["type"] == "http" and self._stubs.serves(scope["path"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request to the gateway or to a stub."""
        if scope["type"] == "websocket":
            await self._gateway(scope, receive, send)
        else:
            await self._stubs(scope, receive, send)
