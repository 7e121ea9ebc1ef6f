"""The pages and files of `/docs`, with a strict Content-Security-Policy: no inline script, no other host."""

from fastapi import APIRouter, Request, Response

from emulator.endpoints.static_files import StaticFiles

router = APIRouter(include_in_schema=False)

_OWN = "emulator.endpoints.docs", "static"
_SWAGGER = "fastapi_swagger", "resources"
_FILES = StaticFiles(
    {
        "index.html": _OWN,
        "docs.css": _OWN,
        "docs.js": _OWN,
        "favicon.svg": _OWN,
        "swagger-ui.css": _SWAGGER,
        "swagger-ui-bundle.js": _SWAGGER,
    },
    # Swagger UI sets style attributes and uses data: URLs for icons; scripts come from this host only.
    {"style-src": "'self' 'unsafe-inline'", "img-src": "'self' data:"},
)


@router.get("/openapi.json")
def openapi(request: Request) -> Response:
    """Return the OpenAPI document."""
    return Response(request.app.openapi_json, media_type="application/json")


@router.get("/docs")
def docs(request: Request) -> Response:
    """Return the HTML page."""
    return _FILES.file("index.html", request)


@router.get("/docs/{name}")
def docs_file(name: str, request: Request) -> Response:
    """Return a file that the page loads."""
    return _FILES.file(name, request)


@router.get("/favicon.ico")
def favicon(request: Request) -> Response:
    """Return the icon that browsers request by default."""
    return _FILES.file("favicon.svg", request)
