"""asyncio client of `/_emulator/schemas`: JSON Schemas that validate contents."""

from urllib.parse import quote

from emulator.endpoints.api.schemas import RegisteredSchema
from emulator.engine.state.schemas import OnFailure
from emulator.testing.async_api import AsyncApi
from emulator.testing.models import read


class AsyncSchemasClient:
    """Registered schemas; each validates the contents of the client's scope."""

    def __init__(self, api: AsyncApi) -> None:
        self._api = api

    async def put(self, name: str, schema: object, *, on_failure: OnFailure | str = OnFailure.NOTE) -> RegisteredSchema:
        """Register a schema, or replace the one of this name.

        Args:
            name: at most 100 letters, digits, `.`, `_` or `-`.
            schema: a JSON Schema (2020-12).
            on_failure: `note` it on the message, or `refuse` the request with 400/32702.

        Raises:
            EmulatorError: the schema is invalid, or exceeds a limit.
        """
        body = {"schema": schema, "on_failure": on_failure, **self._api.scoped({})}
        return read(RegisteredSchema, await self._api.request("PUT", _path(name), body=body))

    async def get(self, name: str) -> RegisteredSchema:
        """Return a schema.

        Raises:
            EmulatorError: it is not registered.
        """
        return read(RegisteredSchema, await self._api.request("GET", _path(name)))

    async def delete(self, name: str) -> None:
        """Delete a schema; messages keep its results.

        Raises:
            EmulatorError: it is not registered.
        """
        await self._api.request("DELETE", _path(name))

    async def all(self) -> list[RegisteredSchema]:
        """Return the schemas that validate the contents of the scope."""
        records = await self._api.listed("schemas", self._api.parameters({}))
        return [read(RegisteredSchema, record) for record in records]


def _path(name: str) -> str:
    return f"/_emulator/schemas/{quote(name, safe='')}"
