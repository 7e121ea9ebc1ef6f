"""The page at `/` and its files. It shows untrusted content: no inline scripts, no framing."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from emulator.endpoints.static_files import StaticFiles

router = APIRouter(include_in_schema=False)

_OWN = "emulator.endpoints.web", "static"
_FILES = StaticFiles({file.name: _OWN for file in files(_OWN[0]).joinpath(_OWN[1]).iterdir()})


@router.get("/")
def page(request: Request) -> Response:
    """Return the HTML page."""
    return _FILES.file("index.html", request)


@router.get("/web/{name}")
def file(name: str, request: Request) -> Response:
    """Return a file that the page loads."""
    return _FILES.file(name, request)
