"""The page at `/` and its files. What it shows is untrusted: nothing inline runs, and nobody may frame it."""

from importlib.resources import files

from fastapi import APIRouter, Request, Response

from emulator.endpoints.static_files import StaticFiles

router = APIRouter(include_in_schema=False)

_OWN = "emulator.endpoints.web", "static"
_SHELF = StaticFiles({file.name: _OWN for file in files(_OWN[0]).joinpath(_OWN[1]).iterdir()})


@router.get("/")
def page(request: Request) -> Response:
    """The page."""
    return _SHELF.file("index.html", request)


@router.get("/web/{name}")
def file(name: str, request: Request) -> Response:
    """A file of the page."""
    return _SHELF.file(name, request)
