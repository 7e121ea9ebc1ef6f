"""The route class of the control API, which parses paths, queries and bodies the same way with every FastAPI."""

import email.message
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Iterator
from functools import wraps
from http import HTTPStatus
from operator import attrgetter
from typing import Any, get_type_hints
from urllib.parse import unquote_to_bytes

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import TypeAdapter

from emulator.endpoints.api.model import Model
from emulator.endpoints.inspection.error_handlers import BodyError
from emulator.endpoints.inspection.rendering import json_response
from emulator.wire import content

_REFERENCE = "#/components/schemas/{model}"


class ControlRoute(APIRoute):
    """Validates path and query, and parses JSON bodies by the same rules as Content.

    Responses are documented by reference to their models. FastAPI would build a validator for each response of each
    route, which takes a tenth of the start, and nobody uses them: handlers return instances of the models.

    Attributes:
        models: the models of all responses.
    """

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:  # noqa: ANN401  FastAPI's own
        options["operation_id"] = endpoint.__name__  # clients are generated with it; FastAPI would add path and method
        status = options.get("status_code") or HTTPStatus.OK
        returned = options.get("response_model") or get_type_hints(endpoint)["return"]
        responses = dict(options.get("responses") or {})
        if issubclass(returned, Model):
            responses[status] = {"model": returned, **responses.get(status, {})}
        self.models = {response["model"] for response in responses.values() if "model" in response}
        options["response_model"] = None
        options["responses"] = {code: _documented(**response) for code, response in responses.items()}
        super().__init__(path, _rendering(endpoint, status), **options)

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


def schemas_of(routes: Iterable[object]) -> dict[str, Any]:
    """Return the schemas of all models of control routes, by name."""
    models = set[type[Model]]().union(*(route.models for route in routes if isinstance(route, ControlRoute)))
    _, definitions = TypeAdapter.json_schemas(
        [(model.__name__, "serialization", TypeAdapter(model)) for model in sorted(models, key=attrgetter("__name__"))],
        ref_template=_REFERENCE,
    )
    schemas: dict[str, Any] = definitions["$defs"]
    return schemas


def _documented(model: type[Model] | None = None, **response: Any) -> dict[str, Any]:  # noqa: ANN401
    """Replace the model of a response by a reference."""
    if model is None:
        return response
    schema = {"$ref": _REFERENCE.format(model=model.__name__)}
    return {**response, "content": {"application/json": {"schema": schema}}}


def _rendering(endpoint: Callable[..., Any], status: int) -> Callable[..., Any]:
    """Wrap a handler that returns a response model: render it by our rules, not by FastAPI's."""

    @wraps(endpoint)
    async def rendering(**values: Any) -> Response:  # noqa: ANN401
        result = await endpoint(**values)
        if isinstance(result, Response):
            return result
        return Response(status_code=status) if result is None else json_response(result, status)

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
