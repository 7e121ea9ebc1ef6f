"""Where and how certificate files are written: atomically, in a directory that other users cannot write."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from emulator.commands.client_libraries import FOLDER, Library
from emulator.commands.env import AttachError, Attachment


def default_folder(environ: Mapping[str, str], url: str, library: Library) -> Path:
    """A directory of the current user, always the same for an emulator's URL."""
    parts = urlsplit(url)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    cache = environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA") or (home and str(Path(home) / ".cache"))
    name = re.sub(r"[^0-9a-zA-Z.-]", "-", f"{parts.hostname}-{parts.port or 80}")
    if library.name == "docker":
        name += "-docker"  # readable by others: a container has other users
    if cache and _writable(Path(cache)):
        return Path(cache) / FOLDER / name
    user = str(os.getuid()) if hasattr(os, "getuid") else environ.get("USERNAME", "")
    return Path(environ.get("TMPDIR") or environ.get("TEMP") or "/tmp") / f"{FOLDER}-{user}" / name  # noqa: S108


def _writable(path: Path) -> bool:
    """Whether a directory can be written or created."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK)


def write(attachment: Attachment) -> None:
    """Write all files, each atomically.

    Raises:
        AttachError: the directory cannot be created or written, or another user could write it.
    """
    folder = attachment.folder
    try:
        folder.mkdir(mode=0o755 if attachment.library == "docker" else 0o700, parents=True, exist_ok=True)
        _check_owner(folder)
        for name, data in attachment.files.items():
            target = folder / name
            target.parent.mkdir(mode=0o755, exist_ok=True)
            _replace(target, data)
    except OSError as error:
        raise AttachError(f"cannot write {folder} ({error.strerror}); choose another directory with --dir") from None


def _check_owner(folder: Path) -> None:
    """Raise if another user can write the directory, because they could put their own CA there."""
    for place in (folder, folder.parent) if folder.parent.name.startswith(FOLDER) else (folder,):
        found = place.stat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & stat.S_IWOTH):
            raise AttachError(
                f"{place} belongs to another user, or everybody can write it; choose another directory with --dir"
            )


def _replace(target: Path, data: bytes) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
