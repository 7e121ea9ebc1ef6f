"""Generate the blocking clients of `emulator.testing` from their asyncio versions, which are written by hand.

`generate_blocking.py` writes the files; with `--check` it fails when one of them is not what it would write.
"""

import re
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "emulator" / "testing"
NAMES = ("api", "calls", "client", "clock", "end_user", "schemas", "users")
FILES = {f"async_{name}.py": f"{name}.py" for name in NAMES}
HEADER = "# Generated from {} by scripts/generate_blocking.py: change that file, then run `make generate`.\n"

COUNTERPART = "from emulator.testing.async_counterpart import AsyncCounterpart\n"

RULES = [
    (r"  # noqa: ASYNC109.*", ""),
    (r"\basync def __aenter__\b", "def __enter__"),
    (r"\basync def __aexit__\b", "def __exit__"),
    (r"\basync (def|with|for)\b", r"\1"),
    (r"\bawait ", ""),
    (r"\bAsyncGenerator\[(\w+), None\]", r"Generator[\1, None, None]"),
    (r"\bAsyncGenerator\b", "Generator"),
    (r"\baclosing\b", "closing"),
    # The blocking client leads to the asyncio client.
    (r"(?<=\nclass )AsyncEmulatorClient:", "EmulatorClient(AsyncCounterpart):"),
    (r"(?<=import )AsyncApi\n(?=(?s:.*)AsyncCounterpart)", "\\g<0>" + COUNTERPART),
    (r"\bAsync(Api|EmulatorClient|(?:Calls|Clock|Schemas|Seed|Users)Client|VoiceCall|EndUser)\b", r"\1"),
    (rf"\basync_({'|'.join(NAMES)}|http_client)\b", r"\1"),
    # The frames of an end user are processed by a thread of its own.
    (r"\bvoice\.connection import VoiceConnection\b", "voice.background import BackgroundVoiceConnection"),
    (r"\bVoiceConnection\b", "BackgroundVoiceConnection"),
    (r"\basyncio client", "Blocking client"),
    (r", for asyncio\. Tasks may share it\.", ". Thread-safe."),
    (r"; an async context manager\.", "; a context manager. Thread-safe."),
    (r", for asyncio:", ", blocking:"),
]  # fmt: skip


def blocking(name: str) -> str:
    """Return the blocking version of a file."""
    text = (PACKAGE / name).read_text()
    for pattern, replacement in RULES:
        text = re.sub(pattern, replacement, text)
    return _formatted(HEADER.format(name) + text, FILES[name])


def _formatted(text: str, name: str) -> str:
    path = str(PACKAGE / name)
    ruff = str(Path(sys.executable).with_name("ruff"))
    for command in (["check", "--fix", "--select=I001", "--quiet"], ["format"]):
        done = subprocess.run(  # noqa: S603  fixed arguments
            [ruff, *command, "--stdin-filename", path, "-"], input=text, capture_output=True, text=True, check=True
        )
        text = done.stdout
    return text


def main(arguments: list[str]) -> str | None:
    """Write the files, or check them; return what is wrong."""
    stale = []
    for source, target in FILES.items():
        path, text = PACKAGE / target, blocking(source)
        if "--check" not in arguments:
            path.write_text(text)
        elif path.read_text() != text:
            stale.append(target)
    return f"not up to date, run `make generate`: {' '.join(stale)}" if stale else None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
