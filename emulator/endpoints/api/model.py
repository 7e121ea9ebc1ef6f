"""The base of response models: frozen dataclasses, described for the OpenAPI document."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, TypeVar, dataclass_transform

from pydantic import ConfigDict, Field
from pydantic.fields import FieldInfo

T = TypeVar("T")


@dataclass_transform(frozen_default=True, kw_only_default=True)
def model(cls: type[T]) -> type[T]:
    """Make a class a response model. Pydantic builds its schema when it is first used, which shortens the start."""
    cls.__pydantic_config__ = ConfigDict(defer_build=True)  # type: ignore[attr-defined]
    return dataclass(frozen=True, slots=True, kw_only=True)(cls)


_NONE = object()


def doc(description: str | None = None, example: object = _NONE) -> FieldInfo:
    """Describe a field in the OpenAPI document."""
    info: FieldInfo = Field(description=description, examples=None if example is _NONE else [example])
    return info


ACCOUNT = "AC" + "a" * 32
CALL = "CA" + "b" * 32
SUBSCRIPTION = "ZY" + "c" * 32
MESSAGE = "KX8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"
REQUEST = "RQ8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"

Timestamp = Annotated[datetime, Field(examples=["2019-12-18T20:02:01.123Z"])]
"""A time in UTC; JSON has it as RFC 3339 with milliseconds."""
