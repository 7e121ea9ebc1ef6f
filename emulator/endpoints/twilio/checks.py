"""The checks of a request, in the same order for every resource. The engine checks the key and the call's state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator.wire import errors, resources
from emulator.wire.credentials import Directory
from emulator.wire.errors import ErrorSpec, TwilioError
from emulator.wire.forms import read_parameters
from emulator.wire.paths import Target
from emulator.wire.resources import CreateRequest, Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class SurfaceConfig:
    """Configuration of the request checks."""

    directory: Directory
    lenient: bool = False
    allows_page: Callable[[str, str], bool]


@dataclass(slots=True)
class CheckState:
    """A request being checked; each check adds its result."""

    method: str
    target: Target | None
    headers: Mapping[bytes, bytes]
    body: bytes
    oversize: bool = False
    caller: str = ""
    operation: Operation | None = None
    form: Mapping[str, str] = field(default_factory=dict)
    new: CreateRequest | None = None


def _credentials(state: CheckState, config: SurfaceConfig) -> None:
    state.caller = config.directory.caller(state.headers.get(b"authorization"))


def _path(state: CheckState, _config: SurfaceConfig) -> None:
    state.operation = None if state.target is None else resources.operation(state.target)
    if state.operation is None:
        raise TwilioError(errors.PATH_UNKNOWN)


def _account(state: CheckState, config: SurfaceConfig) -> None:
    assert state.target is not None
    if not config.directory.may_use(state.caller, state.target.account_sid):
        raise TwilioError(errors.ACCOUNT_FOREIGN, f"{state.caller} may not act on {state.target.account_sid}")


def _method(state: CheckState, _config: SurfaceConfig) -> None:
    assert state.operation is not None
    if state.method != state.operation.method:
        raise TwilioError(state.operation.otherwise, state.method)


def _origin(state: CheckState, config: SurfaceConfig) -> None:
    assert state.operation is not None
    if not state.operation.changes_callbacks:
        return
    origin, own = (state.headers.get(name, b"").decode("latin-1") for name in (b"origin", b"host"))
    if origin and not config.allows_page(origin, own):
        raise TwilioError(errors.ORIGIN_FOREIGN, f"the page of {origin}; to allow it set allowed_origins")


def _size(state: CheckState, _config: SurfaceConfig) -> None:
    if state.oversize:
        raise TwilioError(errors.BODY_TOO_LARGE)


def _form(state: CheckState, _config: SurfaceConfig) -> None:
    state.form = read_parameters(state.headers.get(b"content-type", b""), state.body)


def _parameters(state: CheckState, config: SurfaceConfig) -> None:
    assert state.operation is not None
    if state.operation.read is not None:
        state.new = state.operation.read(state.form, config.lenient)


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
"""Each check with the errors that it can raise, in order; errors of parameters are listed by the operation."""

_IN_ORDER: tuple[Check, ...] = tuple(check for check, _ in CHECKS)


def run_checks(state: CheckState, config: SurfaceConfig) -> CreateRequest | None:
    """Run all checks; return what to create, or None for a deletion.

    Raises:
        TwilioError: the request failed a check.
    """
    for check in _IN_ORDER:
        check(state, config)
    return state.new
