import subprocess
import sys

import pytest

SCRIPT = """
from emulator.server.malloc import return_large_buffers
from pathlib import Path

def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096

return_large_buffers()
before = resident()
buffers = [(bytes(100_000), bytes(2_000)) for _ in range(500)]
for place, (_, small) in enumerate(buffers):
    buffers[place] = small
print(resident() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the C library decides by itself")
def test_freed_buffers_return_to_the_system() -> None:
    """Though small blocks that were allocated between them stay."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True)

    assert int(done.stdout) < 10_000_000
