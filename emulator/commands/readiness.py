"""Readiness check of a running emulator. Few imports, standard library only: the image's health check runs it."""

import time

from emulator.adapters.http_client import HttpClientError, HttpRequest, parse_url, send

_PAUSE = 0.05
_TIMEOUT = 2.0
_OK = 200


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
        origin = parse_url(url)
        if origin.scheme != "http":
            return "expected a URL like http://127.0.0.1:2010"
        response = send(origin, HttpRequest("GET", "/readyz"), _TIMEOUT)
    except (HttpClientError, ValueError) as error:
        return str(error)
    return None if response.status == _OK else response.status_line
