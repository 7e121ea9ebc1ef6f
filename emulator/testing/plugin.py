"""The pytest plugin. pytest loads it in every run of everybody who has it installed: import nothing up here.

One server per process and session, which all tests share: a test is apart from the others by an account and a call of
its own, so nothing is ever cleared, and workers and threads need not know of each other.
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
    from emulator.testing.end_user import EndUser, EndUsers
    from emulator.testing.faults import Faults
    from emulator.testing.isolation import TwilioEmulator
    from emulator.testing.server import Emulator

_OPTION = "--twilio-emulator-url"
_VARIABLE = "EMULATOR_URL"
_ZEROS = "0" * 32
_OWN = pytest.StashKey["TwilioEmulator"]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """The one option."""
    parser.getgroup("twilio").addoption(
        _OPTION, metavar="URL", help=f"use the emulator at this address instead of starting one [{_VARIABLE}]"
    )


def pytest_sessionstart(session: pytest.Session) -> None:
    """An address on the command line must answer."""
    if session.config.getoption(_OPTION):
        _end_if_silent(session.config)


def pytest_collection_finish(session: pytest.Session) -> None:
    """The variable's address must answer only when a test here wants it."""
    if any("twilio_emulator" in getattr(item, "fixturenames", ()) for item in session.items):
        _end_if_silent(session.config)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add to a failure what the test sent."""
    report = yield
    own = item.stash.get(_OWN, None)
    if own is not None and report.failed and call.when != "teardown":
        _add_section(report, "Twilio emulator", own.report())
    return report


def _add_section(report: pytest.TestReport, title: str, text: str) -> None:
    """Put a section into the failure itself: JUnit XML leaves `report.sections` out by default."""
    add = getattr(report.longrepr, "addsection", None)  # what a traceback has, other failures not
    if add is not None:
        add(title, text)
    else:
        report.longrepr = "\n".join([str(report.longrepr), f" {title} ".center(80, "-"), text])


@pytest.fixture(scope="session")
def twilio_emulator_settings() -> "Mapping[str, Any] | Settings":
    """Override it to start the emulator with options, by their names: `{"calls": "registered"}`."""
    return {}


def _started(settings: "Mapping[str, Any] | Settings") -> "Emulator":
    from emulator.server.bind import CannotStartError  # noqa: PLC0415  see the top
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
    """The emulator in this process; None when another one is used."""
    if _external(pytestconfig) is not None:
        if (complaint := _complaint(pytestconfig)) is not None:
            pytest.fail(complaint, pytrace=False)
        yield None
        return
    with warnings.catch_warnings():  # a test run may turn into errors what old dependencies import and do
        warnings.simplefilter("ignore", DeprecationWarning)
        warnings.simplefilter("ignore", PendingDeprecationWarning)
        emulator = _started(twilio_emulator_settings)
    yield emulator
    emulator.stop()


@pytest.fixture(scope="session")
def twilio_account_sid(twilio_emulator_server: "Emulator | None") -> str | None:
    """Override it when the application has a fixed account: the CallSid alone then keeps tests apart."""
    accounts = twilio_emulator_server and twilio_emulator_server.settings.accounts
    return next(iter(accounts)) if accounts else None


@pytest.fixture(scope="session")
def twilio_auth_token(twilio_emulator_server: "Emulator | None", twilio_account_sid: str | None) -> str:
    """Override it when another emulator has a token of its own."""
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
    """An account and a call of this test's own, and what arrives there."""
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
    """Makes what the test sends fail: `with twilio_faults.lost_answer(times=1): …`; removed at the test's end."""
    with twilio_emulator.faulty() as faults:
        yield faults


@pytest.fixture
def twilio_client(twilio_emulator: "TwilioEmulator") -> "Iterator[Client]":
    """Twilio's own library, attached to the emulator; its account is this test's."""
    try:
        from twilio.http.http_client import TwilioHttpClient  # noqa: PLC0415
        from twilio.rest import Client  # noqa: PLC0415
    except ImportError:
        pytest.fail("the fixture twilio_client needs Twilio's library: pip install twilio", pytrace=False)
    http = TwilioHttpClient()
    client = Client(twilio_emulator.account_sid, twilio_emulator.auth_token, http_client=http)
    client.region = client.edge = None  # TWILIO_REGION and TWILIO_EDGE would be put into the host name
    client.api.base_url = twilio_emulator.url
    with http.session:
        http.session.trust_env = twilio_emulator.url.startswith("https:")  # a proxy is not for a server of ours
        yield client


@pytest.fixture
def twilio_end_users(
    twilio_emulator: "TwilioEmulator", twilio_emulator_server: "Emulator | None"
) -> "Iterator[EndUsers]":
    """Called with a name or none, it makes a connected user of the test's account, who is gone at the test's end."""
    from emulator.testing.end_user import EndUsers  # noqa: PLC0415

    account, server = twilio_emulator.account_sid, twilio_emulator_server
    keys = (server.settings.api_keys if server else None) or {}
    key = next(((sid, key.secret) for sid, key in keys.items() if key.account_sid == account), None)
    with EndUsers(twilio_emulator.url, account_sid=account, api_key=key) as users:
        yield users


@pytest.fixture
def twilio_end_user(twilio_end_users: "EndUsers") -> "EndUser":
    """A user of the application, with a Voice SDK that is connected; its calls are the test's account's."""
    return twilio_end_users()


def _external(config: pytest.Config) -> str | None:
    """The address of the emulator to use instead of one of our own."""
    return config.getoption(_OPTION) or os.environ.get(_VARIABLE) or None


def _control_token() -> str | None:
    return os.environ.get("EMULATOR_CONTROL_TOKEN") or None


def _end_if_silent(config: pytest.Config) -> None:
    """End the run with one line when the other emulator does not answer."""
    # A worker of xdist cannot end the run: there each test fails with the line.
    if not config.option.collectonly and not hasattr(config, "workerinput"):
        complaint = _complaint(config)
        if complaint is not None:
            raise pytest.UsageError(complaint)


def _complaint(config: pytest.Config) -> str | None:
    """Why another emulator cannot be used; None when it can, or when none is named."""
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
