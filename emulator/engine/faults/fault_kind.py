"""The base classes of the kinds of faults, and their registry."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, ClassVar, Protocol, TypeVar, final


class HasBody(Protocol):
    """A rendered response."""

    @property
    def body(self) -> bytes:
        """Its body."""


R = TypeVar("R", bound=HasBody)
R_contra = TypeVar("R_contra", bound=HasBody, contravariant=True)


class FaultConnection(Protocol[R_contra]):
    """What a fault can do to the connection of a request, instead of sending the response."""

    def write_raw(self, data: bytes) -> None:
        """Send raw bytes instead of the response, and close the connection."""

    def truncate(self, response: R_contra, length: int) -> None:
        """Send the head of a response and `length` bytes of its body, and close the connection."""

    def reset(self) -> None:
        """Reset the connection."""


class FaultKind(ABC):
    """A kind of fault, as a rule names it; a frozen dataclass.

    Attributes:
        member: its name in `then`.
        example: a JSON value of it.
        order: place in lists; kinds with the same place are ordered by name.
        forms: functions that create it from the members of a JSON object, by the member that selects the function;
            the first one given counts. Empty = its own fields are the JSON value.
        needs_connection: whether it acts on the connection, which only the emulator's own server exposes.
    """

    __slots__ = ()
    member: ClassVar[str]
    example: ClassVar[Any]
    order: ClassVar[int] = 100
    forms: ClassVar[Mapping[str, Callable[..., "FaultKind"]]] = MappingProxyType({})
    needs_connection: ClassVar[bool] = False

    @property
    def corrupts_response(self) -> bool:
        """Whether the request is processed and the response then corrupted."""
        return False

    @property
    def state_size(self) -> int:
        """Memory of the state of a rule, in bytes."""
        return 0

    @classmethod  # noqa: B027  most kinds have one form
    def check_members(cls, given: Mapping[str, object]) -> None:
        """Check which members of a JSON object are given together, for kinds with several forms.

        Raises:
            ValueError: they exclude each other, or one is missing.
        """

    @abstractmethod
    def decider(self) -> "Decider":
        """Return the function that decides about each request of a new rule."""


class FaultAction(FaultKind):
    """What happens to one request."""

    __slots__ = ()

    @property
    def name(self) -> str:
        """Its name in the journal, for example `drop-after`."""
        return self.member

    @property
    @abstractmethod
    def prevents(self) -> bool:
        """Whether the request is not processed."""

    @property
    @abstractmethod
    def effect(self) -> str:
        """What happened, as a sentence."""

    @final
    def decider(self) -> "Decider":
        """Decide for itself, each time."""
        return lambda _now: self


class ConnectionFault(FaultAction):
    """A fault that acts on the connection; the client does not receive a complete response."""

    __slots__ = ()
    needs_connection = True

    @property
    def corrupts_response(self) -> bool:
        """Whether the request is processed and the response then corrupted."""
        return not self.prevents

    @abstractmethod
    def apply(self, connection: FaultConnection[R], response: R | None) -> None:
        """Act on the connection; `response` is None when the fault prevents it."""


Decider = Callable[[float], FaultAction | None]
"""Returns what happens to a matching request at a time of the emulator's clock; None = it passes."""

_BY_MEMBER: dict[str, type[FaultKind]] = {}
K = TypeVar("K", bound=type[FaultKind])


def fault_kind(cls: K) -> K:
    """Register a kind of fault; a class decorator.

    Raises:
        TypeError: a method is missing, or another kind has this name.
    """
    if missing := sorted(cls.__abstractmethods__):
        raise TypeError(f"{cls.__name__} lacks {', '.join(missing)}")
    if cls.member in _BY_MEMBER:
        raise TypeError(f"{_BY_MEMBER[cls.member].__name__} and {cls.__name__} have the same name, {cls.member}")
    _BY_MEMBER[cls.member] = cls
    return cls


def registered() -> tuple[type[FaultKind], ...]:
    """Return all registered kinds in their order."""
    return tuple(sorted(_BY_MEMBER.values(), key=lambda kind: (kind.order, kind.member)))
