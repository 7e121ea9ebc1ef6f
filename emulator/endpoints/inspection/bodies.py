"""The base of JSON request bodies: validated exactly as the OpenAPI document describes them."""

from collections.abc import Iterable
from typing import Annotated, Any, Literal

import fastapi
from pydantic import BaseModel, BeforeValidator, ConfigDict, JsonValue, model_validator

from emulator.wire import content

IN_BODY: Any = fastapi.Body()
"""Declares the request body where older FastAPI needs it.

It takes a union of annotated models for a query parameter. It takes a plain model apart, and pydantic then warns that
an alias is lost: a model with an alias is declared by a `TypeAliasType`, which FastAPI leaves as it is.
"""

LARGEST_INTEGER = 2**53 - 1
"""The largest one that every reader of JSON, the document's included, takes exactly."""


def _integral(given: object) -> object:
    return int(given) if isinstance(given, float) and given.is_integer() else given


class Body(BaseModel):
    """A request body without unknown members and without conversions: `"1"` is not a number, `true` is not 1."""

    model_config = ConfigDict(extra="forbid", strict=True)

    @model_validator(mode="before")
    @classmethod
    def _integers(cls, given: object) -> object:
        """Accept 1.0 as an integer, as JSON Schema does."""
        if not isinstance(given, dict):
            return given
        integers = {name for name, field in cls.model_fields.items() if field.annotation in (int, int | None)}
        return given | {name: _integral(given[name]) for name in integers & given.keys()}


def _boolean(given: object) -> object:
    if not isinstance(given, bool):
        raise ValueError("Input should be True")  # noqa: TRY004  pydantic passes on no other
    return given


Yes = Annotated[Literal[True], BeforeValidator(_boolean)]
"""Only `true`; pydantic would take 1 for it."""

JSON_TEXT: dict[str, JsonValue] = {"contentMediaType": "application/json"}
"""What the schema of a string adds when the string must be JSON."""


def members(given: object, names: Iterable[str]) -> list[str]:
    """Return the given names that a body has; they select the alternative of a union."""
    has = given.model_fields_set if isinstance(given, BaseModel) else given if isinstance(given, dict) else ()
    return [name for name in names if name in has]


def json_text(text: str) -> str:
    """Validate that a string is JSON."""
    try:
        content.parse(text)
    except content.NotJson as error:
        raise ValueError(f'give JSON as a text, as in "{{\\"a\\": 1}}": {error}') from None
    return text
