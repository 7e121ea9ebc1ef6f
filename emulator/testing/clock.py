# Generated from async_clock.py by scripts/generate_blocking.py: change that file, then run `make generate`.
"""Blocking clients of `/_emulator/clock` and `/_emulator/seed`."""

from collections.abc import Mapping
from datetime import datetime

from emulator.endpoints.api.clock import ClockTime
from emulator.endpoints.api.seed import Seed
from emulator.testing.api import Api
from emulator.testing.models import read


class ClockClient:
    """The emulator's clock, shared by all tests. Each method returns the resulting time."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def now(self) -> datetime:
        """Return the current time."""
        return read(ClockTime, self._api.request("GET", "/_emulator/clock")).now

    def freeze(self, at: datetime) -> datetime:
        """Freeze the clock at this time, which must have a time zone."""
        return self._change({"freeze": at.isoformat()})

    def advance(self, seconds: float) -> datetime:
        """Move the clock forward by this number of seconds."""
        return self._change({"advance": seconds})

    def reset(self) -> datetime:
        """Restore the initial state of the clock."""
        return self._change({"reset": True})

    def _change(self, change: Mapping[str, object]) -> datetime:
        return read(ClockTime, self._api.request("PUT", "/_emulator/clock", body=change)).now


class SeedClient:
    """The seed of SIDs and request ids, shared by all tests."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def get(self) -> int | None:
        """Return the seed; None = random."""
        return read(Seed, self._api.request("GET", "/_emulator/seed")).seed

    def set(self, seed: int | None) -> None:
        """Restart the sequence of identifiers from this seed; None = random."""
        self._api.request("PUT", "/_emulator/seed", body={"seed": seed})
