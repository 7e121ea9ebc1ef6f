"""`http_client.send` with asyncio."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING

from emulator.adapters.http_client import (
    HttpClientError,
    HttpRequest,
    HttpResponse,
    NotConnectedError,
    Origin,
    parse_response,
)

if TYPE_CHECKING:
    import ssl

_CHUNK = 65536


async def send(
    origin: Origin,
    request: HttpRequest,
    timeout: float,  # noqa: ASYNC109  raises the client's own error
    tls: "ssl.SSLContext | None" = None,
) -> HttpResponse:
    """Send a request and return the response.

    Args:
        origin: where to connect.
        request: the request.
        timeout: seconds for the whole exchange.
        tls: context for https.

    Raises:
        NotConnectedError: no connection could be opened.
        HttpClientError: the response is missing, incomplete or not HTTP.
    """
    try:
        async with asyncio.timeout(timeout):
            received = await _exchange(origin, request.encode(origin), tls)
    except OSError as error:
        raise HttpClientError(str(error)) from error
    return parse_response(received)


async def _exchange(origin: Origin, data: bytes, tls: "ssl.SSLContext | None") -> bytes:
    try:
        reader, writer = await asyncio.open_connection(origin.host, origin.port, ssl=tls)
    except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
        raise NotConnectedError(str(error)) from error
    try:
        writer.write(data)
        return await reader.read()
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


async def stream(
    origin: Origin,
    request: HttpRequest,
    timeout: float,  # noqa: ASYNC109  as above
    tls: "ssl.SSLContext | None" = None,
) -> AsyncGenerator[bytes, None]:
    """Send a request and yield the bytes of the response as they arrive, until the server closes the connection.

    Args:
        origin: where to connect.
        request: the request.
        timeout: seconds for connecting, and for each part of the response.
        tls: context for https.

    Raises:
        HttpClientError: the connection failed, or timed out.
    """
    try:
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(origin.host, origin.port, ssl=tls)
    except (OSError, UnicodeError) as error:  # UnicodeError: invalid host name
        raise NotConnectedError(str(error)) from error
    try:
        writer.write(request.encode(origin))
        while data := await asyncio.wait_for(reader.read(_CHUNK), timeout):
            yield data
    except OSError as error:
        raise HttpClientError(str(error)) from error
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
