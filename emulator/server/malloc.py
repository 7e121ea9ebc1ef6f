"""Configures the C library's heap, where small live blocks can keep the memory of large freed blocks."""

from contextlib import suppress

LARGE = 64 * 1024
"""Bytes from which a buffer has its own pages, so that its memory returns to the system when it is freed."""
_M_MMAP_THRESHOLD = -3  # mallopt(3); glibc otherwise raises the threshold up to 32 MiB


def return_large_buffers() -> None:
    """Return freed buffers of requests and responses to the system immediately; do nothing without glibc."""
    import ctypes  # noqa: PLC0415  takes 4 ms, after the start

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)
