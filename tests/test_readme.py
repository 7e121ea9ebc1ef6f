"""The README tells the truth: its table is the options', and every block in it that can run does.

What cannot run here is named in `ELSEWHERE`; a block that is neither there nor run by a test is a failure.
"""

import importlib.util
import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.docker_engine import docker_engine
from support.server import Command, Site, serving
from test_docs import messages, programs
from test_docs import run as run_in

from emulator.settings import OPTIONS

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
OUT_OF_TIME = 28  # curl's word for --max-time
ELSEWHERE = ("make serve", "docker build")
"""How blocks begin that need what is outside of a test: a virtual environment of their own, Docker."""


def blocks(language: str, having: str = "") -> list[str]:
    found = re.findall(rf"^```{language}\n(.*?)^```", README.read_text(), re.DOTALL | re.MULTILINE)
    return [block for block in found if having in block]


CURLS = blocks("sh", "curl ")
CONTAINER = blocks("python", "DockerContainer(")
SENDING = {"python": [block for block in blocks("python", "base_url") if block not in CONTAINER], "js": blocks("js")}
GREETING = blocks("python", "def test_the_caller")
ASKING = blocks("python", "def test_the_user_is_asked")
BREAKING = blocks("python", "def test_a_lost_answer")
GREET = blocks("sh", "pytest test_greeting.py")
IN_PROCESS = blocks("python", "with Emulator(")
ATTACHING = blocks("sh", "twilio-udm-emulator serve")

SENDER = """
from twilio.rest import Client
Client().calls("CAbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb").user_defined_messages.create(content="{}")
"""


@pytest.fixture(scope="module")
def own_site() -> Iterator[Site]:
    """An emulator that nobody else uses: the README resets it."""
    with serving() as serve:
        yield serve()


def run(site: Site, script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a script in a folder, where all programs are that it calls; else the test is skipped, in CI it fails."""
    return run_in(site, script, folder, programs(script))


def test_table_matches_the_options() -> None:
    rows = [line for line in README.read_text().splitlines() if line.startswith("| `--")]

    assert rows == [
        f"| `{option.flag}` | `{option.variable}` | {option.default and f'`{option.default}`'} | {option.help} |"
        for option in OPTIONS
    ]


def test_each_block_has_a_test() -> None:
    senders = [*SENDING["python"], *SENDING["js"], *CONTAINER]
    ours = [*CURLS, *senders, *GREETING, *GREET, *BREAKING, *ASKING, *IN_PROCESS, *ATTACHING]
    there = [block for language in ("sh", "python", "js") for block in blocks(language)]

    assert len(CURLS) > 10
    assert all([SENDING["python"], SENDING["js"], CONTAINER, GREETING, GREET, BREAKING, ASKING, IN_PROCESS, ATTACHING])
    assert sorted(ours) == sorted(block for block in there if not block.startswith(ELSEWHERE))


def test_curl_blocks_work(own_site: Site, tmp_path: Path) -> None:
    for block in CURLS:
        done = run(own_site, block, tmp_path)

        in_time = done.returncode == OUT_OF_TIME and "--max-time" in block
        assert done.returncode == 0 or in_time, f"{block}\n{done.stdout}\n{done.stderr}"


def test_first_test_passes(own_site: Site, tmp_path: Path) -> None:
    (greeting,), (script,) = GREETING, GREET
    lines = [line for line in script.splitlines() if not re.match(r"pip install |python3 -m venv ", line)]
    (tmp_path / "test_greeting.py").write_text(greeting)

    done = run(own_site, "\n".join(["unset EMULATOR_URL", *lines]), tmp_path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def test_end_user_test_passes(own_site: Site, tmp_path: Path) -> None:
    (asking,) = ASKING
    (tmp_path / "test_asking.py").write_text(asking)

    done = run(own_site, "unset EMULATOR_URL\npytest test_asking.py", tmp_path)

    assert "1 passed" in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("key", "verdict"),
    [(', idempotency_key=f"order-{order}"', "1 passed"), ("", "retried_without_key")],
)
def test_duplicate_sending_is_detected(own_site: Site, tmp_path: Path, key: str, verdict: str) -> None:
    """As it stands it passes; without the key it does not."""
    (breaking,) = BREAKING
    (tmp_path / "test_breaking.py").write_text(breaking.replace(', idempotency_key=f"order-{order}"', key))

    done = run(own_site, "unset EMULATOR_URL\npytest test_breaking.py", tmp_path)

    assert verdict in done.stdout, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("program", "block"),
    [
        pytest.param(program, block, id=f"{program} {number}")
        for program, language in (("python", "python"), ("node", "js"))
        for number, block in enumerate(SENDING[language], 1)
    ],
)
def test_programs_send_a_message(own_site: Site, tmp_path: Path, program: str, block: str) -> None:
    (tmp_path / "program").write_text(block.replace("http://127.0.0.1:2010", own_site.url))
    done = run(own_site, f"{program} program", tmp_path)

    assert re.fullmatch(r"KX[0-9a-f]{32}\n", done.stdout), done.stderr


def test_testcontainers_block_works(own_site: Site, tmp_path: Path) -> None:
    """The real library, with an engine that runs the image's command as a process."""
    if importlib.util.find_spec("testcontainers") is None:
        missing = "testcontainers is not installed; `pip install testcontainers` brings it"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    (block,) = CONTAINER
    (tmp_path / "program").write_text(block)
    with docker_engine() as (engine, variables):
        exports = [f"export {name}={value}" for name, value in variables.items()]
        done = run(own_site, "\n".join([*exports, "python program"]), tmp_path)

    assert re.fullmatch(r"KX[0-9a-f]{32}\n", done.stdout), done.stderr
    assert (engine.created["Image"], engine.created["ExposedPorts"]) == ("twilio-udm-emulator", {"2010/tcp": {}})
    assert engine.removed


@pytest.mark.parametrize("block", IN_PROCESS)
def test_in_process_block_works(own_site: Site, tmp_path: Path, block: str) -> None:
    (tmp_path / "program").write_text(block)
    done = run(own_site, "python program", tmp_path)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("block", ATTACHING)
def test_attach_block_works(tmp_path: Path, block: str) -> None:
    """The first line is run as a process of its own, which the test ends, on free ports."""
    serve, then = block.split("\n", 1)
    command, subcommand, *flags, background = shlex.split(re.sub(r"201\d", "0", serve))
    (tmp_path / "your_program.py").write_text(SENDER)

    with Command("--port", "0", *flags) as running:
        site = running.site()
        done = run(site, then, tmp_path)

        assert (command, subcommand, background) == ("twilio-udm-emulator", "serve", "&")
        assert done.returncode == 0, done.stdout + done.stderr
        assert messages(site) == 1


@pytest.mark.parametrize("document", [README, *sorted((ROOT / "docs").glob("*.md"))], ids=lambda path: path.name)
def test_relative_links_exist(document: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)", document.read_text())
    relative = [link for link in links if "://" not in link and not link.startswith("mailto:")]

    assert [link for link in relative if not (document.parent / link).exists()] == []
