"""The examples, installed and run by the commands of their READMEs, outside this environment and this folder."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from support.server import Site

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
INSTALLED_FROM = ("emulator", "examples", "pyproject.toml", "README.md", "LICENSE")
NOT_COPIED = shutil.ignore_patterns("node_modules", "__pycache__", ".venv", "build", "*.egg-info")
OWN = ("TWILIO_", "EMULATOR_", "PYTEST_", "NODE_", "VIRTUAL_ENV", "PYTHONPATH")
NO_REGISTRY = r"connection broken by|npm error code (?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|ECONNRESET)"
COMMAND = Path(sys.executable).with_name("twilio-udm-emulator")


def missing(what: str) -> None:
    """Skip the test, loudly; in CI nothing is skipped."""
    if os.environ.get("CI"):
        pytest.fail(what)
    pytest.skip(what)


def shell(script: str, folder: Path, path: str = "", **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a script with this machine's commands, without those of this environment."""
    own = str(Path(sys.executable).parent)
    usual = [entry for entry in os.environ["PATH"].split(os.pathsep) if entry != own]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        # Without bytecode: compiling Twilio's library takes longer than everything else.
        env={**kept, "PATH": os.pathsep.join([*filter(None, [path]), *usual]), "PIP_NO_COMPILE": "1", **variables},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    if re.search(NO_REGISTRY, done.stdout + done.stderr):
        missing("the package registry cannot be reached, so the examples cannot be installed")
    return done


def commands(example: str) -> list[str]:
    """The lines of the only shell block of an example's README."""
    (block,) = re.findall(
        r"^```sh\n(.*?)^```", (EXAMPLES / example / "README.md").read_text(), re.DOTALL | re.MULTILINE
    )
    return block.splitlines()


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what the examples and the package are installed from."""
    folder = tmp_path_factory.mktemp("clone")
    for name in INSTALLED_FROM:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, folder / name, ignore=NOT_COPIED)
        else:
            shutil.copy(ROOT / name, folder)
    return folder


@pytest.fixture(scope="module")
def activate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The line that activates a new virtual environment; one for all examples, because making it takes long."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    return f". {folder}/bin/activate"


@pytest.mark.parametrize(
    ("example", "verdict", "needs"), [("python", "3 passed", ()), ("voice", "2 passed", ("npm", "chromium"))]
)
def test_python_example(clone: Path, activate: str, example: str, verdict: str, needs: tuple[str, ...]) -> None:
    for program in needs:
        if shutil.which(program) is None:
            missing(f"{program} is not installed, so examples/{example} cannot be tested")
    environment, run = commands(example)
    done = shell(f"{activate}\n{run}", clone / "examples" / example)

    assert environment == "python3 -m venv .venv && . .venv/bin/activate"
    assert (EXAMPLES / example / "pyproject.toml").read_text().startswith(f"# {run}\n")
    assert done.returncode == 0, done.stdout + done.stderr
    assert verdict in done.stdout


@pytest.fixture(scope="module")
def node_example(clone: Path) -> Path:
    """The example with its packages, as its README installs them."""
    if shutil.which("npm") is None:
        missing("npm is not installed, so examples/node cannot be tested")
    folder = clone / "examples" / "node"
    (line,) = commands("node")
    done = shell(line, folder, str(COMMAND.parent))

    assert done.returncode == 0, done.stdout + done.stderr
    assert "pass 2" in done.stdout
    return folder


def test_node_example_without_the_command(node_example: Path) -> None:
    done = shell("npm test", node_example)

    assert done.returncode == 1
    assert "twilio-udm-emulator was not found. Do one of the following:" in done.stdout


def test_node_example_with_running_emulator(node_example: Path, site: Site) -> None:
    """It uses the emulator at EMULATOR_URL."""
    done = shell("npm test", node_example, EMULATOR_URL=site.url)

    assert "pass 2" in done.stdout, done.stdout + done.stderr


def test_node_example_after_make_serve(node_example: Path, clone: Path) -> None:
    there = clone / ".venv" / "bin" / COMMAND.name
    there.parent.mkdir(parents=True)
    there.symlink_to(COMMAND)
    done = shell("npm test", node_example)
    there.unlink()

    assert "pass 2" in done.stdout, done.stdout + done.stderr


def test_node_example_with_failing_emulator(node_example: Path) -> None:
    """Its error is shown."""
    done = shell("npm test", node_example, str(COMMAND.parent), EMULATOR_PROT="1")

    assert done.returncode == 1
    assert "exited with code 2; see its error above" in done.stdout
    assert "unknown variable EMULATOR_PROT; did you mean EMULATOR_PORT?" in done.stdout + done.stderr


def start_python(*argv: str, variables: Mapping[str, str]) -> subprocess.Popen[str]:
    """Python in the folder of examples/voice."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN)}
    return subprocess.Popen(
        [sys.executable, *argv],
        cwd=EXAMPLES / "voice",
        env={**kept, "PYTHONDONTWRITEBYTECODE": "1", **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


ASK = """
from contextlib import ExitStack
from start import emulator_url
with ExitStack() as stack:
    print(emulator_url(stack, {port}))
"""


def emulator_url(port: int, **variables: str) -> str:
    with start_python("-c", ASK.format(port=port), variables=variables) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
    return out.strip()


def test_make_example_uses_running_emulator(site: Site) -> None:
    port = int(site.url.rpartition(":")[2])

    assert emulator_url(port) == f"http://127.0.0.1:{port}"


def test_make_example_when_2010_is_in_use() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        url = emulator_url(port)

    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", url)
    assert not url.endswith(f":{port}")


@pytest.mark.parametrize("shim", [None, "http://127.0.0.1:1"])
def test_voice_example_uses_named_emulator(site: Site, shim: str | None) -> None:
    variables = {"TWILIO_BASE_URL": site.url, **({"SHIM_URL": shim} if shim else {})}
    with start_python("start.py", variables=variables) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        url = re.findall(r"http://\S+\d", line)[0]
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url) as reply:
            page = reply.read().decode()
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=60)

    assert f'<script src="{shim or site.url}/_emulator/voice-shim.js"></script>' in page
    assert err == ""


def test_voice_example_uses_the_tested_sdk() -> None:
    installed = json.loads((EXAMPLES / "voice" / "package.json").read_text())["dependencies"]
    tested = json.loads((ROOT / "tests" / "conformance" / "node" / "package.json").read_text())["devDependencies"]

    assert installed == {"@twilio/voice-sdk": tested["@twilio/voice-sdk"]}


@pytest.mark.parametrize("lock", [*EXAMPLES.glob("*/package-lock.json")], ids=lambda path: path.parent.name)
def test_a_lock_file_names_no_registry(lock: Path) -> None:
    packages = json.loads(lock.read_text())["packages"]

    assert packages
    assert [name for name, package in packages.items() if "resolved" in package] == []
    assert "omit-lockfile-registry-resolved=true" in (lock.parent / ".npmrc").read_text()


SHORT = [*EXAMPLES.glob("*/*.py"), *(EXAMPLES / "node").glob("*.js")]


@pytest.mark.parametrize("example", SHORT, ids=lambda path: path.name)
def test_an_example_is_read_in_a_minute(example: Path) -> None:
    assert len(example.read_text().splitlines()) <= 60
