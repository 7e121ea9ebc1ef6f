"""The emulator in a process of its own, for programs that attack it: its addresses, its log and what it holds."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Self
from urllib.parse import urlsplit

_ROOT = Path(__file__).parents[2]
_FLAGS = (
    *("--port", "0", "--tls-port", "0", "--proxy-port", "0"),
    *("--journal-limit", "1000", "--magic", "off", "--log-level", "warning"),
)

Address = tuple[str, int]


def _address(url: str) -> Address:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    return parts.hostname, parts.port


class EmulatorProcess:
    """`python -m emulator serve` on ports of the kernel's choice.

    Args:
        flags: more options of the command.

    Attributes:
        http: its address.
        https: its address for TLS.
        proxy: its proxy's address.
    """

    def __init__(self, *flags: str) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  as long as the process
        environ = {name: value for name, value in os.environ.items() if not name.startswith("EMULATOR_")}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "emulator", "serve", *_FLAGS, *flags],
            cwd=_ROOT,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
        )
        assert self._process.stdout is not None
        http, https, _, proxy = self._process.stdout.readline().split()[1:]
        self.http, self.https, self.proxy = _address(http), _address(https), _address(proxy)
        self._seen = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(20)
        finally:
            self._process.kill()
            self._log.close()

    def new_log(self) -> str:
        """What was logged since the last call."""
        size = os.fstat(self._log.fileno()).st_size
        if size == self._seen:
            return ""
        data = os.pread(self._log.fileno(), size - self._seen, self._seen)
        self._seen = size
        return data.decode(errors="replace")

    @property
    def is_running(self) -> bool:
        return self._process.poll() is None

    @property
    def descriptors(self) -> int:
        """How many files and sockets it has open."""
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    @property
    def memory(self) -> int:
        """Its resident memory in bytes."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024
