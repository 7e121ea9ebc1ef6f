"""Files of our own pages, with a Content-Security-Policy that forbids inline scripts and other hosts."""

import gzip
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files

from fastapi import HTTPException, Request, Response

_TYPES = {"html": "text/html", "css": "text/css", "js": "text/javascript", "svg": "image/svg+xml"}
_HEADERS = {
    "cache-control": "no-cache",  # after an upgrade no page may use the old scripts
    "vary": "accept-encoding",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_POLICY = {
    "default-src": "'none'",
    "script-src": "'self'",
    "style-src": "'self'",
    "img-src": "'self'",
    "connect-src": "'self'",
    "base-uri": "'none'",
    "form-action": "'none'",
    "frame-ancestors": "'none'",
}


class StaticFiles:
    """The files of one page.

    Args:
        folders: the package and folder of each file, by file name.
        policy: additional Content-Security-Policy values, by directive.
    """

    def __init__(self, folders: Mapping[str, tuple[str, str]], policy: Mapping[str, str] | None = None) -> None:
        directives = {**_POLICY, **(policy or {})}
        self._folders = folders
        self._headers = _HEADERS | {
            "content-security-policy": "; ".join(f"{name} {value}" for name, value in directives.items())
        }

    def file(self, name: str, request: Request) -> Response:
        """Return a file, compressed if the client accepts gzip, or 304 when the client has it.

        It reads the disk: call it from a sync handler.

        Raises:
            HTTPException: 404, unknown file name.
        """
        if name not in self._folders:
            raise HTTPException(404)
        package, folder = self._folders[name]
        media_type = _TYPES[name.rpartition(".")[2]]
        charset = "" if media_type.startswith("image/") else "; charset=utf-8"
        content = (files(package) / folder / name).read_bytes()
        headers = {**self._headers, "etag": _etag(content)}
        if headers["etag"] in (tag.strip() for tag in request.headers.get("if-none-match", "").split(",")):
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        if "gzip" in request.headers.get("accept-encoding", ""):
            headers["content-encoding"] = "gzip"
            content = _compressed(content)
        return Response(content, media_type=media_type + charset, headers=headers)


@lru_cache(maxsize=64)
def _etag(content: bytes) -> str:
    """A weak one: the compressed file has the same (RFC 9110, 8.8.3)."""
    return f'W/"{hashlib.sha256(content).hexdigest()[:32]}"'


@lru_cache(maxsize=64)
def _compressed(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)
