"""Models of `then`, built from the kinds of faults of the engine: see `emulator.engine.faults`."""

from collections.abc import Callable, Iterable
from enum import Enum
from functools import partial
from inspect import getdoc, signature
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeAlias, Union, get_args

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Discriminator, Field, Tag, create_model

from emulator.endpoints.api.faults import FaultKindDescription
from emulator.endpoints.inspection.bodies import Body, Yes, members
from emulator.engine.faults.fault_kind import FaultKind
from emulator.engine.faults.fault_parameter import Parameter
from emulator.engine.faults.kinds import FAULT_KINDS
from emulator.engine.faults.rules import FaultEffect

_LONGEST_DELAY = 600

Seconds = Annotated[float, Field(ge=0, le=_LONGEST_DELAY, allow_inf_nan=False)]


class _Part(Body):
    """A part of a request body; pydantic builds it as a part of the whole only, which shortens the start."""

    model_config = ConfigDict(defer_build=True)


class Uniform(_Part):
    """A random number of seconds between two bounds, from the rule's seed."""

    uniform: tuple[Seconds, Seconds] = Field(strict=False, description="in either order", examples=[[1, 5]])


def _kind_of_delay(given: object) -> str:
    return "uniform" if isinstance(given, dict | Uniform) else "seconds"


Delay = Annotated[
    Annotated[Seconds, Tag("seconds")] | Annotated[Uniform, Tag("uniform")], Discriminator(_kind_of_delay)
]


class ValueBody(_Part):
    """The value of a kind as a JSON object: its fields, or those of one of its forms."""

    create: ClassVar[Callable[..., FaultKind]]

    def fault(self) -> FaultKind:
        """Convert to the engine's type."""
        return type(self).create(**{name: getattr(self, name) for name in type(self).model_fields})


class ThenModel(_Part):
    """A delay, a fault, or both."""

    kind: ClassVar[type[FaultKind] | None] = None

    @property
    def needs_connection(self) -> bool:
        """Whether only our own server can do it."""
        return self.kind is not None and self.kind.needs_connection

    def effect(self) -> FaultEffect:
        """Convert to the engine's type."""
        delay: float | Uniform = getattr(self, "delay", None) or 0.0
        low, high = sorted(delay.uniform if isinstance(delay, Uniform) else (delay, delay))
        return FaultEffect(delay=(low, high), fault=self._fault())

    def _fault(self) -> FaultKind | None:
        if self.kind is None:
            return None
        value = getattr(self, self.kind.member)
        if isinstance(value, ValueBody):
            return value.fault()
        create: Callable[..., FaultKind] = self.kind
        return create(value) if signature(create).parameters else create()


class DelayThen(ThenModel):
    """A delay only."""

    delay: Delay = Field(description="seconds to delay the response", examples=[1.5])


class _DelayedThen(ThenModel):
    delay: Delay | None = Field(None, description="seconds to delay the response", examples=[1.5])


def _does(source: object) -> str:
    return (getdoc(source) or "").partition("\n")[0]


def _class_name(name: str) -> str:
    return "".join(map(str.title, name.split("_")))


def _checked(check: Any, value: Any) -> Any:  # noqa: ANN401  any field's
    check(value)
    return value


def _parameters(create: Callable[..., FaultKind]) -> dict[str, tuple[Any, Any]]:
    """Return the pydantic types and defaults of parameters that are annotated with a `Parameter`."""
    return {
        name: (_field_type(*get_args(given.annotation)), ... if given.default is given.empty else given.default)
        for name, given in signature(create).parameters.items()
    }


_KEYWORDS = ("ge", "gt", "le", "max_length", "pattern", "description")


def _field_type(given: Any, parameter: Parameter) -> Any:  # noqa: ANN401  types
    options = {name: getattr(parameter, name) for name in _KEYWORDS if getattr(parameter, name) is not None}
    described = Annotated[
        given,
        Field(
            **options,
            examples=list(parameter.examples),
            json_schema_extra=dict(parameter.schema),
            strict=not (isinstance(given, type) and issubclass(given, Enum)),
        ),
    ]
    if parameter.check is None:
        return described
    return Annotated[described, AfterValidator(partial(_checked, parameter.check))]


def _value_model(name: str, create: Callable[..., FaultKind]) -> type[ValueBody]:
    fields: dict[str, Any] = _parameters(create)
    model = create_model(_class_name(name), __base__=ValueBody, __doc__=_does(create), **fields)
    model.create = staticmethod(create)
    return model


def _union(models: Iterable[tuple[str, Any]]) -> Any:  # noqa: ANN401  a type
    return Union[tuple(Annotated[model, Tag(tag)] for tag, model in models)]  # noqa: UP007  not known before


def _forms_type(kind: type[FaultKind]) -> Any:  # noqa: ANN401  a type
    """Return the union of a kind's forms; the first one whose selector is given counts, else the last."""
    *_, last = kind.forms

    def tag(selector: str) -> str:
        return f"{kind.member}: {selector}"

    def check(given: object) -> object:
        if isinstance(given, dict):
            kind.check_members(given)
        return given

    return Annotated[
        _union((tag(selector), _value_model(form.__name__, form)) for selector, form in kind.forms.items()),
        Discriminator(lambda given: tag(next(iter(members(given, kind.forms)), last))),
        BeforeValidator(check),
    ]


def _value_type(kind: type[FaultKind]) -> Any:  # noqa: ANN401  a type
    """Return the type of a kind's JSON value."""
    if kind.forms:
        return _forms_type(kind)
    fields = _parameters(kind)
    if not fields:
        return Annotated[Yes, Field(examples=[True])]
    ((given, _default), *more) = fields.values()
    return _value_model(f"{kind.member}_body", kind) if more else given


def _then_model(kind: type[FaultKind]) -> type[ThenModel]:
    given: dict[str, Any] = {kind.member: (_value_type(kind), ...)}
    model = create_model(_class_name(f"{kind.member}_then"), __base__=_DelayedThen, __doc__=_does(kind), **given)
    model.kind = kind
    return model


_MEMBERS = [kind.member for kind in FAULT_KINDS]


def _one_kind(given: object) -> object:
    kinds = members(given, _MEMBERS)
    if len(kinds) > 1:
        raise ValueError(f"{' and '.join(kinds)} exclude each other; only delay goes with another")
    if given == {}:
        raise ValueError(f"give one of delay, {', '.join(_MEMBERS)}")
    return given


def _tag(member: str) -> str:
    return f"then: {member}"


if TYPE_CHECKING:
    ThenBody: TypeAlias = ThenModel
else:
    ThenBody = Annotated[
        _union([(_tag("delay"), DelayThen), *((_tag(kind.member), _then_model(kind)) for kind in FAULT_KINDS)]),
        Discriminator(lambda given: _tag(next(iter(members(given, _MEMBERS)), "delay"))),
        BeforeValidator(_one_kind),
    ]
    """A delay, one of the others, or a delay and then one of the others."""


def _entry(name: str, source: object, example: object, *, needs_connection: bool = False) -> FaultKindDescription:
    return FaultKindDescription(name=name, does=_does(source), then={name: example}, needs_connection=needs_connection)


KINDS = (
    _entry("delay", DelayThen, {"uniform": [1, 3]}),
    *(_entry(kind.member, kind, kind.example, needs_connection=kind.needs_connection) for kind in FAULT_KINDS),
)
"""What `then` can be."""
