"""Where the files with certificates are put, and how: whole, and in a folder that nobody else may write."""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from emulator.commands.attach import AttachError, Attachment
from emulator.commands.libraries import FOLDER, Library


def default_folder(environ: Mapping[str, str], url: str, library: Library) -> Path:
    """A folder of this user's, the same for the same emulator each time."""
    parts = urlsplit(url)
    home = environ.get("HOME") or environ.get("USERPROFILE")
    cache = environ.get("XDG_CACHE_HOME") or environ.get("LOCALAPPDATA") or (home and str(Path(home) / ".cache"))
    name = re.sub(r"[^0-9a-zA-Z.-]", "-", f"{parts.hostname}-{parts.port or 80}")
    if library.name == "docker":
        name += "-docker"  # others may read this one: a container has other users
    if cache and _writable(Path(cache)):
        return Path(cache) / FOLDER / name
    who = str(os.getuid()) if hasattr(os, "getuid") else environ.get("USERNAME", "")
    return Path(environ.get("TMPDIR") or environ.get("TEMP") or "/tmp") / f"{FOLDER}-{who}" / name  # noqa: S108


def _writable(path: Path) -> bool:
    """Whether a folder can be written, or made."""
    while not path.exists() and path != path.parent:
        path = path.parent
    return path.is_dir() and os.access(path, os.W_OK)


def write(attachment: Attachment) -> None:
    """Write the files, each of them at once or not at all.

    Raises:
        AttachError: the folder cannot be made or written, or somebody else could write it too.
    """
    folder = attachment.folder
    try:
        folder.mkdir(mode=0o755 if attachment.library == "docker" else 0o700, parents=True, exist_ok=True)
        _refuse_strangers(folder)
        for name, data in attachment.files.items():
            target = folder / name
            target.parent.mkdir(mode=0o755, exist_ok=True)
            _replace(target, data)
    except OSError as error:
        raise AttachError(f"{folder} cannot be written ({error.strerror}); name another folder with --dir") from None


def _refuse_strangers(folder: Path) -> None:
    """Who can write the folder can put a CA of his own there."""
    for place in (folder, folder.parent) if folder.parent.name.startswith(FOLDER) else (folder,):
        found = place.stat()
        if hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & stat.S_IWOTH):
            raise AttachError(f"{place} belongs to somebody else, or all may write it; name another folder with --dir")


def _replace(target: Path, data: bytes) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        draft.write_bytes(data)
        draft.chmod(0o644)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
