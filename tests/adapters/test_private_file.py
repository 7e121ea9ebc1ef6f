"""Where a certificate's key is put for the ssl module."""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from emulator.adapters.certificates import CertificatesError
from emulator.adapters.private_file import (
    PLACES,
    Place,
    memory_file,
    readable_file,
    shared_memory_file,
    temporary_file,
)


@contextlib.contextmanager
def read_only(_data: bytes) -> Iterator[Path]:
    """A place that cannot be written."""
    raise OSError(30, "Read-only file system")
    yield Path()


@pytest.mark.parametrize("place", PLACES)
def test_file_has_the_bytes_and_is_deleted(place: Place) -> None:
    with readable_file(b"key", (place,)) as path:
        content, mode = path.read_bytes(), path.parent.stat().st_mode & 0o077
        is_file = path.exists()

    assert (content, is_file) == (b"key", True)
    assert place is memory_file or mode == 0
    assert not path.exists()


def test_first_usable_place_is_used() -> None:
    with readable_file(b"key", (read_only, temporary_file)) as path:
        assert path.read_bytes() == b"key"


def test_the_first_place_is_memory() -> None:
    with readable_file(b"key") as path:
        assert str(path).startswith("/proc/self/fd/")


def test_error_names_all_places() -> None:
    with (
        pytest.raises(CertificatesError, match="memfd_create with /proc, or /dev/shm"),
        readable_file(b"key", (read_only, read_only)),
    ):
        pass


def test_readers_error_is_raised() -> None:
    with pytest.raises(OSError, match="of the reader"), readable_file(b"key"):
        raise OSError("of the reader")


def test_without_memfd_create(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "memfd_create")
    with readable_file(b"key", (memory_file, shared_memory_file)) as path:
        assert path.parent.parent == Path("/dev/shm")
