"""The route class of the control API, which parses paths, queries and bodies the same way with every FastAPI."""

import email.message
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from functools import wraps
from http import HTTPStatus
from typing import Any
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute

from emulator.endpoints.inspection.error_handlers import BodyError
from emulator.endpoints.inspection.rendering import json_response
from emulator.wire import content


class ControlRoute(APIRoute):
    """Validates path and query, and parses JSON bodies by the same rules as Content."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401  FastAPI's own
        options["operation_id"] = endpoint.__name__  # clients are generated with it; FastAPI would add path and method
        super().__init__(path, _rendering(endpoint, options.get("status_code")), **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler, which replaces invalid UTF-8 in targets and accepts more than JSON."""
        handle = super().get_route_handler()
        rejects = HTTPStatus.UNPROCESSABLE_ENTITY in self.responses

        async def checked(request: Request) -> Response:
            errors = [*_target_errors(request), *(_repeated(request) if rejects else ())]
            if errors:
                raise RequestValidationError(errors)
            control = _ControlRequest(request.scope, request.receive)
            if self.body_field is not None and not _is_json(control) and await control.body():
                # FastAPI before 0.132 parses JSON without a media type, and pydantic accepts bytes as text.
                raise BodyError("", "send JSON, with Content-Type: application/json")
            return await handle(control)

        return checked


def _rendering(endpoint: Callable[..., Any], status: int | None) -> Callable[..., Any]:
    """Wrap a handler that returns a response model: render it by our rules, not by FastAPI's."""

    @wraps(endpoint)
    async def rendering(**values: Any) -> Response:  # noqa: ANN401
        result = await endpoint(**values)
        if isinstance(result, Response):
            return result
        return Response(status_code=status or 200) if result is None else json_response(result, status or 200)

    return rendering


class _ControlRequest(Request):
    async def json(self) -> object:
        """Parse the body.

        Raises:
            BodyError: it is not UTF-8, or not JSON that can be stored and rendered, or null.
        """
        try:
            value = content.parse_portable((await self.body()).decode("utf-8-sig"))
        except UnicodeDecodeError as error:
            raise BodyError("", f"send JSON in UTF-8; byte {error.start}: {error.reason}") from None
        except content.NotJson as error:
            raise BodyError(error.pointer, f"send JSON: {error}") from None
        if value is None:  # FastAPI treats null as an empty body and reports only that a body is required
            raise BodyError("", "send a JSON object; null is not allowed")
        return value


def _is_json(request: Request) -> bool:
    message = email.message.Message()
    message["content-type"] = request.headers.get("content-type", "")
    subtype = message.get_content_subtype()
    return message.get_content_maintype() == "application" and (subtype == "json" or subtype.endswith("+json"))


def _target_errors(request: Request) -> Iterator[dict[str, Any]]:
    path = request.scope.get("raw_path") or b""
    pairs = [pair.partition(b"=") for pair in request.scope["query_string"].split(b"&")]
    for where, name, text in [("path", b"path", path), *(("query", name, value) for name, _, value in pairs)]:
        if not (_is_utf8(name) and _is_utf8(text)):
            yield {
                "type": "value_error",
                "loc": (where, name.decode("latin-1")),
                "msg": "send text in UTF-8, percent-encoded",
                "input": text.decode("latin-1"),
            }


def _repeated(request: Request) -> Iterator[dict[str, Any]]:
    """Yield an error for each query parameter that is repeated, because FastAPI would ignore a value."""
    counts = Counter(name for name, _ in request.query_params.multi_items())
    for name, count in counts.items():
        if count > 1:
            given = request.query_params.getlist(name)
            yield {"type": "value_error", "loc": ("query", name), "msg": "give it once", "input": given}


def _is_utf8(escaped: bytes) -> bool:
    try:
        unquote_to_bytes(escaped).decode()
    except UnicodeDecodeError:
        return False
    return True
