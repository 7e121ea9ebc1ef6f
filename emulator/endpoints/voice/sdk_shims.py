"""Scripts that connect an unmodified Voice SDK to the emulator: one for browsers, one for Node and jsdom.

Pages of any origin load them with a script tag, as they load the SDK. They contain no data, so the guard allows it.
"""

from importlib.resources import files

from fastapi import APIRouter, Response

router = APIRouter(prefix="/_emulator", include_in_schema=False)

_HEADERS = {
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
    "cache-control": "no-cache",  # after an upgrade no page may use the old shim
    "x-content-type-options": "nosniff",
}


@router.get("/voice-shim.js")
def for_browsers() -> Response:
    """The script that a page loads before the SDK."""
    return _script("voice-shim.js")


@router.get("/voice-shim.cjs")
def for_node() -> Response:
    """The module that Node requires before the SDK."""
    return _script("voice-shim.cjs")


def _script(name: str) -> Response:
    text = files("emulator.endpoints.voice").joinpath("static", name).read_text()
    return Response(text, media_type="text/javascript", headers=_HEADERS)
