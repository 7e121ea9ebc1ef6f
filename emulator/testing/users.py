# Generated from async_users.py by scripts/generate_blocking.py: change that file, then run `make generate`.
"""Blocking client of `/_emulator/users`: connected Voice SDK users, and automatic answers."""

from urllib.parse import quote

from emulator.endpoints.api.users import Behaviour, ConnectedUser
from emulator.engine.voice.auto_answer import Reaction
from emulator.testing.api import Api
from emulator.testing.models import read


class UsersClient:
    """Connected Voice SDK users, and what happens to calls to identities without one."""

    def __init__(self, api: Api) -> None:
        self._api = api

    def all(self) -> list[ConnectedUser]:
        """Return the connected users."""
        return [read(ConnectedUser, record) for record in self._api.listed("users", {})]

    def set_behaviour(self, identity: str, reaction: Reaction | str, *, after: float = 0.0) -> Behaviour:
        """Set the reaction to calls to an identity, while no client of that name is registered.

        Args:
            identity: the identity.
            reaction: `answer`, `ring`, `busy` or `reject`.
            after: seconds of ringing; only with `answer`.
        """
        body = {"reaction": reaction, "after": after}
        return read(Behaviour, self._api.request("PUT", _path(identity), body=body))

    def reset_behaviour(self, identity: str) -> None:
        """Restore the default: calls are answered at once.

        Raises:
            EmulatorError: nothing was set.
        """
        self._api.request("DELETE", _path(identity))


def _path(identity: str) -> str:
    return f"/_emulator/users/{quote(identity, safe='')}/behaviour"
