"""Server processes: start, measure CPU time and memory, end."""

import os
import select
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import cores

_HERE = Path(__file__).parent
_TICKS = os.sysconf("SC_CLK_TCK")
_PATIENCE_SECONDS = 30
# The emulator's options, and the variable that would prevent the caching of compiled modules.
_UNWANTED = ("EMULATOR_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of server: its name in the tables, its arguments, and a path that returns 200."""

    name: str
    arguments: tuple[str, ...]
    path: str = "/"


BARE = Kind(name="bare ASGI application", arguments=(str(_HERE / "bare.py"),))
HELLO = Kind(name="FastAPI hello-world", arguments=(str(_HERE / "hello.py"),))
EMULATOR = Kind(name="emulator", arguments=("-m", "emulator", "serve", "--port", "0"), path="/livez")
EVERYWHERE = Kind(
    name="emulator", arguments=(*EMULATOR.arguments, "--tls-port", "0", "--proxy-port", "0"), path="/livez"
)
"""The emulator with https and the proxy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A running server.

    Attributes:
        pid: process id.
        ports: listening ports, in the order of the ready line.
        spawned: `time.perf_counter()` just before the process was started.
    """

    pid: int
    ports: tuple[int, ...]
    spawned: float

    @property
    def port(self) -> int:
        """The http port."""
        return self.ports[0]

    def processor_seconds(self) -> float:
        """Return the user and system time of all threads so far, in seconds."""
        # The command name may contain spaces: count from its closing bracket. proc(5): utime 14, stime 15.
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS

    def resident_bytes(self) -> int:
        """Return the resident memory of the process."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


@contextmanager
def running(kind: Kind, *, core: int = cores.SERVER) -> Iterator[Server]:
    """Start a server on one core; yield it after its ready line; end it on exit."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_UNWANTED)}
    spawned = time.perf_counter()
    with cores.pinned(core):
        process = subprocess.Popen(
            [sys.executable, *kind.arguments], cwd=_HERE.parent, env=environment, stdout=subprocess.PIPE
        )
    try:
        yield Server(pid=process.pid, ports=_ready_ports(kind, process), spawned=spawned)
    finally:
        _end(process)


def _ready_ports(kind: Kind, process: subprocess.Popen[bytes]) -> tuple[int, ...]:
    assert process.stdout is not None
    readable, _, _ = select.select([process.stdout], [], [], _PATIENCE_SECONDS)
    words = process.stdout.readline().decode().split() if readable else []
    if words[:1] != ["ready"]:
        raise RuntimeError(f"{kind.name} did not say that it is ready, but {words}")
    return tuple(int(word.rpartition(":")[2]) for word in words if "://" in word)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.communicate(timeout=_PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
