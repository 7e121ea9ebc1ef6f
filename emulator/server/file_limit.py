"""How many files, and thereby connections, the system lets this process have."""

import contextlib

_RESERVED = 1_000
"""Files that are not clients' connections: those of callbacks, the far ends of tunnels, and the process's own."""


def raise_file_limit() -> None:
    """Raise the soft limit to the hard one: every connection is a file, and the soft limit is for users of select()."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource  # noqa: PLC0415  not on Windows

        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def file_limit() -> int | None:
    """How many files this process may open; None = any number."""
    try:
        import resource  # noqa: PLC0415  not on Windows
    except ImportError:
        return None
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def connections_within(files: int | None, wanted: int) -> int:
    """How many connections may be open.

    Args:
        files: how many files may be.
        wanted: how many connections should be.
    """
    return wanted if files is None else max(1, min(wanted, files - min(_RESERVED, files // 2)))
