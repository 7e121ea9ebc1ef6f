"""Listening sockets."""

import socket

_BACKLOG = 2048


class CannotStartError(Exception):
    """The server cannot start; str() says why and what to do."""


class CannotListenError(CannotStartError):
    """An address cannot be listened on."""


def open_socket(host: str, port: int, flag: str = "--port") -> socket.socket:
    """A listening socket.

    Args:
        host: name or address.
        port: 0 = any free one.
        flag: the option that the port is from.

    Raises:
        CannotListenError: the port is taken, or the address is not ours.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        # The protocol must be named: asyncio sets TCP_NODELAY only then, and without it each reply waits 40 ms.
        sock = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    except OSError as error:
        raise CannotListenError(f"cannot listen on {host}: {error.strerror or error}") from None
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(_BACKLOG)
    except OSError as error:
        sock.close()
        hint = f"; {flag} 0 takes any free one" if port else ""
        raise CannotListenError(f"cannot listen on {host} port {port}: {error.strerror}{hint}") from None
    sock.setblocking(False)  # noqa: FBT003  the standard library's signature
    return sock


def url_of(sock: socket.socket, scheme: str = "http") -> str:
    """The address that a client on this machine uses for a listening socket."""
    host, port = sock.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104  compared, not bound
        host = "127.0.0.1"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"
