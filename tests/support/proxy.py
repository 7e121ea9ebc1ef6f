"""Connections through the emulator's proxy."""

import socket
import ssl

from support.server import Connection, address_of

CONNECT = b"CONNECT api.twilio.com:443 HTTP/1.1\r\nHost: api.twilio.com:443\r\n\r\n"
ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def through(proxy: str, trust: ssl.SSLContext, name: str = "api.twilio.com") -> Connection:
    """Connect to one of Twilio's names through a proxy."""

    def wrap(plain: socket.socket) -> socket.socket:
        plain.sendall(CONNECT.replace(b"api.twilio.com", name.encode()))
        assert plain.recv(len(ESTABLISHED), socket.MSG_WAITALL) == ESTABLISHED
        return trust.wrap_socket(plain, server_hostname=name)

    return Connection(address_of(proxy), wrap)
