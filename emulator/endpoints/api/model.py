"""The base of response models: frozen dataclasses, described for the OpenAPI document."""

from collections.abc import Callable
from dataclasses import MISSING, Field, FrozenInstanceError, dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, NamedTuple, dataclass_transform


@dataclass_transform(frozen_default=True, kw_only_default=True)
class Model:
    """A frozen dataclass. Generating its methods for each of 60 classes would take a tenth of the start."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    __pydantic_config__: ClassVar[dict[str, bool]] = {"defer_build": True}  # which shortens the start too

    def __init_subclass__(cls) -> None:
        dataclass(init=False, repr=False, eq=False, kw_only=True)(cls)

    def __init__(self, **values: object) -> None:
        fields = self.__dataclass_fields__
        for name, field in fields.items():
            if name not in values:
                values[name] = field.default
                if field.default is MISSING:
                    raise TypeError(f"{type(self).__name__}: {name} is missing")
        if len(values) > len(fields):
            raise TypeError(f"{type(self).__name__} has no {', '.join(values.keys() - fields.keys())}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise FrozenInstanceError(f"cannot assign to {name!r}")

    def __delattr__(self, name: str) -> None:
        raise FrozenInstanceError(f"cannot delete {name!r}")

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.__dict__ == self.__dict__

    def __hash__(self) -> int:
        return hash(
            tuple(self.__dict__[name] for name, field in self.__dataclass_fields__.items() if field.hash is None)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in self.__dict__.items())})"


_Handler = Callable[[object], dict[str, Any]]


class Doc(NamedTuple):
    """The description of a field in the OpenAPI document. Not pydantic's, which a client need not import."""

    description: str | None
    examples: tuple[object, ...]

    def __get_pydantic_json_schema__(self, core_schema: object, handler: _Handler) -> dict[str, Any]:
        schema = handler(core_schema)
        if self.description is not None:
            schema["description"] = self.description
        if self.examples:
            schema["examples"] = list(self.examples)
        return schema


_NONE = object()


def doc(description: str | None = None, example: object = _NONE) -> Doc:
    """Describe a field in the OpenAPI document."""
    return Doc(description, () if example is _NONE else (example,))


ACCOUNT = "AC" + "a" * 32
CALL = "CA" + "b" * 32
SUBSCRIPTION = "ZY" + "c" * 32
MESSAGE = "KX8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"
REQUEST = "RQ8af0c9a2b5d74e1f9c3b2a1d0e5f6a7b"

Timestamp = Annotated[datetime, doc(None, "2019-12-18T20:02:01.123Z")]
"""A time in UTC; JSON has it as RFC 3339 with milliseconds."""
