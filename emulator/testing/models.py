"""Records of the inspection API, as the server defines them.

Members that a newer emulator adds are ignored; new values of an enumeration are an error.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from emulator.testing.http import EmulatorError

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Json = Mapping[str, Any]
T = TypeVar("T")

_adapters: dict[type, "TypeAdapter[Any]"] = {}


def read(kind: type[T], record: Json) -> T:
    """Convert a JSON object to a model of `emulator.endpoints.api`.

    Raises:
        EmulatorError: it lacks a member, or has one of another type: the emulator has another version.
    """
    from pydantic import TypeAdapter, ValidationError  # noqa: PLC0415  half of the time that a client takes to import

    try:
        if kind not in _adapters:
            _adapters[kind] = TypeAdapter(kind)
        result: T = _adapters[kind].validate_python(record)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise EmulatorError(
            f"the emulator has another version than this client: {kind.__name__}.{place}: {first['msg']}"
        ) from None
    return result
