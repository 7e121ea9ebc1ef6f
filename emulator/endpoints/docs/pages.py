"""The pages and files of `/docs`. No inline script and no other host: a strict Content-Security-Policy holds."""

from importlib.resources import files

from fastapi import APIRouter, HTTPException, Response

router = APIRouter(include_in_schema=False)

_OWN = "emulator.endpoints.docs", "static"
_SWAGGER = "fastapi_swagger", "resources"
# name: (package, folder), media type
_FILES: dict[str, tuple[tuple[str, str], str]] = {
    "index.html": (_OWN, "text/html; charset=utf-8"),
    "docs.css": (_OWN, "text/css; charset=utf-8"),
    "docs.js": (_OWN, "text/javascript; charset=utf-8"),
    "favicon.svg": (_OWN, "image/svg+xml"),
    "swagger-ui.css": (_SWAGGER, "text/css; charset=utf-8"),
    "swagger-ui-bundle.js": (_SWAGGER, "text/javascript; charset=utf-8"),
}
_HEADERS = {
    # Swagger UI sets style attributes and draws its icons from data: URLs; scripts come from here only.
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}


def _file(name: str) -> Response:
    (package, folder), media_type = _FILES[name]
    content = (files(package) / folder / name).read_bytes()
    return Response(content, media_type=media_type, headers=_HEADERS)


@router.get("/docs")
async def docs() -> Response:
    """The page."""
    return _file("index.html")


@router.get("/docs/{name}")
async def docs_file(name: str) -> Response:
    """A file of the page."""
    if name not in _FILES:
        raise HTTPException(404)
    return _file(name)


@router.get("/favicon.ico")
async def favicon() -> Response:
    """Our own icon, for browsers that ask without being told to."""
    return _file("favicon.svg")
