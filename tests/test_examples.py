"""The example applications' own tests, run as a newcomer runs them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = ROOT / "tests" / "conformance" / "node" / "node_modules"


def environment(**more: str) -> dict[str, str]:
    """This one, with the emulator's command, and without what would lead elsewhere."""
    others = ("TWILIO_", "EMULATOR_", "PYTEST_", "NODE_TEST")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(others)}
    return {**kept, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", **more}


def test_python() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT / "examples" / "python",
        env=environment(PYTHONDONTWRITEBYTECODE="1"),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout


def test_node() -> None:
    node = shutil.which("node")
    if node is None or not (MODULES / "twilio").is_dir():
        missing = "there is no Node with Twilio's library; `npm ci` in tests/conformance/node brings it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    done = subprocess.run(
        [node, "--test"],
        cwd=ROOT / "examples" / "node",
        env=environment(NODE_PATH=str(MODULES)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 2" in done.stdout, done.stdout


def test_voice() -> None:
    """The whole loop, in a browser: a page with the Voice SDK, a server, and the emulator between them."""
    if not (MODULES / "@twilio" / "voice-sdk").is_dir() or shutil.which("chromium") is None:
        missing = "there is no Chromium, or no Voice SDK; `npm ci` in tests/conformance/node brings it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"],
        cwd=ROOT / "examples" / "voice",
        env=environment(PYTHONDONTWRITEBYTECODE="1", NODE_PATH=str(MODULES)),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_voice_example_has_the_sdk_that_is_tested() -> None:
    installed = json.loads((ROOT / "examples" / "voice" / "package.json").read_text())["dependencies"]
    tested = json.loads((MODULES.parent / "package.json").read_text())["devDependencies"]

    assert installed == {"@twilio/voice-sdk": tested["@twilio/voice-sdk"]}


EXAMPLES = [*(ROOT / "examples").glob("*/*.py"), *(ROOT / "examples" / "node").glob("*.js")]


@pytest.mark.parametrize("example", EXAMPLES, ids=[path.name for path in EXAMPLES])
def test_an_example_is_read_in_a_minute(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 60
