"""Who may use the control surface: not a page of another site, not a name that somebody points at this machine.

Every rule answers a way in which a local tool was breached before: DNS rebinding (Host), a page that reads or resets
(Origin, Sec-Fetch-Site), a body without end. The Twilio surface is open to browsers, as Twilio's is.
"""

import hmac
import ipaddress
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

MAX_BODY = 1024 * 1024
_DATA = "/_emulator/"  # the token guards data; health, page and documentation hold none
_LINKABLE = frozenset({"/", "/docs"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not let in."""

    status: int
    error: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The rules.

    Attributes:
        hosts: names that are allowed beside the usual ones; `.example.com` allows what is under it.
        origins: origins of pages that may use the control surface, as browsers write them.
        token: the Bearer token to ask for; None = none.
        own_name: this machine's.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    token: str | None = None
    own_name: str = socket.gethostname().lower()

    def refusal(self, scope: Scope) -> Refusal | None:
        """Why a request may not come in, or None when it may."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        return self._host(headers) or self._site(scope, headers) or self._token(scope, headers)

    def _host(self, headers: Mapping[str, str]) -> Refusal | None:
        host = _name(headers.get("host", ""))
        if self.allows_host(host):
            return None
        return Refusal(403, f"the Host {host!r} is not allowed; to allow it set allowed_hosts (EMULATOR_ALLOWED_HOSTS)")

    def allows_host(self, host: str) -> bool:
        """Loopback and local names, IP literals, names without a dot (a compose service), and what was configured."""
        if not host or "." not in host or _is_address(host):
            return True
        usual = host.endswith((".localhost", ".internal")) or host == self.own_name
        return usual or host in self.hosts or any(name[:1] == "." and host.endswith(name) for name in self.hosts)

    def _site(self, scope: Scope, headers: Mapping[str, str]) -> Refusal | None:
        origin = headers.get("origin")
        if origin in self.origins:
            return None
        if origin is not None and origin != f"{scope['scheme']}://{headers.get('host', '')}":
            return Refusal(
                403, f"the Origin {origin} is not allowed; to allow it set allowed_origins (EMULATOR_ALLOWED_ORIGINS)"
            )
        site = headers.get("sec-fetch-site", "none")
        followed_a_link = (
            scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] in _LINKABLE
        )
        if site in ("same-origin", "none") or followed_a_link:
            return None
        return Refusal(403, f"a page of another site may not do this (Sec-Fetch-Site: {site}); see allowed_origins")

    def _token(self, scope: Scope, headers: Mapping[str, str]) -> Refusal | None:
        if self.token is None or not scope["path"].startswith(_DATA):
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.encode(), self.token.encode()):
            return None
        return Refusal(401, "the control token is needed: Authorization: Bearer …", (("www-authenticate", "Bearer"),))


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0].lower()
    return host.rpartition(":")[0].lower().rstrip(".") if ":" in host else host.lower().rstrip(".")


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def limited(receive: Receive, most: int = MAX_BODY) -> Receive:
    """A receive that gives up when a body is too large."""
    left = most

    async def limited_receive() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            raise HTTPException(413, f"the body is over {most // 1024} KiB")
        return message

    return limited_receive


async def refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answer in place of the application."""
    body = {"error": refusal.error, "parameters": []}
    await JSONResponse(body, refusal.status, dict(refusal.headers))(scope, receive, send)
