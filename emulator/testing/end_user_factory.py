"""A factory of end users for the pytest plugin."""

import secrets
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from emulator.testing.async_end_user import AsyncEndUser
from emulator.testing.end_user import EndUser


class EndUsers:
    """Factory of connected end users of one account; a context manager that closes them.

    Args:
        url: URL of the emulator.
        account_sid: account of their calls.
        api_key: SID and secret that sign their tokens; None = unsigned tokens.
    """

    def __init__(self, url: str, *, account_sid: str, api_key: tuple[str, str] | None = None) -> None:
        self._url = url
        self._options: dict[str, Any] = {"account_sid": account_sid, "api_key": api_key}
        self._stack = ExitStack()

    def __call__(self, identity: str | None = None) -> EndUser:
        """Create a connected end user; without an identity, with a random one."""
        return self._stack.enter_context(EndUser(self._url, identity or _any_name(), **self._options))

    def aio(self, identity: str | None = None) -> AsyncEndUser:
        """Create an end user for `async with`; without an identity, with a random one."""
        return AsyncEndUser(self._url, identity or _any_name(), **self._options)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()


def _any_name() -> str:
    return f"user-{secrets.token_hex(8)}"
