"""docs/attach.md tells the truth: each block that can run here runs as it stands, and its message arrives.

A program block begins with its file's name; the shell blocks of a section find the files of that section.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.server import Command, Site

ROOT = Path(__file__).parents[1]
DOCUMENT = (ROOT / "docs" / "attach.md").read_text()
NODE = ROOT / "tests" / "conformance" / "node" / "node_modules"
ADDRESS = "http://127.0.0.1:2010"
CALL = "CA" + "b" * 32


@dataclass(frozen=True)
class Section:
    title: str
    text: str

    def blocks(self, *languages: str) -> list[str]:
        return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", self.text, re.DOTALL | re.MULTILINE)

    def files(self) -> dict[str, str]:
        """The programs by name."""
        return {block.split("\n")[0].split(" ", 1)[1]: block for block in self.blocks("python", "js")}


SECTIONS = [Section(*part.split("\n", 1)) for part in DOCUMENT.split("\n## ")[1:]]
RUN = ["Python", "Python, async client", "Node", "twilio-cli", "curl", "Browser"]
IN_PYTEST = "Python, in pytest"
SCRIPTS = [
    pytest.param(section, script, id=f"{section.title} {number}")
    for section in SECTIONS
    if section.title in RUN
    for number, script in enumerate(section.blocks("sh"), 1)
]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with Command("--port", "0", "--tls-port", "0", "--proxy-port", "0") as running:
        yield running.site()


def programs(script: str) -> str:
    """The PATH on which all that a script calls is found; without it the test is skipped, in CI it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), str(NODE / ".bin"), os.environ["PATH"]])
    for program in re.findall(r"^(python|node|twilio|curl) ", script, re.MULTILINE):
        there = shutil.which(program, path=path) and (program != "node" or (NODE / "twilio").is_dir())
        if not there:
            missing = f"there is no {program} (with Twilio's library); `npm ci` in tests/conformance/node brings it"
            if os.environ.get("CI"):
                pytest.fail(missing)
            pytest.skip(missing)
    return path


def messages(site: Site) -> int:
    count: int = site.get(f"/_emulator/messages?call_sid={CALL}").json()["count"]
    return count


def run(site: Site, script: str, folder: Path, path: str) -> subprocess.CompletedProcess[str]:
    others = ("TWILIO_", "EMULATOR_", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY")
    inherited = {name: value for name, value in os.environ.items() if not name.upper().startswith(others)}
    home = {"HOME": str(folder), "XDG_CACHE_HOME": str(folder / "cache")}
    return subprocess.run(
        ["bash", "-e", "-c", script.replace(ADDRESS, site.url).replace("curl ", "curl --fail-with-body --silent ")],
        cwd=folder,
        env={**inherited, **home, "PATH": path, "NODE_PATH": str(NODE), "EMULATOR_URL": site.url},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("section", "script"), SCRIPTS)
def test_each_block_sends_a_message(site: Site, tmp_path: Path, section: Section, script: str) -> None:
    path = programs(script)
    for name, program in section.files().items():
        (tmp_path / name).write_text(program.replace(ADDRESS, site.url))
    before = messages(site)
    done = run(site, script, tmp_path, path)

    assert done.returncode == 0, done.stdout + done.stderr
    assert messages(site) == before + 1


def test_each_program_is_used_by_a_block() -> None:
    for section in SECTIONS:
        if section.title in RUN:
            scripts = "".join(section.blocks("sh"))
            assert all(name in scripts for name in section.files()), section.title


def test_pytest_section_works(site: Site, tmp_path: Path) -> None:
    (section,) = [one for one in SECTIONS if one.title == IN_PYTEST]
    (script,) = section.blocks("sh")
    for name, program in section.files().items():
        (tmp_path / name).write_text(program)
    surroundings = "unset EMULATOR_URL; export https_proxy=http://127.0.0.1:9 NO_PROXY='*'\n"
    done = run(site, surroundings + script, tmp_path, programs(script))

    assert "1 passed" in done.stdout, done.stdout + done.stderr


def test_untested_sections_say_so() -> None:
    """The title of each other section contains "not run here"."""
    others = [section.title for section in SECTIONS if section.title not in (*RUN, IN_PYTEST, "Containers")]

    assert others
    assert all("not run here" in title for title in others)


def test_introduction_and_container_blocks(site: Site, tmp_path: Path) -> None:
    path = programs("python ")
    doctor = run(site, 'eval "$(twilio-udm-emulator env python)"\ntwilio-udm-emulator doctor', tmp_path, path)
    by_base_url = run(site, "twilio-udm-emulator doctor --base-url", tmp_path, path)
    unattached = run(site, "twilio-udm-emulator doctor", tmp_path, path)
    container = run(site, next(one for one in SECTIONS if one.title == "Containers").blocks("sh")[0], tmp_path, path)

    assert "```sh\ntwilio-udm-emulator doctor\n```" in DOCUMENT
    assert doctor.returncode == 0, doctor.stdout + doctor.stderr
    assert by_base_url.returncode == 0, by_base_url.stdout + by_base_url.stderr
    assert unattached.returncode == 1, unattached.stdout + unattached.stderr
    assert container.returncode == 0, container.stderr
    assert "--add-host host.docker.internal:host-gateway" in (tmp_path / "emulator.env").read_text()


JAVA = """
import java.io.*; import java.net.*; import java.util.Base64;
class Send {
    public static void main(String[] arguments) throws Exception {
        String account = System.getenv("TWILIO_ACCOUNT_SID"), token = System.getenv("TWILIO_AUTH_TOKEN");
        String path = "/2010-04-01/Accounts/" + account + "/Calls/CALL/UserDefinedMessages.json";
        URL url = new URL("https://api.twilio.com" + path);
        HttpURLConnection connection = (HttpURLConnection) url.openConnection();
        String basic = Base64.getEncoder().encodeToString((account + ":" + token).getBytes());
        connection.setRequestProperty("Authorization", "Basic " + basic);
        connection.setDoOutput(true);
        connection.getOutputStream().write("Content=%7B%7D".getBytes());
        if (connection.getResponseCode() != 201) System.exit(1);
    }
}
"""


def test_java_client_works_by_environment(site: Site, tmp_path: Path) -> None:
    if shutil.which("javac") is None:
        pytest.skip("there is no Java")
    (tmp_path / "Send.java").write_text(JAVA.replace("CALL", CALL))
    before = messages(site)
    script = 'eval "$(twilio-udm-emulator env java)"\njava Send.java'
    done = run(site, script, tmp_path, programs("python "))

    assert done.returncode == 0, done.stdout + done.stderr
    assert messages(site) == before + 1


def test_env_names_match_the_table(site: Site, tmp_path: Path) -> None:
    named = set(re.findall(r"twilio-udm-emulator env (\w+)", DOCUMENT))
    told = run(site, "twilio-udm-emulator env --format json", tmp_path, programs("python "))

    assert named == {"python", "node", "ruby", "php", "go", "java", "csharp", "cli", "docker"}
    assert json.loads(told.stdout)["library"] == "any"
