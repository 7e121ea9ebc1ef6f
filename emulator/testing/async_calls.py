"""asyncio client of `/_emulator/calls`: registrations of calls, and their end users."""

import json
from collections.abc import Mapping

from emulator.endpoints.api.calls import Call
from emulator.endpoints.api.end_users import CallMessages, MessageFromEndUser
from emulator.engine.state.calls import Leg, Status
from emulator.testing.async_api import AsyncApi
from emulator.testing.models import read


class AsyncCallsClient:
    """Registrations of calls. `call_sid` defaults to the call that the client is bound to."""

    def __init__(self, api: AsyncApi) -> None:
        self._api = api

    async def register(
        self,
        call_sid: str | None = None,
        *,
        status: Status | str = Status.IN_PROGRESS,
        client: Leg | str = Leg.VOICE_SDK,
    ) -> Call:
        """Register a call, or replace its registration."""
        body = {"account_sid": self._api.scope.account_sid, "status": status, "client": client}
        return read(Call, await self._api.request("PUT", self._path(call_sid), body=body))

    async def place(self, to: str, *, from_: str | None = None, parameters: Mapping[str, str] | None = None) -> Call:
        """Call a connected Voice SDK user, which rings until the call is accepted.

        Args:
            to: the identity, with or without `client:`.
            from_: the caller, as the user sees it.
            parameters: custom parameters of the call.

        Raises:
            EmulatorError: no such user is registered.
        """
        given = {"account_sid": self._api.scope.account_sid, "from": from_, "parameters": parameters}
        body = {"to": to, **{name: value for name, value in given.items() if value is not None}}
        return read(Call, await self._api.request("POST", "/_emulator/calls", body=body))

    async def get(self, call_sid: str | None = None) -> Call:
        """Return the registration of a call.

        Raises:
            EmulatorError: the call is not registered.
        """
        return read(Call, await self._api.request("GET", self._path(call_sid)))

    async def forget(self, call_sid: str | None = None) -> None:
        """End a call and delete its registration; the option `calls` then applies to it again.

        Raises:
            EmulatorError: the call is not registered.
        """
        await self._api.request("DELETE", self._path(call_sid))

    async def all(self) -> list[Call]:
        """Return the registered calls of the scope."""
        return [read(Call, record) for record in await self._api.listed("calls", self._api.parameters({}))]

    async def messages(self, call_sid: str | None = None) -> CallMessages:
        """Return the newest messages of a call in both directions."""
        return read(CallMessages, await self._api.request("GET", f"{self._path(call_sid)}/end-user"))

    async def send_from_end_user(
        self, content: object, call_sid: str | None = None, *, content_type: str | None = None
    ) -> MessageFromEndUser:
        """Send a message in the name of the call's end user: its subscriptions are notified.

        Args:
            content: a value, which is sent as JSON.
            call_sid: the call.
            content_type: media type; default `application/json`.

        Raises:
            EmulatorError: the call is not active.
        """
        body = {"content": json.dumps(content), **({} if content_type is None else {"content_type": content_type})}
        path = f"{self._path(call_sid)}/end-user/messages"
        return read(MessageFromEndUser, await self._api.request("POST", path, body=body))

    def _path(self, call_sid: str | None) -> str:
        return f"/_emulator/calls/{self._api.call_sid(call_sid)}"
