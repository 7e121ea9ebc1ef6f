"""Files of our own pages, with a Content-Security-Policy that forbids inline scripts and other hosts.

Starlette's `StaticFiles` does not compress, takes media types from the machine, and ignored `*` in older releases.
"""

import gzip
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from http import HTTPStatus
from importlib.resources import files
from typing import NamedTuple

from fastapi import HTTPException, Request, Response

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}
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
        directives = _POLICY | dict(policy or {})
        self._folders = folders
        self._headers = _HEADERS | {
            "content-security-policy": "; ".join(f"{name} {value}" for name, value in directives.items())
        }

    def file(self, name: str, request: Request) -> Response:
        """Return a file, compressed if the client accepts gzip, or 304 if the client has it.

        The first request for a file reads the disk: call this from a sync handler.

        Raises:
            HTTPException: 404, unknown file name.
        """
        if name not in self._folders:
            raise HTTPException(404)
        file = _load(*self._folders[name], name)
        headers = self._headers | {"etag": f"W/{file.tag}"}  # weak: both encodings have it (RFC 9110, 8.8.3)
        known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
        if known & {file.tag, "*"}:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
        headers["content-type"] = _TYPES[name.rpartition(".")[2]]
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.compressed, headers=headers | {"content-encoding": "gzip"})
        return Response(file.content, headers=headers)


class _File(NamedTuple):
    content: bytes
    compressed: bytes
    tag: str


@lru_cache(maxsize=64)
def _load(package: str, folder: str, name: str) -> _File:
    content = (files(package) / folder / name).read_bytes()
    return _File(content, gzip.compress(content, mtime=0), f'"{hashlib.sha256(content).hexdigest()[:32]}"')
