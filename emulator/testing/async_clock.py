"""asyncio clients of `/_emulator/clock` and `/_emulator/seed`."""

from collections.abc import Mapping
from datetime import datetime

from emulator.endpoints.api.clock import ClockTime
from emulator.endpoints.api.seed import Seed
from emulator.testing.async_api import AsyncApi
from emulator.testing.models import read


class AsyncClockClient:
    """The emulator's clock, shared by all tests. Each method returns the resulting time."""

    def __init__(self, api: AsyncApi) -> None:
        self._api = api

    async def now(self) -> datetime:
        """Return the current time."""
        return read(ClockTime, await self._api.request("GET", "/_emulator/clock")).now

    async def freeze(self, at: datetime) -> datetime:
        """Freeze the clock at this time, which must have a time zone."""
        return await self._change({"freeze": at.isoformat()})

    async def advance(self, seconds: float) -> datetime:
        """Move the clock forward by this number of seconds."""
        return await self._change({"advance": seconds})

    async def reset(self) -> datetime:
        """Restore the initial state of the clock."""
        return await self._change({"reset": True})

    async def _change(self, change: Mapping[str, object]) -> datetime:
        return read(ClockTime, await self._api.request("PUT", "/_emulator/clock", body=change)).now


class AsyncSeedClient:
    """The seed of SIDs and request ids, shared by all tests."""

    def __init__(self, api: AsyncApi) -> None:
        self._api = api

    async def get(self) -> int | None:
        """Return the seed; None = random."""
        return read(Seed, await self._api.request("GET", "/_emulator/seed")).seed

    async def set(self, seed: int | None) -> None:
        """Restart the sequence of identifiers from this seed; None = random."""
        await self._api.request("PUT", "/_emulator/seed", body={"seed": seed})
