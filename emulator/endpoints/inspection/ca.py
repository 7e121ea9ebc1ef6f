"""`/_emulator/ca.pem`: the CA certificate that clients must trust, without its key."""

from fastapi import APIRouter, Response
from starlette.exceptions import HTTPException

from emulator.endpoints.inspection.control_route import ControlRoute
from emulator.endpoints.inspection.dependencies import ServicesDep
from emulator.endpoints.inspection.error_handlers import NOT_FOUND, Responses

router = APIRouter(route_class=ControlRoute, tags=["health"])

MEDIA_TYPE = "application/x-pem-file"
_PEM: Responses = {200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "The certificate"}}


@router.get(
    "/_emulator/ca.pem",
    summary="Get the CA certificate",
    response_class=Response,
    responses={**_PEM, **NOT_FOUND},
)
async def ca_pem(services: ServicesDep) -> Response:
    """Return the certificate of the CA that signs this emulator's certificates."""
    pem = services.listening.ca_pem
    if pem is None:
        raise HTTPException(404, "there is no certificate, because neither --tls-port nor --proxy-port is set")
    return Response(pem, media_type=MEDIA_TYPE)
