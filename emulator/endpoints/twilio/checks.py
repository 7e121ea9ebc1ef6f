"""The order in which a request is judged, the same for every resource. The engine does the rest: key and call state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator.engine.journal.parameters import read_parameters
from emulator.wire import errors, resources
from emulator.wire.credentials import Directory
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.paths import Target
from emulator.wire.resources import CreateRequest, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceConfig:
    """What the judging depends on beside the request."""

    directory: Directory
    lenient: bool = False
    allows_page: Callable[[str, str], bool]


@dataclass(slots=True)
class CheckState:
    """A request under judgement; each check adds what it found."""

    method: str
    target: Target | None
    headers: Mapping[bytes, bytes]
    body: bytes
    oversize: bool = False
    caller: str = ""
    operation: Operation | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    new: CreateRequest | None = None


def _credentials(case: CheckState, house: SurfaceConfig) -> None:
    case.caller = house.directory.caller(case.headers.get(b"authorization"))


def _path(case: CheckState, _house: SurfaceConfig) -> None:
    case.operation = None if case.target is None else resources.operation(case.target)
    if case.operation is None:
        raise TwilioError(errors.PATH_UNKNOWN)


def _account(case: CheckState, house: SurfaceConfig) -> None:
    assert case.target is not None
    if not house.directory.may_use(case.caller, case.target.account_sid):
        raise TwilioError(errors.ACCOUNT_FOREIGN, f"{case.caller} may not act on {case.target.account_sid}")


def _method(case: CheckState, _house: SurfaceConfig) -> None:
    assert case.operation is not None
    if case.method != case.operation.method:
        raise TwilioError(case.operation.otherwise, case.method)


def _origin(case: CheckState, house: SurfaceConfig) -> None:
    assert case.operation is not None
    if not case.operation.changes_callbacks:
        return
    origin, own = (case.headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
    if origin and not house.allows_page(origin, own):
        raise TwilioError(errors.ORIGIN_FOREIGN, f"the page of {origin}; to allow it set allowed_origins")


def _size(case: CheckState, _house: SurfaceConfig) -> None:
    if case.oversize:
        raise TwilioError(errors.BODY_TOO_LARGE)


def _form(case: CheckState, _house: SurfaceConfig) -> None:
    case.form = read_parameters(case.headers.get(b"content-type", b""), case.body)


def _parameters(case: CheckState, house: SurfaceConfig) -> None:
    assert case.operation is not None
    if case.operation.read is not None:
        case.new = case.operation.read(case.form, house.lenient)


Check = Callable[[CheckState, SurfaceConfig], None]

CHECKS: tuple[tuple[Check, tuple[ErrorSpec, ...]], ...] = (
    (_credentials, (errors.CREDENTIALS_MISSING, errors.USERNAME_UNKNOWN, errors.TOKEN_WRONG)),
    (_path, (errors.PATH_UNKNOWN,)),
    (_account, (errors.ACCOUNT_FOREIGN,)),
    (_method, (errors.METHOD_NOT_ALLOWED,)),
    (_origin, (errors.ORIGIN_FOREIGN,)),
    (_size, (errors.BODY_TOO_LARGE,)),
    (_form, (errors.FORM_BROKEN,)),
    (_parameters, ()),
)
"""Each check with the refusals that it can end in, in their order; parameters have those of their operation."""

_IN_ORDER: tuple[Check, ...] = tuple(check for check, _ in CHECKS)


def run_checks(case: CheckState, house: SurfaceConfig) -> CreateRequest | None:
    """What the request asks to be created, once it has passed every check; None when it asks for a deletion.

    Raises:
        TwilioError: the first check that it did not pass.
    """
    for check in _IN_ORDER:
        check(case, house)
    return case.new
