"""From a blocking client to its asyncio counterpart."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from emulator.testing.api import Api
    from emulator.testing.async_client import AsyncEmulatorClient


class AsyncCounterpart:
    """A blocking client that has an asyncio counterpart."""

    _api: "Api"

    @property
    def aio(self) -> "AsyncEmulatorClient":
        """The asyncio client with the same configuration."""
        from emulator.testing.async_client import AsyncEmulatorClient  # noqa: PLC0415  asyncio only if it is used

        address, scope = self._api.address, self._api.scope
        return AsyncEmulatorClient(
            address.url,
            account_sid=scope.account_sid,
            call_sid=scope.call_sid,
            control_token=address.token,
            ca=address.ca,
            environ=self._api.environ,
        )
