"""Connections over TLS that trust the emulator's CA."""

import socket
import ssl

from support.server import Connection, Site, address_of


def trusting(site: Site) -> ssl.SSLContext:
    return ssl.create_default_context(cadata=site.get("/_emulator/ca.pem").text)


def secure(site: Site, name: str | None, context: ssl.SSLContext | None = None) -> Connection:
    """Connect to the https port under this name; None sends no name."""
    context = context or trusting(site)
    if name is None:
        context.check_hostname = False

    def wrap(plain: socket.socket) -> socket.socket:
        return context.wrap_socket(plain, server_hostname=name)

    return Connection(address_of(site.https), wrap)
