"""The CA and the default certificate in a directory: created once, reused, renewed before they expire.

`ca.pem` is world-readable; `ca-key.pem` and `server.pem` each hold a key and its certificate and are private to their
owner. Files are replaced atomically, and a lock serializes processes that share the directory.
"""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from cryptography import x509

from emulator.adapters.certificates import (
    AUTHORITY_SPARE,
    LEAF_SPARE,
    CertificatesError,
    Names,
    Pair,
    constrained,
    covers,
    is_ours,
    make_authority,
    make_leaf,
    names_in,
    read_pair,
    signed_by,
)

CERTIFICATE = "ca.pem"
AUTHORITY = "ca-key.pem"
LEAF = "server.pem"
_OWNER_ONLY = 0o600
_EVERYBODY = 0o644


def load_or_make(directory: Path, names: Names, now: float) -> tuple[Pair, Pair]:
    """Load the CA and the default certificate from the directory, or create and store them.

    Raises:
        CertificatesError: the directory cannot be used, or holds files that the emulator did not create.
    """
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _lock(directory):
            authority = _authority(directory, names, now)
            return authority, _leaf(directory, authority, names, now)
    except OSError as error:
        where = error.filename or directory
        raise CertificatesError(f"tls_dir: cannot use {where}: {error.strerror or error}") from None


def _authority(directory: Path, names: Names, now: float) -> Pair:
    path = directory / AUTHORITY
    public = _public(directory / CERTIFICATE)
    found = _pair(path)
    if found is None:
        if public is not None:
            raise CertificatesError(
                f"tls_dir: {directory / CERTIFICATE} exists, but not its key {AUTHORITY}: restore the key, "
                f"or remove {CERTIFICATE} to create a new authority"
            )
        authority = make_authority(names, now)
    elif constrained(found.certificate) is None:
        raise _foreign_file(path)
    elif covers(found, names) and found.lives(now, AUTHORITY_SPARE):
        authority = found
    else:
        authority = make_authority(names, now, found.key)
    if authority is not found:
        _write(path, authority.secret_pem(), _OWNER_ONLY)
    if authority.certificate != public:
        _write(directory / CERTIFICATE, authority.pem(), _EVERYBODY)
    return authority


def _leaf(directory: Path, authority: Pair, names: Names, now: float) -> Pair:
    path = directory / LEAF
    found = _pair(path)
    if (
        found is not None
        and found.lives(now, LEAF_SPARE)
        and signed_by(found, authority)
        and set(names.default) <= names_in(found.certificate)
    ):
        return found
    leaf = make_leaf(authority, names.default, now)
    _write(path, leaf.secret_pem(), _OWNER_ONLY)
    return leaf


def _pair(path: Path) -> Pair | None:
    """Load a key and its certificate; None if the file does not exist."""
    try:
        pair = read_pair(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise CertificatesError(
            f"tls_dir: {path} is not a key with its certificate; remove it, or choose another directory"
        ) from None
    if not is_ours(pair.certificate):
        raise _foreign_file(path)
    if path.stat().st_mode & 0o077:
        path.chmod(_OWNER_ONLY)
    return pair


def _public(path: Path) -> x509.Certificate | None:
    try:
        certificate = x509.load_pem_x509_certificate(path.read_bytes())
    except FileNotFoundError:
        return None
    except ValueError:
        raise CertificatesError(
            f"tls_dir: {path} is not a certificate; remove it, or choose another directory"
        ) from None
    if not is_ours(certificate):
        raise _foreign_file(path)
    return certificate


def _foreign_file(path: Path) -> CertificatesError:
    return CertificatesError(
        f"tls_dir: {path} was not created by the emulator, which uses only its own authority with name "
        "constraints; choose another directory"
    )


def _write(path: Path, data: bytes, mode: int) -> None:
    """Replace a file atomically."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(mode)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def _lock(directory: Path) -> Iterator[None]:
    """Lock the directory, where the system supports that."""
    try:
        import fcntl  # noqa: PLC0415  not on Windows
    except ImportError:
        yield
        return
    handle = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
