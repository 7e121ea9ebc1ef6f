"""Error responses of the control API: one shape, with what was wrong and what is allowed."""

import json
from dataclasses import replace
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.routing import Match

from emulator.endpoints.api.errors import BadParameter, ErrorResponse
from emulator.endpoints.api.json import portable, render
from emulator.engine.capacity import CapacityError


class BodyError(HTTPException):
    """A body that cannot be parsed, with the position. FastAPI turns other exceptions into a 400 without details."""

    def __init__(self, pointer: str, allowed: str) -> None:
        super().__init__(HTTPStatus.UNPROCESSABLE_ENTITY)
        self.bad = BadParameter(parameter=_writable(pointer) or "body", value=None, allowed=allowed)


Responses = dict[int | str, dict[str, Any]]
"""Responses of a route other than success, for the OpenAPI document."""

UNPROCESSABLE: Responses = {422: {"model": ErrorResponse, "description": "Invalid parameter; the error names it"}}
NOT_FOUND: Responses = {404: {"model": ErrorResponse, "description": "Not found"}}
FULL: Responses = {429: {"model": ErrorResponse, "description": "Limit reached; the error names it"}}

_CONTROL = "/_emulator/"
_RENAMED = {"threads": "retries"}
_SHOWN = 200
_METHODS = ("DELETE", "GET", "POST", "PUT")


def _shown(value: object) -> object:
    """Return a value in a form that JSON can contain, truncated."""
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False)
        text.encode()
    except (ValueError, TypeError, RecursionError):
        return ascii(value)[:_SHOWN]
    return value if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def _writable(text: str) -> str:
    """Escape lone surrogates, which a response cannot contain."""
    return text.encode(errors="backslashreplace").decode()


def _pointer(names: list[str | int], body: object, *, missing: bool) -> str:
    """Return the JSON pointer of a pydantic location, without the names of union alternatives."""
    pointer = ""
    for place, name in enumerate(names):
        inside = dict(enumerate(body)) if isinstance(body, list) else body
        if isinstance(inside, dict) and name in inside:
            body = inside[name]
        elif not (missing and place == len(names) - 1):
            continue
        pointer += f"/{name}"
    return pointer


def _bad_parameter(error: dict[str, Any], body: object) -> BadParameter:
    where, *names = error["loc"]
    if where == "body":
        name = _pointer(names, body, missing=error["type"] == "missing") or "body"
    else:
        name = ".".join(str(part) for part in names) or str(where)
    name = _writable(name)
    if error["type"] == "extra_forbidden":
        return BadParameter(parameter=name, value=_shown(error["input"]), allowed="unknown parameter")
    allowed = error["msg"].removeprefix("Value error, ")
    return BadParameter(parameter=name, value=_shown(error.get("input")), allowed=allowed)


def _answer(status: int, problem: ErrorResponse, headers: dict[str, str] | None = None) -> Response:
    return Response(render(problem), status, headers, media_type="application/json")


def bad_value(parameter: str, value: object, allowed: str) -> RequestValidationError:
    """Return an error to raise for a value that pydantic cannot validate."""
    where = ("body", *parameter.split("/")[1:])
    body = value
    for name in reversed(where[1:]):
        body = {name: body}
    return RequestValidationError([{"type": "value_error", "loc": where, "msg": allowed, "input": value}], body=body)


def _sentence(bad: BadParameter) -> str:
    given = "" if bad.value is None else f"{bad.value!r} is not allowed: "
    return f"{bad.parameter}: {given}{bad.allowed}"


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    return _refusal(*(_bad_parameter(each, error.body) for each in error.errors()))


async def _unreadable(_request: Request, error: Exception) -> Response:
    assert isinstance(error, BodyError)
    return _refusal(error.bad)


def _refusal(*bad: BadParameter) -> Response:
    text = _writable("; ".join(map(_sentence, bad)))
    parameters = tuple(replace(each, value=portable(each.value)) for each in bad)
    return _answer(HTTPStatus.UNPROCESSABLE_ENTITY, ErrorResponse(error=text, parameters=parameters))


def _allowed(request: Request) -> str:
    """Return all methods of a path; Starlette returns only those of the first matching route."""
    routes = request.app.routes
    return ", ".join(
        method
        for method in _METHODS
        if any(route.matches({**request.scope, "method": method})[0] is Match.FULL for route in routes)
    )


def _hint(path: str) -> str:
    first, _, rest = path.removeprefix(_CONTROL).partition("/")
    name = _RENAMED.get(first) if path.startswith(_CONTROL) else None
    return "/docs lists all paths" if name is None else f"it was renamed to {_CONTROL}{name}{rest and f'/{rest}'}"


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    text = error.detail
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers = {"allow": _allowed(request)}
        text = f"{request.method} is not allowed on {request.url.path}; allowed: {headers['allow']}"
    if text == HTTPStatus.NOT_FOUND.phrase:
        text = f"there is no path {request.url.path}; {_hint(request.url.path)}"
    return _answer(error.status_code, ErrorResponse(error=text), headers)


async def _full(_request: Request, error: Exception) -> Response:
    return _answer(HTTPStatus.TOO_MANY_REQUESTS, ErrorResponse(error=str(error)))


async def _failed(_request: Request, _error: Exception) -> Response:
    return _answer(HTTPStatus.INTERNAL_SERVER_ERROR, ErrorResponse(error="internal error; see the emulator's log"))


def install(app: FastAPI) -> None:
    """Install the error handlers."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(BodyError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(CapacityError, _full)
    app.add_exception_handler(Exception, _failed)
