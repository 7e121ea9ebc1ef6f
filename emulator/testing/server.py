"""An emulator in this process: the real server, in a thread, on a free port."""

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
    """A context manager; `start` and `stop` do the same by hand.

    Attributes:
        settings: the options, as they were read.
    """

    def __init__(self, settings: Settings | None = None, *, port: int = 0, **options: Any) -> None:  # noqa: ANN401
        """Read the options; nothing listens yet.

        Args:
            settings: the options; the port among them is the command's and does not count here.
            port: 0 = any free one.
            options: single options, by the names of Settings; texts are read as those of flags are.

        Raises:
            TypeError: there is no such option.
            SettingsError: a value is not allowed.
        """
        self.settings = replace(_with_options(settings or Settings(), options), port=port)
        self._thread: _Thread | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return self._running().url

    @property
    def https_url(self) -> str | None:
        """Where it listens for https; None without `tls_port`."""
        listeners = self._running().listeners
        return next(iter(listeners.addresses), None) if listeners else None

    @property
    def proxy(self) -> str | None:
        """Where its proxy listens; None without `proxy_port`."""
        listeners = self._running().listeners
        return listeners.proxy if listeners else None

    @property
    def ca_pem(self) -> bytes | None:
        """The certificate to trust for https, there and behind the proxy; None when both are off."""
        listeners = self._running().listeners
        return listeners.ca_pem if listeners else None

    @property
    def client(self) -> EmulatorClient:
        """Asks it what arrived, from everybody."""
        return EmulatorClient(self.url, control_token=self.settings.control_token, environ=os.environ)

    def start(self) -> Self:
        """Return once it answers.

        Raises:
            CannotStartError: an address is taken or not ours, or there can be no certificates.
        """
        if self._thread is not None:
            raise RuntimeError("this emulator is running already")
        self._thread = _Thread(self.settings)
        return self

    def stop(self) -> None:
        """End what waits, answer what was accepted, and return once nothing listens; again, do nothing."""
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
        raise TypeError(f"there is no option {name}{nearest(name, names)}")
    texts = {name: value for name, value in options.items() if isinstance(value, str)}
    read, _ = read_settings(texts, {})
    return replace(settings, **options | {name: getattr(read, name) for name in texts})


class _Thread(threading.Thread):
    """The server's thread; made once it answers."""

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
        """Serve until told to stop."""
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
        """Return once nothing listens."""
        with suppress(RuntimeError):  # its loop is closed: it has stopped by itself, and told why
            self._loop.call_soon_threadsafe(self._server.told.set)
        self.join()


class _Server(server.Server):
    """A server that stops when it is told, instead of at the next tick."""

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401  as the server that it is
        super().__init__(*parts)
        self.told = asyncio.Event()

    async def main_loop(self) -> None:
        """Tick until told to stop."""
        ticks = itertools.count()
        while not self.told.is_set() and not await self.on_tick(next(ticks)):
            with suppress(TimeoutError):
                async with asyncio.timeout(_TICK):
                    await self.told.wait()
