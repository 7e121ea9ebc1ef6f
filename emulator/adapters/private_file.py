"""A file readable by this process only, for a library that reads keys from files only.

The file system may be read-only, so the file is in memory where the system supports that.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from emulator.adapters.certificates import CertificatesError

_MEMORY_FOLDER = "/dev/shm"  # noqa: S108  a file system in memory, on Linux; the directory created in it is private
Place = Callable[[bytes], AbstractContextManager[Path]]


@contextlib.contextmanager
def memory_file(data: bytes) -> Iterator[Path]:
    """An anonymous file (memfd_create(2)), on Linux."""
    if not hasattr(os, "memfd_create"):
        raise OSError("memfd_create: not on this system")
    descriptor = os.memfd_create("certificate", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(data)
        path = Path(f"/proc/self/fd/{descriptor}")
        path.stat()  # /proc may be missing
        yield path
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def shared_memory_file(data: bytes) -> Iterator[Path]:
    """A file in a private directory in memory, for Linux without memfd_create (for example gVisor)."""
    with _private_file(data, _MEMORY_FOLDER) as path:
        yield path


@contextlib.contextmanager
def temporary_file(data: bytes) -> Iterator[Path]:
    """A file in a private temporary directory, for macOS and Windows."""
    with _private_file(data, None) as path:
        yield path


@contextlib.contextmanager
def _private_file(data: bytes, folder: str | None) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(dir=folder) as private:
        path = Path(private, "certificate.pem")
        path.write_bytes(data)
        yield path


PLACES: tuple[Place, ...] = (memory_file, shared_memory_file, temporary_file)
"""Tried in this order."""


@contextlib.contextmanager
def readable_file(data: bytes, places: tuple[Place, ...] = PLACES) -> Iterator[Path]:
    """Yield the path of a file with these bytes, in the first place that works.

    Raises:
        CertificatesError: none works.
    """
    with contextlib.ExitStack() as files:
        for place in places:
            try:
                path = files.enter_context(place(data))
                break
            except OSError:
                continue
        else:
            raise CertificatesError(
                f"TLS needs memfd_create with /proc, or {_MEMORY_FOLDER}, or a writable folder for temporary files"
            )
        yield path
