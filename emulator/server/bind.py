"""Listening sockets."""

import socket

_BACKLOG = 2048


class CannotStartError(Exception):
    """The server cannot start; str() is the reason and the remedy."""


class CannotListenError(CannotStartError):
    """The server cannot listen on an address."""


def open_socket(host: str, port: int, flag: str = "--port") -> socket.socket:
    """Open a non-blocking listening socket.

    Args:
        host: name or address.
        port: 0 = any free port.
        flag: the option that sets the port, for the error text.

    Raises:
        CannotListenError: the port is in use, or the address is not local.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # Name the protocol: asyncio sets TCP_NODELAY only then, and without it each response is delayed by 40 ms.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise CannotListenError(f"cannot listen on {host}: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        hint = f"; {flag} 0 selects a free port" if port else ""
        raise CannotListenError(f"cannot listen on {host} port {port}: {error.strerror}{hint}") from None
    sock.setblocking(False)  # noqa: FBT003  the standard library's signature
    return sock


def url_of(sock: socket.socket, scheme: str = "http") -> str:
    """The URL of a listening socket for clients on this machine."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
