"""The base of response models."""

from dataclasses import FrozenInstanceError, field, fields
from typing import Any

import pytest

from emulator.endpoints.api.model import Model


class Point(Model):
    """A model."""

    x: int
    y: int = 0
    note: Any = field(default=None, hash=False)


def test_model_compares_and_hashes_by_value() -> None:
    assert Point(x=1) == Point(x=1, y=0) != Point(x=2)
    assert hash(Point(x=1, note={})) == hash(Point(x=1))
    assert repr(Point(x=1)) == "Point(x=1, y=0, note=None)"
    assert [each.name for each in fields(Point)] == ["x", "y", "note"]  # type: ignore[arg-type]


def test_model_is_frozen() -> None:
    point = Point(x=1)
    with pytest.raises(FrozenInstanceError, match="cannot assign to 'x'"):
        point.x = 2  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError, match="cannot delete 'x'"):
        del point.x


@pytest.mark.parametrize(
    ("values", "error"), [({}, "Point: x is missing"), ({"x": 1, "z": 2}, "Point has no z")], ids=["missing", "unknown"]
)
def test_model_takes_its_fields_only(values: dict[str, int], error: str) -> None:
    with pytest.raises(TypeError, match=error):
        Point(**values)
