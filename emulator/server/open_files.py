"""The limit of open files of this process, which also limits its connections."""

import contextlib

_RESERVED = 1_000
"""Files other than clients' connections: those of callbacks, remote ends of tunnels, and the process's own."""


def raise_file_limit() -> None:
    """Raise the soft limit to the hard limit. Each connection is a file; the soft limit exists for select() users."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit() -> int | None:
    """The number of files that this process may open; None = unlimited."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(files: int | None, wanted: int) -> int:
    """The number of connections that may be open.

    Args:
        files: limit of open files.
        wanted: configured limit of connections.
    """
    return wanted if files is None else max(1, min(wanted, files - min(_RESERVED, files // 2)))
