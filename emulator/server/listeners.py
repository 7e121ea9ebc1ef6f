"""The https port and the proxy. Imported only when one of them is enabled."""

import contextlib
import socket
import time
from collections.abc import Callable, Iterator
from collections.abc import Set as AbstractSet
from pathlib import Path
from typing import Any

from emulator.adapters.certificates import CertificatesError
from emulator.adapters.tls import Tls
from emulator.server.acceptor import Acceptor
from emulator.server.bind import CannotStartError, open_socket, url_of
from emulator.server.proxy.server import Proxy
from emulator.server.tls_accept import HttpProtocol, TlsAcceptor
from emulator.settings import Settings


class Listeners:
    """Listening sockets other than the http port.

    Attributes:
        ca_pem: the CA certificate that clients must trust.
        addresses: the https address, if enabled.
        proxy: the proxy's address, if enabled.
    """

    def __init__(
        self, tls: Tls, https: socket.socket | None, proxy: socket.socket | None, *, passthrough: bool = False
    ) -> None:
        self.ca_pem = tls.ca_pem
        self.addresses = [url_of(https, "https")] if https else []
        self.proxy = url_of(proxy) if proxy else None
        self._context = tls.context
        self._https = https
        self._proxy = proxy
        self._passthrough = passthrough
        self._stops: list[Callable[[], None]] = []

    def start(self, acceptor: Acceptor, http: HttpProtocol, connections: AbstractSet[Any]) -> None:
        """Accept connections.

        Args:
            acceptor: accepts the connections.
            http: protocol factory of the HTTP server.
            connections: connections of the HTTP server.
        """
        joining = TlsAcceptor(http, connections, self._context, begin_tls=acceptor.begin_tls)
        self._stops.append(joining.stop)
        if self._https is not None:
            acceptor.add(self._https, joining.listener)
        if self._proxy is not None:
            proxy = Proxy(joining, passthrough=self._passthrough)
            self._stops.append(proxy.stop)
            acceptor.add(self._proxy, proxy.listener)

    def stop(self) -> None:
        """Stop pending handshakes and proxy connections, which are not the HTTP server's."""
        for stop in self._stops:
            stop()


@contextlib.contextmanager
def opened(settings: Settings, now: Callable[[], float] = time.time) -> Iterator[Listeners]:
    """Open the listeners that the settings enable; close them on exit.

    Raises:
        CannotStartError: an address is in use or not local, or the certificates cannot be made.
    """
    with contextlib.ExitStack() as sockets:

        def listening(port: int | None, flag: str) -> socket.socket | None:
            return None if port is None else sockets.enter_context(open_socket(settings.host, port, flag))

        https = listening(settings.tls_port, "--tls-port")
        proxy = listening(settings.proxy_port, "--proxy-port")
        directory = None if settings.tls_dir is None else Path(settings.tls_dir)
        try:
            tls = Tls(settings.tls_names, directory, now)
        except CertificatesError as error:
            raise CannotStartError(str(error)) from None
        yield Listeners(tls, https, proxy, passthrough=settings.proxy_passthrough)
