"""Isolation of tests that share an emulator: an account and a call per test."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from emulator.testing.client import EmulatorClient
from emulator.testing.faults import Faults
from emulator.testing.http import EmulatorError

if TYPE_CHECKING:
    from emulator.testing.filters import Scoping

_REPORTED = 50


class TwilioEmulator(EmulatorClient):
    """A client bound to an account and a call of one test. Its asyncio version is `aio`.

    Attributes:
        url: base URL for the Twilio library.
        account_sid: account of the test's requests.
        auth_token: auth token of the account.
        call_sid: a call that no other test uses.
    """

    def __init__(
        self,
        url: str,
        *,
        account_sid: str,
        auth_token: str,
        call_sid: str,
        shared_account: bool = False,
        control_token: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        """Bind the client.

        Args:
            url: URL of the emulator.
            account_sid: the account.
            auth_token: auth token of the account.
            call_sid: the call.
            shared_account: whether other tests use the account too; the test then owns only the call.
            control_token: token of the inspection API, if it requires one.
            environ: environment variables of the application under test.
        """
        owner = None if shared_account else account_sid
        super().__init__(url, account_sid=owner, call_sid=call_sid, control_token=control_token, environ=environ)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.call_sid = call_sid
        # With its own account, the test owns every call of it, including calls used by mistake.
        self._whole: Scoping = {} if shared_account else {"call_sid": None}

    def faulty(self) -> Faults:
        """Create a factory of faults for all requests of the test."""
        return Faults(self, **self._whole)

    @contextmanager
    def registered_call(self) -> Iterator[None]:
        """Register the call for the account; delete it on exit, because an emulator holds at most 10,000."""
        calls = EmulatorClient(self.url, account_sid=self.account_sid, control_token=self._api.address.token).calls
        calls.register(self.call_sid)
        try:
            yield
        finally:
            with suppress(EmulatorError):  # the test deleted it, or stopped the emulator
                calls.forget(self.call_sid)

    def report(self) -> str:
        """The requests of the test, one per line, for the report of a failure."""
        try:
            requests = self.requests(newest=_REPORTED, **self._whole)
        except EmulatorError as error:
            return str(error)
        whose = f"account {self.account_sid}, call {self.call_sid}, at {self.url}"
        if requests:
            lines = [whose, *map(str, requests)]
        else:
            lines = [f"nothing arrived ({whose}): does the application use this url, account and call?"]
        return "\n".join([*lines, *filter(None, [self._api.proxy_hint()])])
