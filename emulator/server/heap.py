"""The C library's heap, where small blocks that stay hold the memory of large ones that were freed."""

from contextlib import suppress

LARGE = 64 * 1024
"""Bytes from which a buffer has pages of its own, so that its memory returns to the system once it is freed."""
_M_MMAP_THRESHOLD = -3  # mallopt(3); glibc otherwise raises the threshold up to 32 MiB


def return_large_buffers() -> None:
    """Let freed buffers of requests and responses return to the system at once; does nothing without glibc."""
    import ctypes  # noqa: PLC0415  4 ms that the start does not wait for

    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).mallopt(_M_MMAP_THRESHOLD, LARGE)
