"""Readiness check of a running emulator. Few imports, standard library only: the image's health check runs it."""

import socket
import time
from urllib.parse import urlsplit

_PAUSE = 0.05
_TIMEOUT = 2.0


def ask(url: str, wait: float = 0.0) -> str | None:
    """None once `/readyz` responds with 200 within `wait` seconds (0 = a single request), else the reason."""
    end = time.monotonic() + wait
    while True:
        reason = _ask_once(url)
        if reason is None or time.monotonic() >= end:
            return reason
        time.sleep(_PAUSE)


def _ask_once(url: str) -> str | None:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 80
    except ValueError as error:
        return str(error)
    if parts.scheme != "http" or not host:
        return "expected a URL like http://127.0.0.1:2010"
    request = f"GET /readyz HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: close\r\n\r\n"
    try:
        with socket.create_connection((host, port), _TIMEOUT) as connection:
            connection.sendall(request.encode())
            status = connection.makefile("rb").readline().decode("latin-1").strip()
    except (OSError, UnicodeError) as error:  # UnicodeError: an invalid host name
        return str(error)
    return None if " 200 " in f"{status} " else status or "the connection was closed without a response"
