"""Descriptions of the fields of faults, from which the API validates and documents its JSON."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple


class Parameter(NamedTuple):
    """Metadata of a field, as `Annotated[int, Parameter(ge=0)]`: bounds and texts with the names of JSON Schema.

    Attributes:
        check: raises ValueError for a value that the bounds allow, with a text for the client.
        schema: keywords of JSON Schema that describe what `check` allows.
    """

    ge: float | None = None
    gt: float | None = None
    le: float | None = None
    max_length: int | None = None
    pattern: str | None = None
    description: str | None = None
    examples: tuple[Any, ...] = ()
    check: Callable[[Any], None] | None = None
    schema: Mapping[str, Any] = MappingProxyType({})
