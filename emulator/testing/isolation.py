"""What one test owns of an emulator that many share."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from emulator.testing.client import EmulatorClient
from emulator.testing.faults import Faults
from emulator.testing.http import EmulatorError

if TYPE_CHECKING:
    from emulator.testing.questions import Scoping

_REPORTED = 50


class TwilioEmulator(EmulatorClient):
    """A client bound to an account and a call of this test alone. To be awaited: `aio`.

    Attributes:
        url: what the library's base URL becomes.
        account_sid: the account to send as.
        auth_token: its token.
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
        """Bind it.

        Args:
            url: where the emulator listens.
            account_sid: the account.
            auth_token: its token.
            call_sid: the call.
            shared_account: other tests use the account too, so that the call alone is what the test owns.
            control_token: what the inspection API asks for, if anything.
            environ: the environment variables of the application under test.
        """
        owner = None if shared_account else account_sid
        super().__init__(url, account_sid=owner, call_sid=call_sid, control_token=control_token, environ=environ)
        self.account_sid = account_sid
        self.auth_token = auth_token
        self.call_sid = call_sid
        # In an account of its own everything is the test's, calls that it did not mean to use most of all.
        self._whole: Scoping = {} if shared_account else {"call_sid": None}

    def faulty(self) -> Faults:
        """Makes faults for everything that the test sends."""
        return Faults(self, **self._whole)

    @contextmanager
    def registered_call(self) -> Iterator[None]:
        """Register the call for the account, and delete it at the end: an emulator takes 10,000."""
        calls = EmulatorClient(self.url, account_sid=self.account_sid, control_token=self._address.token).calls
        calls.register(self.call_sid)
        try:
            yield
        finally:
            with suppress(EmulatorError):  # the test deleted it, or stopped the emulator
                calls.forget(self.call_sid)

    def report(self) -> str:
        """What the test sent, a line each, for a person who asks why it failed."""
        try:
            requests = self.requests(newest=_REPORTED, **self._whole)
        except EmulatorError as error:
            return str(error)
        whose = f"account {self.account_sid}, call {self.call_sid}, at {self.url}"
        if requests:
            lines = [whose, *map(str, requests)]
        else:
            lines = [f"nothing arrived ({whose}): does the application use this url, account and call?"]
        return "\n".join([*lines, *filter(None, [self._proxy_hint()])])
