"""Access control of the control API: reject pages of other sites and host names rebound to this machine.

Each rule stops a known attack on local tools: DNS rebinding (Host), a page that reads or resets state (Origin,
Sec-Fetch-Site), an endless body. The Twilio surface is open to browsers, as Twilio's is.
"""

import hmac
import logging
import re
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send

from emulator.wire.hosts import PRIVATE_DOMAINS, is_local, is_loopback, is_name, name_of

MAX_BODY = 1024 * 1024
_DATA = "/_emulator/"  # only paths with data require the token
# twilio-python and twilio-node put edge and region into every host, a base URL's too.
_WITH_REGION = re.compile(r"127(\.[a-z0-9-]+){1,2}\.0\.1")
_LOCAL = f"IP addresses, names without a dot, and names under {', '.join(PRIVATE_DOMAINS)}"
_LINKABLE = frozenset({"/", "/docs"})
# Pages of any origin load these with a script tag, which cannot send a token; they contain no data.
_SCRIPTS = frozenset({"/_emulator/voice-shim.js", "/_emulator/voice-shim.cjs"})
_log = logging.getLogger("emulator.guard")


@dataclass(frozen=True, slots=True)
class AccessRefusal:
    """The response to a request that is not allowed."""

    status: int
    error: str
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """The access rules.

    Attributes:
        hosts: allowed names in addition to local ones; `.example.com` allows its subdomains.
        origins: allowed origins of pages, as browsers write them.
        token: the required Bearer token; None = no token.
        own_name: the host name of this machine.
    """

    hosts: frozenset[str] = frozenset()
    origins: frozenset[str] = frozenset()
    token: str | None = None
    own_name: str = socket.gethostname().lower()

    def refusal(self, scope: Scope) -> AccessRefusal | None:
        """Return the refusal of a request; None = allowed."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if scope["path"] in _SCRIPTS:
            return self._host(headers) or _size(headers)
        return self._host(headers) or self._site(scope, headers) or self._token(scope, headers) or _size(headers)

    def _host(self, headers: Mapping[str, str]) -> AccessRefusal | None:
        host = name_of(headers.get("host", ""))
        if self.allows_host(host):
            return None
        hint = f"add it to allowed_hosts (EMULATOR_ALLOWED_HOSTS); by default only these are allowed: {_LOCAL}"
        if _WITH_REGION.fullmatch(host):
            hint = "a Twilio library derived it from 127.0.0.1: unset TWILIO_REGION and TWILIO_EDGE"
        return AccessRefusal(403, f"the Host {host!r} is not allowed; {hint}")

    def allows_host(self, host: str) -> bool:
        """Whether a host is local, the name of this machine, or configured."""
        return is_local(host) or host == self.own_name or (is_name(host) and self._is_configured(host))

    def _is_configured(self, host: str) -> bool:
        names = map(str.lower, self.hosts)
        return any(host == name or (name[:1] == "." and host.endswith(name)) for name in names)

    def _site(self, scope: Scope, headers: Mapping[str, str]) -> AccessRefusal | None:
        origin = headers.get("origin")
        if origin in self.origins:
            return None
        if origin is not None and origin != f"{scope['scheme']}://{headers.get('host', '')}":
            return _foreign(origin)
        site = headers.get("sec-fetch-site", "none")
        followed_a_link = (
            scope["method"] == "GET" and headers.get("sec-fetch-mode") == "navigate" and scope["path"] in _LINKABLE
        )
        if site in ("same-origin", "none") or followed_a_link:
            return None
        return AccessRefusal(
            403,
            f"requests from pages of other sites are not allowed (Sec-Fetch-Site: {site}); "
            "to allow an origin, set allowed_origins (EMULATOR_ALLOWED_ORIGINS)",
        )

    def socket_refusal(self, headers: Mapping[str, str]) -> AccessRefusal | None:
        """Return the refusal of a WebSocket; None = allowed: pages of this machine, and clients other than browsers."""
        origin = headers.get("origin")
        return None if origin is None or self.allows_page(origin, headers.get("host", "")) else _foreign(origin)

    def allows_page(self, origin: str, own: str) -> bool:
        """Whether the origin of a page is loopback, the requested host `own`, or configured."""
        scheme, _, host = origin.partition("://")
        ours = host == own and self.allows_host(name_of(own))
        return origin in self.origins or (scheme in ("http", "https") and (ours or is_loopback(name_of(host))))

    def _token(self, scope: Scope, headers: Mapping[str, str]) -> AccessRefusal | None:
        if self.token is None or not scope["path"].startswith(_DATA):
            return None
        scheme, _, token = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and hmac.compare_digest(token.encode("latin-1"), self.token.encode()):
            return None
        reason = "invalid" if scheme else "missing"
        return AccessRefusal(
            401,
            f"{reason} control token (control_token, EMULATOR_CONTROL_TOKEN); send Authorization: Bearer TOKEN",
            (("www-authenticate", "Bearer"),),
        )


def _foreign(origin: str) -> AccessRefusal:
    return AccessRefusal(
        403, f"the Origin {origin} is not allowed; to allow it, set allowed_origins (EMULATOR_ALLOWED_ORIGINS)"
    )


def _size(headers: Mapping[str, str]) -> AccessRefusal | None:
    return _too_large(MAX_BODY) if int(headers.get("content-length", 0)) > MAX_BODY else None


def _too_large(most: int) -> AccessRefusal:
    return AccessRefusal(413, f"the body exceeds {most // 1024} KiB")


def limited(receive: Receive, most: int = MAX_BODY) -> Receive:
    """Wrap `receive`: raise HTTPException 413 when the body exceeds `most` bytes."""
    left = most

    async def limited_receive() -> Message:
        nonlocal left
        message = await receive()
        left -= len(message.get("body", b""))
        if left < 0:
            refusal = _too_large(most)
            raise HTTPException(refusal.status, refusal.error)
        return message

    return limited_receive


async def refuse(refusal: AccessRefusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Send the refusal and log it, because a page of another site cannot read the response."""
    _log.warning("refused %s %s: %s", scope["method"], scope["raw_path"].decode("latin-1"), refusal.error)
    body = {"error": refusal.error, "parameters": []}
    await JSONResponse(body, refusal.status, dict(refusal.headers))(scope, receive, send)
