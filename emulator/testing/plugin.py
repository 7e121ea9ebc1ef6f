"""The pytest plugin. pytest loads it in every run wherever it is installed: import nothing at module level.

All tests share one server per process and session. Each test has its own account and call, which isolate it: nothing
is ever cleared, and workers and threads need no coordination.
"""

import os
import secrets
import warnings
from collections.abc import Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from twilio.rest import Client

    from emulator.settings import Settings
    from emulator.testing.end_user import EndUser
    from emulator.testing.end_user_factory import EndUsers
    from emulator.testing.faults import Faults
    from emulator.testing.isolation import TwilioEmulator
    from emulator.testing.server import Emulator

_OPTION = "--twilio-emulator-url"
_VARIABLE = "EMULATOR_URL"
_ZEROS = "0" * 32
_OWN = pytest.StashKey["TwilioEmulator"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option `--twilio-emulator-url`."""
    parser.getgroup("twilio").addoption(
        _OPTION, metavar="URL", help=f"use the emulator at this address instead of starting one [{_VARIABLE}]"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """Stop the run if the emulator given on the command line does not respond."""
    if session.config.getoption(_OPTION):
        _end_if_silent(session.config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """Stop the run if the emulator of the environment variable does not respond and a collected test uses it."""
    if any("twilio_emulator" in getattr(item, "fixturenames", ()) for item in session.items):
        _end_if_silent(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add the requests of the test to the report of its failure."""
    report = yield
    own = item.stash.get(_OWN, None)
    if own is not None and report.failed and call.when != "teardown":
        _add_section(report, "Twilio emulator", own.report())
    return report


def _add_section(report: pytest.TestReport, title: str, text: str) -> None:
    """Add a section to the failure itself, because JUnit XML omits `report.sections` by default."""
    add = getattr(report.longrepr, "addsection", None)  # only tracebacks have it
    if add is not None:
        add(title, text)
    else:
        report.longrepr = "\n".join([str(report.longrepr), f" {title} ".center(80, "-"), text])


@pytest.fixture(scope="session")
def twilio_emulator_settings() -> "Mapping[str, Any] | Settings":
    """Options of the emulator by name; override this fixture to set them: `{"calls": "registered"}`."""
    return {}


def _started(settings: "Mapping[str, Any] | Settings") -> "Emulator":
    from emulator.server.bind import CannotStartError  # noqa: PLC0415  see the module docstring
    from emulator.settings import SettingsError  # noqa: PLC0415
    from emulator.testing.server import Emulator  # noqa: PLC0415

    try:
        emulator = Emulator(**settings) if isinstance(settings, Mapping) else Emulator(settings)
        emulator.start()
    except (CannotStartError, SettingsError, TypeError) as error:
        pytest.fail(f"twilio_emulator_settings: {error}", pytrace=False)
    return emulator


@pytest.fixture(scope="session")
def twilio_emulator_server(
    pytestconfig: pytest.Config, twilio_emulator_settings: "Mapping[str, Any] | Settings"
) -> "Iterator[Emulator | None]":
    """The emulator in this process; None when `--twilio-emulator-url` or EMULATOR_URL selects another one."""
    if _external(pytestconfig) is not None:
        if (complaint := _complaint(pytestconfig)) is not None:
            pytest.fail(complaint, pytrace=False)
        yield None
        return
    with warnings.catch_warnings():  # a test run may turn deprecation warnings of dependencies into errors
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        emulator = _started(twilio_emulator_settings)
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def twilio_account_sid(twilio_emulator_server: "Emulator | None") -> str | None:
    """Override this fixture when the application has a fixed account; tests are then isolated by CallSid only."""
    accounts = twilio_emulator_server and twilio_emulator_server.settings.accounts
    return next(iter(accounts)) if accounts else None


@pytest.fixture(scope="session")
def twilio_auth_token(twilio_emulator_server: "Emulator | None", twilio_account_sid: str | None) -> str:
    """Override this fixture when an external emulator has its own auth token."""
    if twilio_emulator_server is None:
        return os.environ.get("EMULATOR_AUTH_TOKEN") or _ZEROS
    settings = twilio_emulator_server.settings
    account = (settings.accounts or {}).get(twilio_account_sid or "")
    return account.token if account else settings.auth_token


@pytest.fixture
def twilio_emulator(
    request: pytest.FixtureRequest,
    twilio_emulator_server: "Emulator | None",
    twilio_account_sid: str | None,
    twilio_auth_token: str,
) -> "Iterator[TwilioEmulator]":
    """Client of the emulator, bound to an account and a call of this test only."""
    from emulator.testing.isolation import TwilioEmulator  # noqa: PLC0415

    server = twilio_emulator_server
    own = TwilioEmulator(
        server.url if server else _external(request.config) or "",
        account_sid=twilio_account_sid or "AC" + secrets.token_hex(16),
        auth_token=twilio_auth_token,
        call_sid="CA" + secrets.token_hex(16),
        shared_account=twilio_account_sid is not None,
        control_token=server.settings.control_token if server else _control_token(),
        environ=os.environ,
    )
    request.node.stash[_OWN] = own
    if server is not None and server.settings.calls == "registered":
        with own.registered_call():
            yield own
    else:
        yield own


@pytest.fixture
def twilio_faults(twilio_emulator: "TwilioEmulator") -> "Iterator[Faults]":
    """Faults for the test's requests: `with twilio_faults.lost_answer(times=1): …`; removed at the test's end."""
    with twilio_emulator.faulty() as faults:
        yield faults


@pytest.fixture
def twilio_client(twilio_emulator: "TwilioEmulator") -> "Iterator[Client]":
    """Client of Twilio's Python library, connected to the emulator, with the account of this test."""
    try:
        from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415
        from twilio.rest import Client  # noqa: PLC0415
    except ImportError:
        pytest.fail("the fixture twilio_client needs Twilio's library: pip install twilio", pytrace=False)
    http = TwilioHttpClient()
    client = Client(twilio_emulator.account_sid, twilio_emulator.auth_token, http_client=http)
    client.region = client.edge = None  # TWILIO_REGION and TWILIO_EDGE would change the host name
    client.api.base_url = twilio_emulator.url
    with http.session:
        http.session.trust_env = twilio_emulator.url.startswith("https:")  # use no proxy for a local http server
        yield client


@pytest.fixture
def twilio_end_users(
    twilio_emulator: "TwilioEmulator", twilio_emulator_server: "Emulator | None"
) -> "Iterator[EndUsers]":
    """Factory of connected end users of the test's account, with an optional identity; closed at the test's end."""
    from emulator.testing.end_user_factory import EndUsers  # noqa: PLC0415

    account, server = twilio_emulator.account_sid, twilio_emulator_server
    keys = (server.settings.api_keys if server else None) or {}
    key = next(((sid, key.secret) for sid, key in keys.items() if key.account_sid == account), None)
    with EndUsers(twilio_emulator.url, account_sid=account, api_key=key) as users:
        yield users


@pytest.fixture
def twilio_end_user(twilio_end_users: "EndUsers") -> "EndUser":
    """A connected end user with the Voice SDK; its calls belong to the test's account."""
    return twilio_end_users()


def _external(config: pytest.Config) -> str | None:
    """The URL of an external emulator; None = start one in this process."""
    return config.getoption(_OPTION) or os.environ.get(_VARIABLE) or None


def _control_token() -> str | None:
    return os.environ.get("EMULATOR_CONTROL_TOKEN") or None


def _end_if_silent(config: pytest.Config) -> None:
    """Stop the run with a one-line error when the external emulator does not respond."""
    # An xdist worker cannot stop the run: there, each test fails with the error.
    if not config.option.collectonly and not hasattr(config, "workerinput"):
        complaint = _complaint(config)
        if complaint is not None:
            raise pytest.UsageError(complaint)


def _complaint(config: pytest.Config) -> str | None:
    """Why the external emulator cannot be used; None when it can, or when none is configured."""
    url = _external(config)
    if url is None:
        return None
    from emulator.testing.client import EmulatorClient  # noqa: PLC0415
    from emulator.testing.http import EmulatorError  # noqa: PLC0415

    try:
        EmulatorClient(url, control_token=_control_token()).clock.now()
    except (EmulatorError, ValueError) as error:
        return f"{error}; without {_OPTION} and {_VARIABLE} the tests start their own"
    return None
