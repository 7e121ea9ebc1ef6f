"""The order in which a request is judged, the same for every resource. The engine does the rest: key and call state."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from emulator.engine.parameters import read_parameters
from emulator.wire import errors, messages
from emulator.wire.credentials import Directory
from emulator.wire.errors import Problem, TwilioError
from emulator.wire.messages import NewMessage
from emulator.wire.paths import Target


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """What the judging depends on beside the request."""

    directory: Directory
    lenient: bool = False


@dataclass(slots=True)
class Case:
    """A request under judgement; each check adds what it found."""

    method: str
    target: Target | None
    headers: Mapping[bytes, bytes]
    body: bytes
    oversize: bool = False
    caller: str = ""
    form: Mapping[str, str] = field(default_factory=dict)
    new: NewMessage | None = None


def _credentials(case: Case, house: House) -> None:
    case.caller = house.directory.caller(case.headers.get(b"authorization"))


def _path(case: Case, _house: House) -> None:
    if case.target is None or case.target.resource != messages.RESOURCE:
        raise TwilioError(errors.PATH_UNKNOWN)


def _account(case: Case, house: House) -> None:
    assert case.target is not None
    if not house.directory.may_use(case.caller, case.target.account_sid):
        raise TwilioError(errors.ACCOUNT_FOREIGN, f"{case.caller} may not act on {case.target.account_sid}")


def _method(case: Case, _house: House) -> None:
    if case.method != "POST":
        raise TwilioError(errors.METHOD_NOT_ALLOWED, case.method)


def _size(case: Case, _house: House) -> None:
    if case.oversize:
        raise TwilioError(errors.BODY_TOO_LARGE)


def _form(case: Case, _house: House) -> None:
    case.form = read_parameters(case.headers.get(b"content-type", b""), case.body)


def _parameters(case: Case, house: House) -> None:
    case.new = messages.read(case.form, lenient=house.lenient)


Check = Callable[[Case, House], None]

CHECKS: tuple[tuple[Check, tuple[Problem, ...]], ...] = (
    (_credentials, (errors.CREDENTIALS_MISSING, errors.USERNAME_UNKNOWN, errors.TOKEN_WRONG)),
    (_path, (errors.PATH_UNKNOWN,)),
    (_account, (errors.ACCOUNT_FOREIGN,)),
    (_method, (errors.METHOD_NOT_ALLOWED,)),
    (_size, (errors.BODY_TOO_LARGE,)),
    (_form, (errors.FORM_BROKEN,)),
    (_parameters, (errors.CONTENT_REQUIRED, errors.CONTENT_TOO_LONG, errors.CONTENT_NOT_JSON)),
)
"""Each check with the refusals that it can end in, in their order."""

_IN_ORDER: tuple[Check, ...] = tuple(check for check, _ in CHECKS)


def judge(case: Case, house: House) -> NewMessage:
    """What the request asks for, once it has passed every check.

    Raises:
        TwilioError: the first check that it did not pass.
    """
    for check in _IN_ORDER:
        check(case, house)
    assert case.new is not None
    return case.new
