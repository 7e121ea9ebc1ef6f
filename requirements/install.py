"""Create a virtual environment from a lock file, unless it is up to date: `install.py serve|dev|lowest DIR`.

The environment's stamp is removed before a change and written after it. Without a current stamp everything is made
again, so that an interrupted installation is never used.
"""

import sys

if sys.version_info < (3, 11):  # noqa: UP036  this file runs before anything is installed; what follows is only parsed
    sys.exit(
        f"Python 3.11 or newer is required; {sys.executable} is {sys.version.split()[0]}. "
        "Select a newer one, for example: make serve PYTHON=python3.13"
    )

import fcntl
import hashlib
import os
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {"serve": ("build", "serve"), "dev": ("dev",), "lowest": ("lowest",)}
"""The lock files that each kind of environment needs. `dev` includes `build` and `serve`."""
AGAIN = "then run the same command again"
LAST_RETRY = "Retry(total=0"
"""Part of pip's warning before its last attempt to connect; it would repeat all attempts for each other package."""

PIPED: dict[str, Any] = {
    "stdout": subprocess.PIPE,
    "stderr": subprocess.STDOUT,
    "text": True,
    "env": {**os.environ, "PIP_USER": "0"},  # pip rejects PIP_USER=1 in a virtual environment
}


def say(text: str) -> None:
    """Print a line; stdout belongs to the server."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201  this is a program


def digest(path: Path) -> str:
    """Identify a file's content."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def lock_line(name: str) -> str:
    """State that a lock file's present content is installed."""
    return f"{name}.txt {digest(ROOT / 'requirements' / f'{name}.txt')}"


class Environment:
    """A virtual environment."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "bin" / "python"
        self._stamp = folder / "installed.txt"
        # Scripts contain the folder's path; packages fit one version of Python on one platform.
        self._made = f"made for {sys.implementation.cache_tag} {sysconfig.get_platform()} in {folder}"
        self._project = f"pyproject.toml {digest(ROOT / 'pyproject.toml')}"

    def is_ready(self, kind: str) -> bool:
        """Whether it is up to date."""
        return not self._stale() and self._has(kind) and self._project in self._done()

    def make(self, kind: str) -> None:
        """Create or update it."""
        stale, has = self._stale(), self._has(kind)
        done = [] if stale else self._done()
        if stale or not has:
            self._stamp.unlink(missing_ok=True)
        if stale:
            self._create(stale)
            done = [self._made]
        if stale or not has:
            for name in LOCKS[kind]:
                say(f"installing the packages of requirements/{name}.txt")
                self._pip("--require-hashes", "--requirement", str(ROOT / "requirements" / f"{name}.txt"))
                done.append(lock_line(name))
        self._pip("--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        done = [line for line in done if not line.startswith("pyproject.toml ")]
        self._stamp.write_text("\n".join([*done, self._project, ""]))

    def _done(self) -> list[str]:
        return self._stamp.read_text().splitlines() if self._stamp.exists() else []

    def _has(self, kind: str) -> bool:
        done = self._done()
        enough = ("serve", "dev") if kind == "serve" else (kind,)
        return any(all(lock_line(name) in done for name in LOCKS[one]) for one in enough)

    def _stale(self) -> str | None:
        """Why it must be created again; None: it can be kept."""
        done = self._done()
        if not self.folder.exists():
            return "it does not exist"
        if not done:
            return "it is incomplete, or was not created by make"
        if self._made not in done or not os.access(self.python, os.X_OK):
            return "it was created by another Python or in another directory"
        current = [lock_line(name) for names in LOCKS.values() for name in names]
        if any(".txt " in line and line not in current for line in done):
            return "the lock files have changed"
        return None

    def _create(self, why: str) -> None:
        say(f"creating {self.folder.name} with Python {sys.version.split()[0]} ({why})")
        if self.folder.exists() and any(self.folder.iterdir()) and not (self.folder / "pyvenv.cfg").exists():
            sys.exit(f"{self.folder} is not a virtual environment; move it away, or choose another: make … VENV=DIR")
        # The Python that a virtual environment was made from: the active environment may be the one to be replaced.
        python = getattr(sys, "_base_executable", sys.executable)
        made = _run(python, "-m", "venv", "--clear", str(self.folder))
        if made.returncode:
            sys.exit(f"{made.stdout}\npython -m venv failed (above); mend that, {AGAIN}")

    def _pip(self, *arguments: str) -> None:
        pip = str(self.python), "-m", "pip"
        command = [*pip, "install", "--quiet", "--disable-pip-version-check", *arguments]
        lines = []
        with subprocess.Popen(command, **PIPED) as process:  # noqa: S603  see above
            assert process.stdout is not None
            for line in process.stdout:
                lines.append(line)
                if LAST_RETRY in line:
                    process.terminate()
                    sys.exit(
                        "pip cannot reach its package index. Check the network, and HTTPS_PROXY and PIP_INDEX_URL "
                        f"if you need them, {AGAIN}"
                    )
        if not process.returncode:
            return
        output = "".join(lines)
        version = _run(*pip, "--version").stdout.partition(" from ")[0]
        errors = output[max(output.find("ERROR: "), 0) :]  # warnings come before
        sys.exit(f"{errors}\n{version} failed (above); mend that, {AGAIN}")


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=False, **PIPED)  # noqa: S603  the commands are above


@contextmanager
def alone() -> Iterator[None]:
    """Let one process at a time install."""
    folder = os.open(ROOT / "requirements", os.O_RDONLY)
    try:
        try:
            fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another make is installing here; waiting for it")
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def main(kind: str, folder: Path) -> None:
    """Make the environment of a kind."""
    if kind != "serve" and not os.access(ROOT, os.W_OK):
        sys.exit(f"the tests write to {ROOT}, which is read-only; copy it to another folder and run them there")
    environment = Environment(folder)
    if environment.is_ready(kind):
        return
    if not os.access(folder if folder.exists() else folder.parent, os.W_OK):
        sys.exit(f"cannot write to {folder}; choose another folder, as in: make serve VENV=$HOME/.emulator-venv")
    with alone():
        if not environment.is_ready(kind):
            environment.make(kind)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]).absolute())
