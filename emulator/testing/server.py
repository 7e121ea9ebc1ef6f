"""An emulator in this process: the real server in a thread, by default on a free port."""

import asyncio
import itertools
import os
import threading
from concurrent.futures import Future
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from emulator.app import create_app
from emulator.server import server
from emulator.server.bind import open_socket
from emulator.settings import OPTIONS, Settings, nearest, read_settings
from emulator.testing.client import EmulatorClient

if TYPE_CHECKING:
    from collections.abc import Sequence

_TICK = 0.1  # seconds; as uvicorn's own


class Emulator:
    """An emulator in this process; a context manager, or use `start` and `stop`.

    Attributes:
        settings: the parsed options.
    """

    def __init__(self, settings: Settings | None = None, *, port: int = 0, **options: Any) -> None:  # noqa: ANN401
        """Parse the options; `start` starts the server.

        Args:
            settings: the options; its port is ignored.
            port: 0 = any free port.
            options: single options by the names of Settings; strings are parsed like flags of the command.

        Raises:
            TypeError: unknown option.
            SettingsError: invalid value.
        """
        self.settings = replace(_with_options(settings or Settings(), options), port=port)
        self._thread: _Thread | None = None

    @property
    def url(self) -> str:
        """URL of the http port."""
        return self._running().url

    @property
    def https_url(self) -> str | None:
        """URL of the https port; None without `tls_port`."""
        listeners = self._running().listeners
        return next(iter(listeners.addresses), None) if listeners else None

    @property
    def proxy(self) -> str | None:
        """URL of the proxy; None without `proxy_port`."""
        listeners = self._running().listeners
        return listeners.proxy if listeners else None

    @property
    def ca_pem(self) -> bytes | None:
        """CA certificate to trust for https, on its port and through the proxy; None when both are off."""
        listeners = self._running().listeners
        return listeners.ca_pem if listeners else None

    @property
    def client(self) -> EmulatorClient:
        """A client of the inspection API for all accounts and calls."""
        return EmulatorClient(self.url, control_token=self.settings.control_token, environ=os.environ)

    def start(self) -> Self:
        """Start the server; return once it answers requests.

        Raises:
            CannotStartError: an address is in use or not local, or the certificates cannot be made.
            RuntimeError: it is running already.
        """
        if self._thread is not None:
            raise RuntimeError("this emulator is running already")
        self._thread = _Thread(self.settings)
        return self

    def stop(self) -> None:
        """End long polls, answer accepted requests, and return once the ports are closed. Idempotent."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _running(self) -> "_Thread":
        if self._thread is None:
            raise RuntimeError("this emulator is not running: use it in a with statement, or call start()")
        return self._thread


def _with_options(settings: Settings, options: dict[str, Any]) -> Settings:
    names = {option.name for option in OPTIONS}
    for name in options.keys() - names:
        raise TypeError(f"unknown option {name}{nearest(name, names)}")
    texts = {name: value for name, value in options.items() if isinstance(value, str)}
    read, _ = read_settings(texts, {})
    return replace(settings, **options | {name: getattr(read, name) for name in texts})


class _Thread(threading.Thread):
    """The server's thread; the constructor returns once the server answers requests."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(name="emulator", daemon=True)
        self._addresses: Future[Sequence[str]] = Future()
        app = create_app(settings)
        with ExitStack() as opening:
            listener = opening.enter_context(closing(open_socket(settings.host, settings.port)))
            self.listeners = opening.enter_context(server.entering(settings))
            self._server = _Server(app, listener, self._addresses.set_result, self.listeners)
            self._open = opening.pop_all()
        self.start()
        if self._addresses.exception() is not None:
            self.join()
        self.url = self._addresses.result()[0]

    def run(self) -> None:
        """Serve until stopped."""
        try:
            with asyncio.Runner(loop_factory=server.loop_factory()) as runner:
                self._loop = runner.get_loop()
                runner.run(self._server.run_until_stopped())
        except BaseException as error:
            if self._addresses.done():
                raise
            self._addresses.set_exception(error)
        finally:
            self._open.close()

    def stop(self) -> None:
        """Stop, and return once the ports are closed."""
        with suppress(RuntimeError):  # the loop is closed: the server has already stopped, with an error
            self._loop.call_soon_threadsafe(self._server.stop_requested.set)
        self.join()


class _Server(server.Server):
    """A server that stops immediately when requested, not at the next tick."""

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401  the base's arguments
        super().__init__(*parts)
        self.stop_requested = asyncio.Event()

    async def main_loop(self) -> None:
        """Tick until a stop is requested."""
        ticks = itertools.count()
        while not self.stop_requested.is_set() and not await self.on_tick(next(ticks)):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self.stop_requested.wait()
